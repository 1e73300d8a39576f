//! Handles by number.

use std::hash::{BuildHasher as _, RandomState};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::record::Handle;

/// Makes a handle of a record's number, and the same one each time. Nobody else can tell the number from it, or another handle
/// from this one: it is a keyed hash (SipHash), by keys that the process has drawn. So no record has to keep its own.
#[derive(Clone, Default)]
pub(super) struct Handles(RandomState);

impl Handles {
    pub(super) fn of(&self, number: u64) -> Handle {
        let hash = [number, !number].map(|half| self.0.hash_one(half).to_be_bytes());
        let mut text = [0; 16];
        // Never fails: 12 bytes are 16 characters.
        let _written = URL_SAFE_NO_PAD.encode_slice(&hash.as_flattened()[..12], &mut text);
        std::str::from_utf8(&text).unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_number_has_one_handle_and_no_two_have_the_same() {
        let handles = Handles::default();
        let made: HashSet<_> = (0..10_000).map(|number| handles.of(number)).collect();
        assert_eq!(made.len(), 10_000);
        assert!((0..10_000).all(|number| made.contains(&handles.clone().of(number))));
        assert!(made.iter().all(|handle| handle.as_str().len() == 16));
        assert!(!made.contains(&Handles::default().of(1)), "another store has others");
    }
}
