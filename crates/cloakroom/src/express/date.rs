//! Dates as JavaScript's `Date.prototype.toISOString` writes them.

use crate::clock::Timestamp;

const DAY: i64 = 86_400_000;
/// JavaScript has no dates before and after (ECMA-262 section 21.4.1.1).
const FARTHEST: i64 = 100_000_000 * DAY;

/// Such as `2030-01-02T03:04:05.678Z`; none beyond the dates that JavaScript has.
pub(super) fn to_iso(time: Timestamp) -> Option<String> {
    let millis = time.as_millis();
    if !(-FARTHEST..=FARTHEST).contains(&millis) {
        return None;
    }
    let (year, month, day) = date_of(millis.div_euclid(DAY));
    let of_day = millis.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1_000 % 60);
    let year = match year {
        0..=9_999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    Some(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", of_day % 1_000))
}

/// The time of such a text, and of no other.
pub(super) fn from_iso(text: &str) -> Option<Timestamp> {
    let (year, rest) = text.split_at_checked(text.len().checked_sub("-01-02T03:04:05.678Z".len())?)?;
    let number = |from: usize, to: usize| rest.get(from..to)?.parse::<i64>().ok();
    let days = days_of(year.parse().ok()?, number(1, 3)?, number(4, 6)?)?;
    let of_day = ((number(7, 9)? * 60 + number(10, 12)?) * 60 + number(13, 15)?) * 1_000 + number(16, 19)?;
    let time = Timestamp::from_millis(days.checked_mul(DAY)?.checked_add(of_day)?);
    // Whatever else was accepted on the way is not what is written for that time.
    to_iso(time).filter(|written| written == text).map(|_| time)
}

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar: Howard Hinnant's `civil_from_days`,
/// in which a year begins in March, so that the leap day is its last.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let january = i64::from(month >= 10);
    (era * 400 + year + january, if month < 10 { month + 3 } else { month - 9 }, day)
}

/// The opposite; any numbers that are no date give some day or none.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = year.checked_sub(i64::from(month <= 2))?;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era.checked_mul(146_097)?.checked_add(days - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What Node says: `new Date(ms).toISOString()`.
    const NODE: [(i64, &str); 12] = [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_893_553_445_678, "2030-01-02T03:04:05.678Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
        (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
        (-8_640_000_000_000_000, "-271821-04-20T00:00:00.000Z"),
    ];

    #[test]
    fn dates_are_written_and_read_as_node_writes_them() {
        for (millis, text) in NODE {
            let time = Timestamp::from_millis(millis);
            assert_eq!(to_iso(time).as_deref(), Some(text));
            assert_eq!(from_iso(text), Some(time));
        }
    }

    #[test]
    fn there_is_no_date_beyond_those_of_javascript() {
        for millis in [FARTHEST + 1, -FARTHEST - 1, i64::MAX, i64::MIN] {
            assert_eq!(to_iso(Timestamp::from_millis(millis)), None);
        }
        for text in [
            "",
            "2030-01-02T03:04:05Z",
            "2030-02-30T00:00:00.000Z",
            "2030-13-01T00:00:00.000Z",
            "2030-01-02T24:00:00.000Z",
            "2030-01-02 03:04:05.678Z",
            "+02030-01-02T03:04:05.678Z",
            "-000000-01-01T00:00:00.000Z",
            "+275760-09-13T00:00:00.001Z",
            "9223372036854775807-01-01T00:00:00.000Z",
            "-9223372036854775808-01-01T00:00:00.000Z",
            "2030-+1-02T03:04:05.678Z",
            "203é-01-02T03:04:05.678Z",
        ] {
            assert_eq!(from_iso(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_date_comes_back(millis in -FARTHEST..=FARTHEST) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(from_iso(&to_iso(time).unwrap()), Some(time));
        }
    }
}
