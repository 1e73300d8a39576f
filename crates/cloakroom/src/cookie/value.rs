use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

use super::error::{CookieError, CookieErrorKind};
use super::header::unquote;

/// The value of a cookie, as it goes over the wire.
///
/// Text becomes a value by [`encode`](Self::encode); a `&str` or `String` given to
/// [`SetCookie::new`](super::SetCookie::new) is encoded so. Debug shows the length only, and there
/// is no Display: a value may be a credential.
///
/// ```
/// use cloakroom::cookie::CookieValue;
///
/// let value = CookieValue::encode("dark blue")?;
/// assert_eq!(value.as_str(), "dark%20blue");
/// assert_eq!(value.decoded(), "dark blue");
/// assert_eq!(format!("{value:?}"), "CookieValue(11 bytes)");
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CookieValue(Cow<'static, str>);

impl CookieValue {
    /// The value of a removal cookie.
    pub(super) const EMPTY: Self = Self(Cow::Borrowed(""));

    /// Percent-encodes text as JavaScript's `encodeURIComponent` does, which is what Express does.
    ///
    /// ```
    /// use cloakroom::cookie::CookieValue;
    ///
    /// assert_eq!(CookieValue::encode("s:id/1é")?.as_str(), "s%3Aid%2F1%C3%A9");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Value`] if the text holds an ASCII control character. Encoded it would
    /// pass every browser, but the other side decodes it, and then it is in headers and logs.
    pub fn encode(text: impl AsRef<str>) -> Result<Self, CookieError> {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let text = text.as_ref();
        let mut encoded = String::with_capacity(text.len() + 16);
        let mut done = 0;
        for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| !IS_UNRESERVED[usize::from(*byte)]) {
            if byte.is_ascii_control() {
                return Err(CookieError::new(
                    CookieErrorKind::Value,
                    format!("the cookie's value has a control character, at byte {at}"),
                ));
            }
            // What stays as it is begins and ends beside ASCII, never within a character.
            if done < at {
                encoded.push_str(&text[done..at]);
            }
            done = at + 1;
            for digit in [b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]] {
                encoded.push(char::from(digit));
            }
        }
        encoded.push_str(&text[done..]);
        Ok(Self(Cow::Owned(encoded)))
    }

    /// Takes a value that already is what it shall be on the wire ([RFC 6265bis, section 4.1.1]):
    /// visible ASCII without `"`, `,`, `;` and `\`, and perhaps one pair of double quotes around
    /// it.
    ///
    /// ```
    /// use cloakroom::cookie::CookieValue;
    ///
    /// assert_eq!(CookieValue::verbatim("a:b/c=")?.as_str(), "a:b/c=");
    /// assert!(CookieValue::verbatim("a b").is_err());
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Value`] if the text holds anything else.
    ///
    /// [RFC 6265bis, section 4.1.1]: https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#section-4.1.1
    pub fn verbatim(text: impl Into<Cow<'static, str>>) -> Result<Self, CookieError> {
        let text = text.into();
        let bytes = text.as_bytes();
        let inner = match bytes {
            [b'"', inner @ .., b'"'] => inner,
            _ => bytes,
        };
        match inner.iter().position(|byte| !is_cookie_octet(*byte)) {
            None => Ok(Self(text)),
            Some(at) => {
                let at = at + (bytes.len() - inner.len()) / 2;
                Err(CookieError::new(
                    CookieErrorKind::Value,
                    format!("the cookie's value has a character that is not allowed unencoded, at byte {at}"),
                ))
            }
        }
    }

    /// The value as it goes over the wire.
    ///
    /// ```
    /// use cloakroom::cookie::CookieValue;
    ///
    /// assert_eq!(CookieValue::encode("50 %")?.as_str(), "50%20%25");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text that a reader will see: without the pair of quotes, and decoded.
    ///
    /// ```
    /// use cloakroom::cookie::CookieValue;
    ///
    /// assert_eq!(CookieValue::encode("50 %")?.decoded(), "50 %");
    /// assert_eq!(CookieValue::verbatim("\"quoted\"")?.decoded(), "quoted");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn decoded(&self) -> Cow<'_, str> {
        decode(unquote(self.0.as_bytes()))
    }
}

/// Undoes percent-encoding as JavaScript's `decodeURIComponent` does.
///
/// A value with a broken escape, or with escapes that are not UTF-8, comes back whole as it was, as
/// Express does it. Raw bytes that are not UTF-8 become U+FFFD; a browser sends such bytes only if
/// a server once set them.
///
/// ```
/// use cloakroom::cookie::decode;
///
/// assert_eq!(decode(b"h%C3%A9llo"), "héllo");
/// assert_eq!(decode(b"100%"), "100%");
/// assert_eq!(decode(b"%41%ff"), "%41%ff");
/// ```
#[must_use]
pub fn decode(raw: &[u8]) -> Cow<'_, str> {
    if memchr(b'%', raw).is_none() {
        return String::from_utf8_lossy(raw);
    }
    let mut buffer = vec![0; raw.len()];
    if let Some(length) = decode_ascii(raw, &mut buffer) {
        buffer.truncate(length);
        if let Ok(text) = String::from_utf8(buffer) {
            return Cow::Owned(text);
        }
    }
    decode_any(raw)
}

/// The short way for what nearly all values are: ASCII with good escapes of ASCII, which can't make bad UTF-8. Gives the
/// length of the text, and none if the value is another one or the text is longer than the buffer.
fn decode_ascii(raw: &[u8], buffer: &mut [u8]) -> Option<usize> {
    unescape(raw, buffer).filter(|length| buffer[..*length].is_ascii())
}

/// Writes the bytes that the value stands for into the buffer. Gives their number, and none if an escape is broken or they
/// are more than the buffer holds.
pub(crate) fn unescape(raw: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    let mut rest = raw;
    loop {
        let plain;
        (plain, rest) = rest.split_at(memchr(b'%', rest).unwrap_or(rest.len()));
        buffer.get_mut(length..length + plain.len())?.copy_from_slice(plain);
        length += plain.len();
        let Some((escape, after)) = rest.split_first_chunk::<3>() else { break };
        let [_, high, low] = *escape;
        *buffer.get_mut(length)? = hex(high)? << 4 | hex(low)?;
        length += 1;
        rest = after;
    }
    // What is left is an escape that was cut off.
    rest.is_empty().then_some(length)
}

/// The long way, for all values.
fn decode_any(raw: &[u8]) -> Cow<'_, str> {
    try_decode(raw).map_or_else(|| String::from_utf8_lossy(raw), Cow::Owned)
}

fn try_decode(raw: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    // Each run of escapes must be UTF-8 by itself: in JavaScript an escape never joins with the
    // character beside it.
    let mut run = Vec::new();
    let mut rest = raw;
    while let Some(&first) = rest.first() {
        if first == b'%' {
            run.clear();
            while let [b'%', high, low, after @ ..] = rest {
                run.push(hex(*high)? << 4 | hex(*low)?);
                rest = after;
            }
            if rest.first() == Some(&b'%') {
                return None;
            }
            text.push_str(std::str::from_utf8(&run).ok()?);
        } else {
            let plain = memchr(b'%', rest).unwrap_or(rest.len());
            let (plain, after) = rest.split_at(plain);
            text.push_str(&String::from_utf8_lossy(plain));
            rest = after;
        }
    }
    Some(text)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The bytes that stay as they are: to look them up is quicker than to compare.
const IS_UNRESERVED: [bool; 256] = {
    let mut all = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        all[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')');
        byte += 1;
    }
    all
};

fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)
}

impl fmt::Debug for CookieValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CookieValue({} bytes)", self.0.len())
    }
}

impl TryFrom<&str> for CookieValue {
    type Error = CookieError;

    fn try_from(text: &str) -> Result<Self, CookieError> {
        Self::encode(text)
    }
}

impl TryFrom<String> for CookieValue {
    type Error = CookieError;

    fn try_from(text: String) -> Result<Self, CookieError> {
        Self::encode(text)
    }
}

impl From<&CookieValue> for CookieValue {
    fn from(value: &CookieValue) -> Self {
        value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_that_of_encode_uri_component() {
        let visible: String = (0x20..0x7f).map(char::from).collect();
        assert_eq!(
            CookieValue::encode(&visible).unwrap().as_str(),
            "%20!%22%23%24%25%26'()*%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_\
             %60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~"
        );
        assert_eq!(CookieValue::encode(&visible).unwrap().decoded(), visible);
    }

    #[test]
    fn what_is_not_ascii_is_encoded_byte_by_byte_and_what_lies_between_stays() {
        assert_eq!(CookieValue::encode("aé€b😀").unwrap().as_str(), "a%C3%A9%E2%82%ACb%F0%9F%98%80");
        assert_eq!(CookieValue::encode("\u{80}").unwrap().as_str(), "%C2%80");
        assert!(CookieValue::encode("é \n").unwrap_err().to_string().contains("at byte 3"));
    }

    #[test]
    fn every_control_character_is_refused_both_ways() {
        for control in (0..0x20).chain([0x7f]).map(char::from) {
            assert!(CookieValue::encode(format!("a{control}")).is_err(), "{control:?}");
            assert!(CookieValue::verbatim(format!("a{control}")).is_err(), "{control:?}");
        }
    }

    #[test]
    fn quotes_are_allowed_around_a_verbatim_value_and_nowhere_else() {
        for good in ["", "\"\"", "\"a\"", "a=b"] {
            assert_eq!(CookieValue::verbatim(good).unwrap().as_str(), good);
        }
        for bad in ["\"", "\"a", "a\"", "a\"b", "\"a\"b\"", "a;b", "a,b", "a\\b", " ", "é"] {
            assert!(CookieValue::verbatim(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_tells_the_length_only() {
        assert_eq!(format!("{:?}", CookieValue::encode("secret").unwrap()), "CookieValue(6 bytes)");
    }

    #[test]
    fn the_error_says_where_the_character_is() {
        for (bad, place) in
            [("a b", "at byte 1"), ("\"a b\"", "at byte 2"), ("\"abc;\"", "at byte 4"), ("abc\"", "at byte 3")]
        {
            let error = CookieValue::verbatim(bad).unwrap_err().to_string();
            assert!(error.ends_with(place), "{bad}: {error}");
        }
    }

    #[test]
    fn a_buffer_takes_what_it_has_room_for() {
        assert_eq!(unescape(b"s%3Aid.signature%2B%2F", &mut [0; 15]), None);
        let mut buffer = [0; 16];
        assert_eq!(unescape(b"s%3Aid.signature%2B%2F", &mut buffer), Some(16));
        assert_eq!(&buffer, b"s:id.signature+/");
    }

    #[test]
    fn decoding_gives_the_whole_value_back_if_any_part_is_bad() {
        for bad in
            ["%", "%4", "%4g", "%g4", "a%20b%", "%C3", "%C3é", "%ED%A0%80", "%C0%80", "%F5%80%80%80", "%%41", "%C3%28"]
        {
            assert_eq!(decode(bad.as_bytes()), bad);
        }
    }

    #[test]
    fn escapes_are_read_in_upper_and_lower_case() {
        for letter in (0..0x800).filter_map(char::from_u32) {
            let bytes = letter.to_string().into_bytes();
            let lower: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            let upper: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
            assert_eq!(decode(lower.as_bytes()), letter.to_string());
            assert_eq!(decode(upper.as_bytes()), letter.to_string());
        }
    }

    #[test]
    fn an_escape_does_not_join_with_a_raw_byte() {
        assert_eq!(decode(b"\xc3%A9"), "\u{fffd}%A9");
        assert_eq!(decode("é%41".as_bytes()), "éA");
    }

    #[test]
    fn the_short_way_gives_what_the_long_way_gives() {
        let mut pieces: Vec<&[u8]> =
            vec![b"%41", b"%7e", b"%25", b"%3A", b"%C3%A9", b"%c3", b"%80", b"%00", b"%7F", b"%ff"];
        pieces.extend([
            b"a".as_slice(),
            b"Z9-_.",
            b" \t\"",
            b"%",
            b"%4",
            b"%g1",
            b"%1g",
            b"%+1",
            "é".as_bytes(),
            b"\xc3",
            b"\xa9",
        ]);
        pieces.push(b"a value without any escapes that is longer than a chunk");
        let check = |raw: &[u8]| {
            let expected = decode_any(raw);
            assert_eq!(decode(raw), expected);
        };
        let mut random = super::super::header::random_numbers();
        check(b"");
        for _ in 0..5_000 {
            let choice = 1 + random(pieces.len());
            let raw: Vec<&[u8]> = (0..random(12)).map(|_| pieces[random(choice)]).collect();
            check(&raw.concat());
        }
    }

    #[test]
    fn any_bytes_can_be_decoded() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                assert!(!decode(&[b'%', first, second]).is_empty());
                assert!(!decode(&[first, second, b'%']).is_empty());
            }
        }
    }
}
