//! What spares requests the wait for a store that is known to be away.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

#[cfg(not(feature = "tokio"))]
use std::time::Instant;
#[cfg(feature = "tokio")]
use tokio::time::Instant;

use crate::store::{StoreError, StoreErrorKind};

/// So many calls in a row have to fail before the store counts as away. A single one that is slow, or a connection that is
/// reset, is no outage.
const FAILURES: u32 = 5;

/// While the store is away, one request in this time is let through to find out whether it is back, whatever became of the
/// ones before it: a probe may hang for as long as the deadline lets it.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// Counts the failures of a store. One for all requests of a layer.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// In a row. Any answer of the store makes it zero.
    failures: AtomicU32,
    /// When the next probe may go, in milliseconds since the start.
    next_probe: AtomicU64,
    start: Instant,
}

/// What has become of the store with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// It counts as away from now on.
    Away,
    /// It was away, and answers again.
    Back,
}

impl Breaker {
    pub(crate) fn new() -> Breaker {
        Breaker { failures: AtomicU32::new(0), next_probe: AtomicU64::new(0), start: Instant::now() }
    }

    /// Whether the store may be asked.
    ///
    /// # Errors
    ///
    /// If it is away, and it is not yet time to try again.
    pub(crate) fn admit(&self) -> Result<(), StoreError> {
        if self.failures.load(Ordering::Relaxed) < FAILURES || self.is_turn_of_probe(self.start.elapsed()) {
            return Ok(());
        }
        Err(StoreError::with_source(StoreErrorKind::Unavailable, Away))
    }

    /// The store has answered a call, or has failed to.
    pub(crate) fn heard<T>(&self, answer: &Result<T, StoreError>) -> Option<Transition> {
        match answer {
            Err(error) if error.is_outage() => self.failed(),
            // A corrupt record is an answer too.
            _ => self.answered(),
        }
    }

    /// The store has let a deadline pass.
    pub(crate) fn failed(&self) -> Option<Transition> {
        // In one step, so that it undoes no answer that comes at the same time.
        (self.failures.fetch_add(1, Ordering::Relaxed) == FAILURES - 1).then_some(Transition::Away)
    }

    fn answered(&self) -> Option<Transition> {
        if self.failures.load(Ordering::Relaxed) == 0 {
            return None;
        }
        (self.failures.swap(0, Ordering::Relaxed) >= FAILURES).then_some(Transition::Back)
    }

    /// Only one of those who ask at a time gets it.
    fn is_turn_of_probe(&self, elapsed: Duration) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (now, due) = (millis(elapsed), self.next_probe.load(Ordering::Relaxed));
        let next = now.saturating_add(millis(PROBE_INTERVAL));
        now >= due && self.next_probe.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Why a request was not let through.
#[derive(Debug)]
struct Away;

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it has failed again and again, and was not asked this time")
    }
}

impl std::error::Error for Away {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_failure_is_no_outage() {
        let breaker = Breaker::new();
        for _ in 0..100 {
            for _ in 1..FAILURES {
                breaker.failed();
            }
            breaker.admit().unwrap();
            breaker.heard(&Ok(()));
        }
    }

    #[test]
    fn one_request_at_a_time_finds_out_whether_the_store_is_back() {
        let breaker = Breaker::new();
        let turns: Vec<_> =
            (0..7).map(|_| breaker.heard::<()>(&Err(StoreError::new(StoreErrorKind::Timeout)))).collect();
        assert_eq!(turns, [None, None, None, None, Some(Transition::Away), None, None], "it is told once");
        let turns = |after| (0..3).filter(|_| breaker.is_turn_of_probe(Duration::from_millis(after))).count();
        assert_eq!([turns(0), turns(199), turns(200), turns(399), turns(10_000)], [1, 0, 1, 0, 1]);
        assert_eq!([(); 2].map(|()| breaker.heard(&Ok(()))), [Some(Transition::Back), None]);
        for _ in 0..10 {
            breaker.admit().unwrap();
        }
    }

    #[test]
    fn what_is_wrong_with_one_record_is_no_outage() {
        let breaker = Breaker::new();
        for kind in [StoreErrorKind::Corrupt, StoreErrorKind::Full, StoreErrorKind::Other] {
            for _ in 0..10 {
                breaker.heard::<()>(&Err(StoreError::new(kind)));
                breaker.admit().unwrap();
            }
        }
    }
}
