//! How keys and numbers are spelt in BSON.

use std::borrow::Cow;

use mongodb::bson::{Bson, DateTime, RawBsonRef};

use crate::escape::{escape, unescape};

/// From here on, not every integer has a double of its own: JavaScript's `MAX_SAFE_INTEGER` is the one before it.
const UNSAFE: f64 = 9_007_199_254_740_992.0;

/// Whose spelling it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Our own: escaped names, each integer an Int64.
    Native,
    /// JavaScript's, as its driver writes it: names as they are; integers of 32 bits as Int32, up to 2^53 as Double, and
    /// only those beyond as Int64.
    JavaScript,
}

impl Style {
    /// The field name of a key; none where BSON has no word for it.
    pub(crate) fn name(self, key: &str) -> Option<Cow<'_, str>> {
        match self {
            Style::Native => Some(escape(key)),
            Style::JavaScript => (!key.contains('\0')).then_some(Cow::Borrowed(key)),
        }
    }

    /// The key that has this field name; none if no key has it.
    pub(crate) fn key(self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Style::Native => unescape(name),
            Style::JavaScript => Some(Cow::Borrowed(name)),
        }
    }

    /// An integer.
    pub(crate) fn number(self, number: i64) -> Bson {
        match (self, i32::try_from(number)) {
            (Style::JavaScript, Ok(number)) => Bson::Int32(number),
            #[allow(clippy::cast_precision_loss, reason = "below 2^53 there is none")]
            (Style::JavaScript, Err(_)) if number.unsigned_abs() < UNSAFE as u64 => Bson::Double(number as f64),
            _ => Bson::Int64(number),
        }
    }

    /// The integer, if it is one.
    ///
    /// What has become a Double only because it is too large for Int32 is one, in JavaScript. Others stay floats: there a
    /// `1.0` is either an Int32, or was a float of ours.
    pub(crate) fn integer(self, bson: RawBsonRef<'_>) -> Option<i64> {
        match bson {
            RawBsonRef::Int64(number) => Some(number),
            RawBsonRef::Int32(number) => Some(number.into()),
            RawBsonRef::Double(number) if self == Style::JavaScript => {
                whole(number).filter(|number| i32::try_from(*number).is_err())
            }
            _ => None,
        }
    }

    /// A date as text, in ISO 8601; none for a year beyond 9999.
    pub(crate) fn date(self, time: DateTime) -> Option<String> {
        match self {
            Style::Native => time.try_to_rfc3339_string().ok(),
            Style::JavaScript => {
                // JavaScript always shows the milliseconds.
                let millis = time.timestamp_millis().rem_euclid(1_000);
                let second = DateTime::from_millis(time.timestamp_millis().saturating_sub(millis))
                    .try_to_rfc3339_string()
                    .ok()?;
                Some(format!("{}.{millis:03}Z", second.strip_suffix('Z')?))
            }
        }
    }
}

/// The integer that a double is, if each integer around it has a double of its own. `-0` is none.
pub(crate) fn whole(number: f64) -> Option<i64> {
    let is_whole = number.trunc() == number && number.abs() < UNSAFE && !(number == 0.0 && number.is_sign_negative());
    #[allow(clippy::cast_possible_truncation, reason = "it has no fraction and is in range")]
    is_whole.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_spelt_as_the_driver_of_javascript_does() {
        let js = Style::JavaScript;
        for (number, bson) in [
            (0, Bson::Int32(0)),
            (i64::from(i32::MAX), Bson::Int32(i32::MAX)),
            (i64::from(i32::MIN), Bson::Int32(i32::MIN)),
            (1 << 31, Bson::Double(2_147_483_648.0)),
            ((1 << 53) - 1, Bson::Double(9_007_199_254_740_991.0)),
            (1 - (1 << 53), Bson::Double(-9_007_199_254_740_991.0)),
            (1 << 53, Bson::Int64(1 << 53)),
            (i64::MIN, Bson::Int64(i64::MIN)),
        ] {
            assert_eq!(js.number(number), bson);
            assert_eq!(Style::Native.number(number), Bson::Int64(number));
        }
    }

    #[test]
    fn only_large_whole_doubles_are_integers() {
        let js = |number| Style::JavaScript.integer(RawBsonRef::Double(number));
        assert_eq!(js(2_147_483_648.0), Some(1 << 31));
        assert_eq!(js(-9_007_199_254_740_991.0), Some(1 - (1 << 53)));
        for float in [0.0, -0.0, 1.0, 2_147_483_647.0, 2_147_483_648.5, 9_007_199_254_740_992.0, 1e300, f64::NAN] {
            assert_eq!(js(float), None, "{float}");
            assert_eq!(Style::Native.integer(RawBsonRef::Double(float)), None);
        }
    }

    #[test]
    fn dates_read_as_javascript_shows_them() {
        let js = |millis| Style::JavaScript.date(DateTime::from_millis(millis));
        assert_eq!(js(0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(js(100).unwrap(), "1970-01-01T00:00:00.100Z");
        assert_eq!(js(-1).unwrap(), "1969-12-31T23:59:59.999Z");
        assert_eq!(js(i64::MAX), None);
        assert_eq!(js(i64::MIN), None);
    }
}
