//! The time that decides about expiry, and the clock that tells it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the middleware takes the time from: the system, or a test.
///
/// Stores never look at a clock; each call is told the time. So one clock decides for a whole application, and a test
/// that holds it lets a session expire without waiting.
///
/// ```
/// use cloakroom::{Clock, Timestamp};
/// use std::time::Duration;
///
/// let clock = Clock::manual(Timestamp::from_millis(1_000));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), Timestamp::from_millis(61_000));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the operating system.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands still until it is told to move. Its clones are the same clock.
    pub fn manual(start: Timestamp) -> Clock {
        Clock(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::from(SystemTime::now()),
            Source::Manual(millis) => Timestamp(millis.load(Ordering::Relaxed)),
        }
    }

    /// Whether it stands until it is moved.
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self.0, Source::Manual(_))
    }

    /// Moves a manual clock forward.
    ///
    /// # Panics
    ///
    /// On the system's clock, which nobody can move.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::System => panic!("the system's clock can't be moved: use Clock::manual"),
            Source::Manual(millis) => {
                millis.fetch_add(millis_of(by), Ordering::Relaxed);
            }
        }
    }
}

/// A point in time, in whole milliseconds since the Unix epoch: the precision that every store keeps.
///
/// ```
/// use cloakroom::Timestamp;
/// use std::time::Duration;
///
/// let start = Timestamp::from_millis(1_700_000_000_123);
/// assert_eq!(start + Duration::from_secs(1), Timestamp::from_millis(1_700_000_001_123));
/// assert_eq!(start.since(start + Duration::from_secs(1)), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// Saturates: the far future stays the far future.
    fn add(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(millis_of(by)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(millis_of(after)),
            Err(before) => Timestamp(-millis_of(before.duration())),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> SystemTime {
        let distance = Duration::from_millis(time.0.unsigned_abs());
        if time.0 < 0 {
            return UNIX_EPOCH.checked_sub(distance).unwrap_or(UNIX_EPOCH);
        }
        // Where the platform has no word for a future so far, the end of the year 9999 has to do.
        UNIX_EPOCH.checked_add(distance).unwrap_or(UNIX_EPOCH + Duration::from_secs(253_402_300_799))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_time_comes_back_to_the_millisecond() {
        for millis in [0, 1, -1, 1_700_000_000_123, -86_400_000] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        }
    }

    #[test]
    fn adding_for_ever_saturates() {
        let end = Timestamp::from_millis(i64::MAX - 1) + Duration::MAX;
        assert_eq!(end.as_millis(), i64::MAX);
    }

    #[test]
    #[should_panic(expected = "can't be moved")]
    fn the_system_clock_cannot_be_moved() {
        Clock::system().advance(Duration::from_secs(1));
    }
}
