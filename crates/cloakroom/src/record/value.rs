//! One value of a session: JSON that every store gives back the same.

use std::fmt;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::finite;
use super::text::Text;

/// How deep arrays and objects may stand in each other. Deeper values are refused: not every database keeps them.
pub const MAX_DEPTH: usize = 100;

/// One value of a session, as JSON text. It stays text until somebody asks for it.
///
/// It holds what every store can keep: nesting up to [`MAX_DEPTH`], integers in the range of `i64`, finite floats.
/// The rest is refused here, so that nothing is rounded or lost later. Debug prints its length only.
///
/// ```
/// use cloakroom::record::Value;
///
/// let value = Value::serialize(&vec![1, 2])?;
/// assert_eq!(value.as_json(), "[1,2]");
/// assert_eq!(value.deserialize::<Vec<u8>>()?, [1, 2]);
/// assert!(Value::serialize(&u64::MAX).is_err());
/// assert!(Value::serialize(&f64::NAN).is_err());
/// # Ok::<(), cloakroom::record::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Value(Text<IN_PLACE>);

/// Text that is no longer is kept in place: most numbers, flags and names.
const IN_PLACE: usize = 22;

impl Value {
    /// The value as JSON.
    ///
    /// # Errors
    ///
    /// If it can't be serialised, or holds what not every store can keep (see the type).
    pub fn serialize<T: Serialize + ?Sized>(value: &T) -> Result<Value, ValueError> {
        let mut text = Written { short: [0; SHORT], length: 0, long: Vec::new() };
        serde_json::to_writer(&mut text, value).map_err(|source| ValueError::json(Kind::NotSerializable, source))?;
        let text = std::str::from_utf8(text.bytes()).map_err(|_| ValueError(Kind::NotSerializable, None))?;
        if is_small_number(text) {
            return Ok(Value(text.into()));
        }
        check(text)?;
        // JSON has no word for NaN and the infinities, and serde_json writes `null` in their place.
        if text.contains("null") {
            finite::check(value)?;
        }
        Ok(Value(text.into()))
    }

    /// A value from JSON text.
    ///
    /// # Errors
    ///
    /// If it is no JSON, or holds what not every store can keep (see the type).
    pub fn from_json(text: &str) -> Result<Value, ValueError> {
        serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map_err(|source| ValueError::json(Kind::NotJson, source))?;
        let text = text.trim_ascii();
        check(text)?;
        Ok(Value(text.into()))
    }

    /// The text of a value that was one before.
    pub(crate) fn from_kept(text: &str) -> Value {
        Value(text.into())
    }

    /// The value as a Rust type.
    ///
    /// # Errors
    ///
    /// If it is of another type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        serde_json::from_slice(self.0.as_bytes()).map_err(|source| ValueError::json(Kind::OtherType, source))
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.as_str()
    }

    /// How many bytes the JSON text has.
    pub(crate) fn size(&self) -> usize {
        self.0.as_bytes().len()
    }

    /// Whether the name of a key in it holds NUL, which not every format can say.
    pub(crate) fn has_nul_in_a_key(&self) -> bool {
        // In JSON text it is always escaped, and an odd number of backslashes before the escape makes it another text.
        let text = self.as_json();
        text.match_indices("\\u0000").any(|(at, escape)| {
            let before = text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
            let end = end_of_string(text.as_bytes(), at + escape.len() - 1);
            let is_key = |end: usize| text[end + 1..].trim_ascii_start().starts_with(':');
            before % 2 == 0 && end.is_ok_and(is_key)
        })
    }

    /// The number, if the value is an integer. `-0` is a float: no integer has that sign.
    pub fn as_i64(&self) -> Option<i64> {
        let text = self.as_json();
        if text == "-0" { None } else { text.parse().ok() }
    }
}

/// As long as most values are.
const SHORT: usize = 64;

/// Text that is being written. While it is short, it takes no allocation.
struct Written {
    short: [u8; SHORT],
    length: usize,
    /// All of it, once it is longer.
    long: Vec<u8>,
}

impl Written {
    fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.length] } else { &self.long }
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.short.get_mut(self.length..self.length + bytes.len()).filter(|_| self.long.is_empty());
        match room {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => {
                if self.long.is_empty() {
                    self.long.extend_from_slice(&self.short[..self.length]);
                }
                self.long.extend_from_slice(bytes);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value(itoa::Buffer::new().format(number).into())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.size())
    }
}

/// Whether it is a number that fits whatever its digits are: nearly all are, and need no other check.
fn is_small_number(text: &str) -> bool {
    text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Goes through valid JSON once: the depth, and the range of the numbers.
fn check(text: &str) -> Result<(), ValueError> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at)?,
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(ValueError(Kind::TooDeep, None));
                }
            }
            b']' | b'}' => depth -= 1,
            b'-' | b'0'..=b'9' => {
                let start = at;
                while at < bytes.len() && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') {
                    at += 1;
                }
                check_number(&text[start..at])?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The index of the closing quote of the string that opens at `open`.
fn end_of_string(bytes: &[u8], open: usize) -> Result<usize, ValueError> {
    let mut at = open + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += match (bytes[at], surrogate(bytes, at)) {
            // Half a pair is no text, and no database but JSON's own kind has a word for it.
            (_, Some(Surrogate::High)) if matches!(surrogate(bytes, at + 6), Some(Surrogate::Low)) => 12,
            (_, Some(_)) => return Err(ValueError(Kind::NotJson, None)),
            (b'\\', None) => 2,
            _ => 1,
        };
    }
    Ok(at)
}

enum Surrogate {
    High,
    Low,
}

/// Which half of a surrogate pair is escaped at `at`, as in `\ud83d\ude00` (RFC 8259 section 7).
fn surrogate(bytes: &[u8], at: usize) -> Option<Surrogate> {
    match bytes.get(at..at + 4)? {
        [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B'] => Some(Surrogate::High),
        [b'\\', b'u', b'd' | b'D', b'c'..=b'f' | b'C'..=b'F'] => Some(Surrogate::Low),
        _ => None,
    }
}

fn check_number(text: &str) -> Result<(), ValueError> {
    let fits = if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        text.parse::<f64>().is_ok_and(f64::is_finite)
    } else {
        text.parse::<i64>().is_ok()
    };
    if fits { Ok(()) } else { Err(ValueError(Kind::NumberRange, None)) }
}

/// Why a value can't be kept, or can't be read as the type that was asked for. Never tells the value.
#[derive(Debug)]
pub struct ValueError(Kind, Option<JsonFault>);

use ValueErrorKind as Kind;

/// The kinds of [`ValueError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueErrorKind {
    /// The type's own serialisation failed, for example on a map whose keys are no strings.
    NotSerializable,
    /// A text is no JSON.
    NotJson,
    /// The value is there, but of another type than was asked for.
    OtherType,
    /// It is nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// It holds an integer beyond `i64`, or a float that is not finite.
    NumberRange,
}

impl ValueError {
    /// What kind of error it is.
    pub fn kind(&self) -> ValueErrorKind {
        self.0
    }

    pub(super) fn number_range() -> ValueError {
        ValueError(Kind::NumberRange, None)
    }

    fn json(kind: Kind, source: serde_json::Error) -> ValueError {
        ValueError(kind, Some(JsonFault::from(source)))
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::NotSerializable => f.write_str("the value can't be serialised"),
            Kind::NotJson => f.write_str("the value is no JSON"),
            Kind::OtherType => f.write_str("the value is of another type than was asked for"),
            Kind::TooDeep => write!(f, "the value is nested deeper than {MAX_DEPTH} levels"),
            Kind::NumberRange => {
                f.write_str("the value holds a number that not every store keeps: beyond i64, or not finite")
            }
        }
    }
}

impl std::error::Error for ValueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.1.as_ref().map(|fault| fault as _)
    }
}

/// What serde_json said, without its message: that one quotes the value.
#[derive(Debug)]
pub(crate) struct JsonFault {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> JsonFault {
        JsonFault { category: error.classify(), line: error.line(), column: error.column() }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JSON {:?} error at line {} column {}", self.category, self.line, self.column)
    }
}

impl std::error::Error for JsonFault {}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of<T: Serialize + ?Sized>(value: &T) -> Option<ValueErrorKind> {
        Value::serialize(value).err().map(|error| error.kind())
    }

    #[test]
    fn texts_of_all_lengths_are_kept_whole() {
        for length in (0..200).chain([4_095, 100_000]) {
            let text = "ä\"x".chars().cycle().take(length).collect::<String>();
            let value = Value::serialize(&text).unwrap();
            assert_eq!(value.as_json(), serde_json::to_string(&text).unwrap(), "{length}");
            let many = vec![length; length % 50];
            assert_eq!(Value::serialize(&many).unwrap().as_json(), serde_json::to_string(&many).unwrap());
        }
    }

    #[test]
    fn nul_in_a_key_is_told_from_nul_in_a_text_and_from_what_looks_like_it() {
        let has = |text: &str| Value::from_json(text).unwrap().has_nul_in_a_key();
        assert!(has(r#"{"\u0000":1}"#) && has(r#"[{"a":{"b\\\u0000\"c" : 1}}]"#));
        assert!(!has(r#""\u0000""#) && !has(r#"{"a":"\u0000","b":"x"}"#) && !has(r#"{"\\u0000":1}"#));
        assert!(!has(r#"["\u0000\":"]"#) && !has("{}"));
    }

    #[test]
    fn what_no_store_can_keep_is_refused() {
        assert_eq!(kind_of(&(i64::MAX as u64 + 1)), Some(Kind::NumberRange));
        assert_eq!(kind_of(&i128::MIN), Some(Kind::NumberRange));
        assert_eq!(kind_of(&[f64::NAN]), Some(Kind::NumberRange));
        assert_eq!(kind_of(&Some(f32::INFINITY)), Some(Kind::NumberRange));
        let nested =
            |levels: usize| serde_json::from_str::<serde_json::Value>(&("[".repeat(levels) + &"]".repeat(levels)));
        assert_eq!(kind_of(&nested(MAX_DEPTH).unwrap()), None);
        assert_eq!(kind_of(&nested(MAX_DEPTH + 1).unwrap()), Some(Kind::TooDeep));
        let by_pair = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert_eq!(kind_of(&by_pair), Some(Kind::NotSerializable));
    }

    #[test]
    fn what_only_looks_bad_is_kept() {
        for text in [r#""[[[{{{ 99999999999999999999 \" \\""#, "null", "[null,1.0,-0.0]", "9007199254740993", "1e300"] {
            assert_eq!(Value::from_json(text).unwrap().as_json(), text);
        }
        assert_eq!(kind_of(&Option::<u8>::None), None);
        assert_eq!(kind_of("null"), None);
    }

    #[test]
    fn floats_come_back_bit_for_bit() {
        // serde_json rounds these unless it is told not to, by a feature.
        for number in [-9.214396322336865e-229, 1.9706713652539047e-259, 2.638344616030823e-256, f64::MIN_POSITIVE] {
            let read: f64 = Value::serialize(&number).unwrap().deserialize().unwrap();
            assert_eq!(read.to_bits(), number.to_bits(), "{number:?}");
        }
    }

    #[test]
    fn minus_zero_is_a_float_however_it_is_spelt() {
        for text in ["-0", "-0.0"] {
            let value = Value::from_json(text).unwrap();
            assert_eq!(value.as_i64(), None);
            assert_eq!(value.deserialize::<f64>().unwrap().to_bits(), (-0.0_f64).to_bits());
        }
        assert_eq!(Value::from_json("0").unwrap().as_i64(), Some(0));
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        for whole in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#"{"\uD83D\uDE00":"\u00e9"}"#] {
            assert!(Value::from_json(whole).is_ok(), "{whole}");
        }
        for half in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\ud83d""#, r#"{"\uDE00":1}"#, r#""\ud83dx""#] {
            assert_eq!(Value::from_json(half).unwrap_err().kind(), Kind::NotJson, "{half}");
        }
    }

    #[test]
    fn errors_and_debug_never_tell_the_value() {
        let value = Value::serialize("hunter2").unwrap();
        let error = value.deserialize::<u8>().unwrap_err();
        let chain = format!("{value:?} {error} {error:?} {}", std::error::Error::source(&error).unwrap());
        assert!(!chain.contains("hunter2"), "{chain}");
        assert_eq!(error.kind(), Kind::OtherType);
    }
}
