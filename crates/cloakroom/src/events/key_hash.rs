//! A session where it has no name.

use std::fmt;

use crate::record::StoreKey;

/// Which session a ticket was for, where the store has none and so no handle: the first 8 bytes of the SHA-256 of its id, as 16
/// hexadecimal digits. Equal for equal tickets, and no way back to any.
///
/// It is computed when it is printed.
#[derive(Clone, Copy)]
pub struct KeyHash<'a>(&'a StoreKey);

impl<'a> KeyHash<'a> {
    pub(crate) fn new(key: &'a StoreKey) -> KeyHash<'a> {
        KeyHash(key)
    }
}

impl fmt::Display for KeyHash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.digest().iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SessionId;

    #[test]
    fn it_is_the_beginning_of_the_digest() {
        let key = StoreKey::from(SessionId::from_ticket("abc"));
        // FIPS 180-2, appendix B.1.
        assert_eq!(KeyHash::new(&key).to_string(), "ba7816bf8f01cfea");
        assert_eq!(format!("{:?}", KeyHash::new(&key)), "KeyHash(ba7816bf8f01cfea)");
    }
}
