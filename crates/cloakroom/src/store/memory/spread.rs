//! Spreads the randomness of ids over all bits.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::record::{SessionId, StoreKey};

/// A map by keys. Ids are random already, and nobody can choose one: only those that the server has drawn get here.
pub(super) type ByKey<T> = HashMap<StoreKey, T, BuildHasherDefault<Spread>>;

/// A hash of an id, by its last characters: if it was drawn, they are as random as all of them.
pub(super) fn spread(id: &SessionId) -> u64 {
    let bytes = id.as_bytes();
    let all = || bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let last = bytes.last_chunk().map_or_else(all, |last| u64::from_le_bytes(*last));
    let mut spread = Spread::default();
    spread.write_u64(last);
    spread.finish()
}

/// Spreads the randomness of an id's characters, which leave some bits as they are.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // An odd number without a pattern: the golden ratio's.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // A table looks at both ends, and a product is random at its upper one.
        self.0 ^ self.0.rotate_left(32)
    }
}
