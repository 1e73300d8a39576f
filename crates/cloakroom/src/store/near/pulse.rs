//! Whether the feed has proved itself of late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Knows up to when the feed has told all. Time is that of the process, which no clock can set back; a test that pauses
/// tokio's time holds it.
#[derive(Debug)]
pub(super) struct Pulse {
    start: Instant,
    bound: Duration,
    /// The greatest mark that has come back; 0 if none has.
    proved: AtomicU64,
    /// A lesser mark proves nothing.
    demanded: AtomicU64,
}

impl Pulse {
    pub(super) fn new(bound: Duration) -> Pulse {
        Pulse { start: Instant::now(), bound, proved: AtomicU64::new(0), demanded: AtomicU64::new(1) }
    }

    pub(super) fn bound(&self) -> Duration {
        self.bound
    }

    /// A mark to be sent now: the microseconds since the start, and never 0.
    pub(super) fn mark(&self) -> u64 {
        micros(self.start.elapsed()).saturating_add(1)
    }

    /// A mark has come back.
    pub(super) fn proved(&self, mark: u64) {
        // One that is ahead is none of ours.
        if mark <= self.mark() {
            self.proved.fetch_max(mark, Ordering::AcqRel);
        }
    }

    /// From now on only a mark counts that is sent later.
    pub(super) fn demand(&self) {
        self.demanded.fetch_max(self.mark().saturating_add(1), Ordering::AcqRel);
    }

    /// Whether all is known that was confirmed a bound ago.
    pub(super) fn is_live(&self) -> bool {
        self.moment().is_live
    }

    /// The present.
    pub(super) fn moment(&self) -> Moment {
        let (at, proved) = (self.mark(), self.proved.load(Ordering::Acquire));
        let is_enough = proved >= self.demanded.load(Ordering::Acquire);
        Moment { at, is_live: is_enough && at < proved.saturating_add(micros(self.bound)) }
    }
}

/// A point in time, and whether copies may be served then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// In microseconds since the start.
    pub(super) at: u64,
    pub(super) is_live: bool,
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_lives_for_a_bound_from_the_moment_at_which_the_mark_was_sent() {
        let pulse = Pulse::new(Duration::from_secs(1));
        assert!(!pulse.is_live());
        let sent = pulse.mark();
        tokio::time::advance(Duration::from_millis(900)).await;
        pulse.proved(sent);
        assert!(pulse.is_live());
        tokio::time::advance(Duration::from_millis(99)).await;
        assert!(pulse.is_live());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!pulse.is_live());
    }

    #[tokio::test(start_paused = true)]
    async fn where_more_is_demanded_only_a_later_mark_will_do() {
        let pulse = Pulse::new(Duration::from_secs(1));
        let early = pulse.mark();
        pulse.demand();
        pulse.proved(early);
        assert!(!pulse.is_live());
        tokio::time::advance(Duration::from_millis(1)).await;
        pulse.proved(pulse.mark());
        assert!(pulse.is_live());
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_mark_and_one_of_nobody_prove_nothing() {
        let pulse = Pulse::new(Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(5)).await;
        pulse.proved(pulse.mark());
        pulse.proved(1);
        pulse.proved(u64::MAX);
        assert!(pulse.is_live());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!pulse.is_live());
    }
}
