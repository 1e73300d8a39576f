//! Times and spans, as people and machines read them.

use std::time::{Duration, SystemTime};

use cloakroom::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(crate) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// In UTC, by RFC 3339; none for what is beyond the year 9999, and so never.
pub(crate) fn utc(time: Timestamp) -> Option<String> {
    date(time)?.format(&Rfc3339).ok()
}

fn date(time: Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.as_millis()) * 1_000_000).ok()
}

/// How long ago, or in how long.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    if date(time).is_none() {
        return "never".to_owned();
    }
    if time > now { format!("in {}", span(time.since(now))) } else { format!("{} ago", span(now.since(time))) }
}

/// A length of time in its largest unit.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_its_largest_unit() {
        let at = Timestamp::from_millis;
        assert_eq!(relative(at(0), at(119_999)), "119 s ago");
        assert_eq!(relative(at(3_600_000), at(0)), "in 60 min");
        assert_eq!(relative(at(0), at(200_000_000)), "2 d ago");
        assert_eq!(relative(at(i64::MAX), at(0)), "never");
        assert_eq!(utc(at(1_700_000_000_123)).as_deref(), Some("2023-11-14T22:13:20.123Z"));
    }
}
