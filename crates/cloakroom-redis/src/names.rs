//! What the keys are called, and where in a cluster they are.

use std::fmt::Write as _;

use cloakroom::record::{Handle, StoreKey};
use cloakroom::store::StoreError;

use crate::error;

/// The parts of the index of all sessions: one for each digit that a handle can begin with.
pub(crate) const SHARDS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// The digits of a handle.
const HANDLE: usize = 32;

/// The digits of a digest.
const DIGEST: usize = 64;

/// The record of a session.
pub(crate) fn session(prefix: &str, digest: &str) -> Vec<u8> {
    format!("{}{digest}", sessions(prefix)).into_bytes()
}

/// What the names of all records begin with, before the digest.
pub(crate) fn sessions(prefix: &str) -> String {
    format!("{prefix}:s:")
}

/// The digest that is written so, if it is one.
pub(crate) fn bytes_of(digest: &str) -> Option<[u8; DIGEST / 2]> {
    let mut bytes = [0; DIGEST / 2];
    let digits = digest.as_bytes();
    if digits.len() != DIGEST || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    (hex(&bytes) == digest).then_some(bytes)
}

/// The digests of a user's sessions.
pub(crate) fn user(prefix: &str, user: &str) -> Vec<u8> {
    format!("{prefix}:u:{user}").into_bytes()
}

/// A part of the index of all sessions.
pub(crate) fn page(prefix: &str, shard: char) -> Vec<u8> {
    format!("{prefix}:p:{shard}").into_bytes()
}

/// The part that a handle is in.
pub(crate) fn shard(handle: &str) -> char {
    handle.chars().next().unwrap_or('0')
}

/// A key's digest, in hex.
pub(crate) fn digest(key: &StoreKey) -> String {
    hex(key.digest())
}

/// A new public name.
pub(crate) fn new_handle() -> Result<String, StoreError> {
    let mut bytes = [0_u8; HANDLE / 2];
    getrandom::fill(&mut bytes).map_err(error::no_randomness)?;
    Ok(hex(&bytes))
}

/// Whether a session can have this handle.
pub(crate) fn is_handle(handle: &Handle) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    handle.as_str().len() == HANDLE && handle.as_str().bytes().all(is_digit)
}

/// The bound of a range of the index that begins behind a handle, which may be any text.
pub(crate) fn behind(after: Option<&Handle>) -> Vec<u8> {
    let Some(after) = after.map(|after| after.as_str().as_bytes()) else { return b"-".to_vec() };
    match after.get(..HANDLE) {
        // Behind the colon that follows the handle. What is longer than a handle comes after that, and before the next.
        Some(handle) => [b"(", handle, b";"].concat(),
        None => [b"[", after].concat(),
    }
}

/// What a member of the index of all sessions tells: `handle:digest:written`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) handle: String,
    pub(crate) digest: String,
    /// When it was written, in milliseconds.
    pub(crate) written: String,
}

impl Member {
    pub(crate) fn parse(member: &str) -> Option<Member> {
        let mut parts = member.splitn(3, ':');
        let (handle, digest, written) = (parts.next()?, parts.next()?, parts.next()?);
        let is_whole = handle.len() == HANDLE && digest.len() == DIGEST;
        is_whole.then(|| Member { handle: handle.into(), digest: digest.into(), written: written.into() })
    }

    pub(crate) fn text(&self) -> String {
        format!("{}:{}:{}", self.handle, self.digest, self.written)
    }
}

/// What stands between the first braces of a key, if there is anything.
fn tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let length = key[open + 1..].iter().position(|byte| *byte == b'}')?;
    (length > 0).then(|| &key[open + 1..open + 1 + length])
}

/// Whether a part of a key decides alone where it is in a cluster.
pub(crate) fn has_tag(key: &[u8]) -> bool {
    tag(key).is_some()
}

/// The hash slot of a key: CRC16 (XMODEM) of its tag, if it has one, else of all.
pub(crate) fn slot(key: &[u8]) -> u16 {
    let mut crc = 0_u16;
    for byte in tag(key).unwrap_or(key) {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc % 16_384
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String can't fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_server() {
        // By CLUSTER KEYSLOT.
        for (key, slot) in
            [("123456789", 12_739), ("foo", 12_182), ("{foo}bar", 12_182), ("a{foo}{bar}", 12_182), ("", 0)]
        {
            assert_eq!(super::slot(key.as_bytes()), slot, "{key}");
        }
        assert_ne!(super::slot(b"{}foo"), super::slot(b"foo"));
    }

    #[test]
    fn a_range_begins_behind_any_text() {
        let handle = "0123456789abcdef0123456789abcdef";
        let member = format!("{handle}:{}:1", "0".repeat(64)).into_bytes();
        let is_behind = |after: &str| {
            let bound = behind(Some(&Handle::new(after)));
            match bound.split_first() {
                Some((b'(', rest)) => member.as_slice() > rest,
                Some((b'[', rest)) => member.as_slice() >= rest,
                _ => panic!("no bound"),
            }
        };
        let longer = [format!("{handle}0"), format!("{handle}\0"), format!("{handle}~")];
        for after in ["", "0", "01", "0123456789abcdef", "/", "0123456789abcdef0123456789abcdee"] {
            assert!(is_behind(after) && handle > after, "{after}");
        }
        for after in [handle, "1", "x", "é", "0123456789abcdef0123456789abcdf"]
            .into_iter()
            .chain(longer.iter().map(|after| &**after))
        {
            assert!(!is_behind(after) && handle <= after, "{after}");
        }
        assert_eq!(behind(None), b"-");
    }

    #[test]
    fn a_digest_comes_back() {
        let bytes: [u8; 32] = std::array::from_fn(|index| index as u8 * 8);
        assert_eq!(bytes_of(&hex(&bytes)), Some(bytes));
        for text in ["", "00", &"+0".repeat(32), &"A0".repeat(32), &"é".repeat(32)] {
            assert_eq!(bytes_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_member_comes_back() {
        let member = Member { handle: "a".repeat(32), digest: "b".repeat(64), written: "-5".to_owned() };
        assert_eq!(Member::parse(&member.text()), Some(member));
        assert_eq!(Member::parse("a:b:1"), None);
    }
}
