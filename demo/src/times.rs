//! Points in time, for people and for machines.

use std::fmt;
use std::time::Duration;

use cloakroom::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as a page shows it: in words, with the exact one behind.
pub(crate) struct Moment {
    time: Timestamp,
    now: Timestamp,
}

impl Moment {
    pub(crate) fn new(time: Timestamp, now: Timestamp) -> Moment {
        Moment { time, now }
    }

    /// In words, such as "5 minutes ago".
    pub(crate) fn ago(&self) -> String {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let (count, unit) = match self.now.since(self.time).as_secs() {
            0..MINUTE => return "just now".to_owned(),
            seconds @ MINUTE..HOUR => (seconds / MINUTE, "minute"),
            seconds @ HOUR..DAY => (seconds / HOUR, "hour"),
            seconds => (seconds / DAY, "day"),
        };
        format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
    }
}

/// Exact to the second, as RFC 3339 has it and HTML wants it.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Duration::from_secs(1).as_millis();
        let whole = self.time.as_millis().div_euclid(i64::try_from(seconds).map_err(|_| fmt::Error)?);
        let time = OffsetDateTime::from_unix_timestamp(whole).map_err(|_| fmt::Error)?;
        f.write_str(&time.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        let now = Timestamp::from_millis(1_700_000_000_123);
        let ago = |seconds: i64| Moment::new(Timestamp::from_millis(now.as_millis() - seconds * 1000), now).ago();
        assert_eq!(ago(-5), "just now");
        assert_eq!(ago(59), "just now");
        assert_eq!(ago(60), "1 minute ago");
        assert_eq!(ago(3599), "59 minutes ago");
        assert_eq!(ago(7200), "2 hours ago");
        assert_eq!(ago(86_400), "1 day ago");
        assert_eq!(Moment::new(now, now).to_string(), "2023-11-14T22:13:20Z");
    }
}
