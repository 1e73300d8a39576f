//! Express' side of a shared cookie: the npm packages `cookie` 0.7.2 and `cookie-signature` 1.2, line by line.

use super::mac;

/// `cookie.parse`, but with all pairs of a name and not only the first, and before decoding.
pub(crate) fn parse(header: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut pairs = Vec::new();
    let length = header.len();
    if length < 2 {
        return pairs;
    }
    let index_of = |byte: u8, from: usize| (from..length).find(|at| header[*at] == byte);
    let mut index = 0;
    while let Some(equals) = index_of(b'=', index) {
        let mut end = index_of(b';', index).unwrap_or(length);
        if equals > end {
            // Back to the semicolon before the equals sign.
            index = (0..equals).rev().find(|at| header[*at] == b';').map_or(0, |at| at + 1);
            end = index_of(b';', index).unwrap_or(length);
        }
        let name = slice(header, index, equals);
        let mut value = slice(header, equals + 1, end);
        if value.first() == Some(&b'"') && value.last() == Some(&b'"') {
            // JavaScript's slice(1, 0) is empty.
            value = if value.len() == 1 { b"" } else { &value[1..value.len() - 1] };
        }
        pairs.push((name, value));
        index = end + 1;
        if index >= length {
            break;
        }
    }
    pairs
}

/// What lies between two places, without spaces and tabs around it.
fn slice(text: &[u8], mut start: usize, mut end: usize) -> &[u8] {
    while start < end && matches!(text[start], b' ' | b'\t') {
        start += 1;
    }
    while end > start && matches!(text[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    &text[start..end]
}

/// `decodeURIComponent`, and the text as it was where that throws. Raw bytes are taken as UTF-8, bad ones as U+FFFD.
pub(crate) fn decode(raw: &[u8]) -> String {
    decode_uri_component(raw).unwrap_or_else(|| String::from_utf8_lossy(raw).into_owned())
}

/// ECMAScript 2025, 19.2.6.6: one code point after the other.
fn decode_uri_component(raw: &[u8]) -> Option<String> {
    let escaped = |at: usize| {
        let digits = std::str::from_utf8(raw.get(at + 1..at + 3)?).ok()?;
        let is_hex = raw[at] == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_hex { u8::from_str_radix(digits, 16).ok() } else { None }
    };
    let (mut text, mut plain, mut at) = (String::new(), Vec::new(), 0);
    while at < raw.len() {
        if raw[at] != b'%' {
            plain.push(raw[at]);
            at += 1;
            continue;
        }
        text.push_str(&String::from_utf8_lossy(&plain));
        plain.clear();
        let first = escaped(at)?;
        let count = match first {
            0..0x80 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0..0xf8 => 4,
            _ => return None,
        };
        let octets: Option<Vec<u8>> = (0..count).map(|number| escaped(at + 3 * number)).collect();
        text.push_str(std::str::from_utf8(&octets?).ok()?);
        at += 3 * count;
    }
    text.push_str(&String::from_utf8_lossy(&plain));
    Some(text)
}

/// `encodeURIComponent`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

/// `cookie-signature`'s `sign`.
pub(crate) fn sign(value: &str, secret: &[u8]) -> String {
    format!("{value}.{}", mac::base64(&mac::hmac(secret, value.as_bytes()), mac::STANDARD))
}

/// `express-session`'s reading of a cookie's decoded value: the id, and which secret has signed it.
pub(crate) fn unsign<'a>(text: &'a str, secrets: &[&[u8]]) -> Option<(&'a str, usize)> {
    let signed = text.strip_prefix("s:")?;
    let (value, _) = signed.rsplit_once('.')?;
    let secret = secrets.iter().position(|secret| sign(value, secret) == signed)?;
    Some((value, secret))
}
