//! Points in time, for people and for machines.

use std::fmt;
use std::time::Duration;

use cloakroom::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as a page shows it: in words, with the exact one behind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    time: Timestamp,
    words: String,
}

impl Moment {
    /// A time that lies behind; `words` tells how long ago it was.
    pub(crate) fn past(time: Timestamp, now: Timestamp, words: impl Fn(Duration) -> String) -> Moment {
        Moment { time, words: words(now.since(time)) }
    }

    pub(crate) fn in_words(&self) -> &str {
        &self.words
    }
}

/// Exact to the second, as RFC 3339 has it and HTML wants it.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_millis().div_euclid(1_000);
        let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| fmt::Error)?;
        f.write_str(&time.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

/// The time of day at UTC, such as 14:05.
pub(crate) fn time_of_day(time: Timestamp) -> String {
    let minutes = time.as_millis().div_euclid(60_000).rem_euclid(24 * 60);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// In English, such as "5 minutes ago".
pub(crate) fn ago(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let (count, unit) = match time.as_secs() {
        0..MINUTE => return "just now".to_owned(),
        seconds @ MINUTE..HOUR => (seconds / MINUTE, "minute"),
        seconds @ HOUR..DAY => (seconds / HOUR, "hour"),
        seconds => (seconds / DAY, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        let told = |seconds| ago(Duration::from_secs(seconds));
        assert_eq!(told(59), "just now");
        assert_eq!(told(60), "1 minute ago");
        assert_eq!(told(3599), "59 minutes ago");
        assert_eq!(told(7200), "2 hours ago");
        assert_eq!(told(86_400), "1 day ago");
    }

    #[test]
    fn machines_are_told_exactly() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        let moment = Moment::past(time, time, ago);
        assert_eq!((moment.to_string().as_str(), moment.in_words()), ("2023-11-14T22:13:20Z", "just now"));
        assert_eq!(time_of_day(time), "22:13");
    }
}
