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
    /// The last mark that was given out; 0 if none was.
    sent: AtomicU64,
    /// The greatest mark that has come back; 0 if none has.
    proved: AtomicU64,
    /// A lesser mark proves nothing.
    demanded: AtomicU64,
}

impl Pulse {
    pub(super) fn new(bound: Duration) -> Pulse {
        let (sent, proved, demanded) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(1));
        Pulse { start: Instant::now(), bound, sent, proved, demanded }
    }

    pub(super) fn bound(&self) -> Duration {
        self.bound
    }

    /// A mark to be sent now: the microseconds since the start, never 0, and never one that there was before.
    pub(super) fn mark(&self) -> u64 {
        let now = self.now();
        let next = |sent: u64| now.max(sent.saturating_add(1));
        let before = self.sent.fetch_update(Ordering::AcqRel, Ordering::Acquire, |sent| Some(next(sent)));
        next(before.unwrap_or_else(|sent| sent))
    }

    fn now(&self) -> u64 {
        micros(self.start.elapsed()).saturating_add(1)
    }

    /// A mark has come back.
    pub(super) fn proved(&self, mark: u64) {
        // Another is none of ours.
        if mark <= self.sent.load(Ordering::Acquire) {
            self.proved.fetch_max(mark, Ordering::AcqRel);
        }
    }

    /// From now on only a mark counts that is given out later.
    pub(super) fn demand(&self) {
        let next = self.sent.load(Ordering::Acquire).saturating_add(1);
        self.demanded.fetch_max(next, Ordering::AcqRel);
    }

    /// Whether all is known that was confirmed a bound ago.
    pub(super) fn is_live(&self) -> bool {
        self.moment().is_live
    }

    /// The present.
    pub(super) fn moment(&self) -> Moment {
        let (at, proved) = (self.now(), self.proved.load(Ordering::Acquire));
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
        // Even at the same moment.
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
