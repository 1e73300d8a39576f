//! Handles by number.

use std::hash::{BuildHasher as _, RandomState};

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

use crate::record::Handle;

/// The characters of base64url in the order of their bytes, so that texts are in the order of what they say.
const IN_ORDER: GeneralPurpose = match Alphabet::new("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
{
    Ok(alphabet) => GeneralPurpose::new(&alphabet, NO_PAD),
    Err(_) => panic!("there are 64 of them, each once"),
};

/// Makes a handle of a record's number, and the same one each time. Nobody else can tell the number from it, or another handle
/// from this one: it is a keyed hash (SipHash), by keys that the process has drawn. So no record has to keep its own.
#[derive(Clone, Default)]
pub(super) struct Handles(RandomState);

impl Handles {
    pub(super) fn of(&self, number: u64) -> Handle {
        let hash = [self.rank(number), self.0.hash_one(!number)].map(u64::to_be_bytes);
        let mut text = [0; 16];
        // Never fails: 12 bytes are 16 characters.
        let _written = IN_ORDER.encode_slice(&hash.as_flattened()[..12], &mut text);
        std::str::from_utf8(&text).unwrap_or_default().into()
    }

    /// Where a number's handle stands among all: handles are in the order of their ranks, and a rank takes a fraction of the time.
    pub(super) fn rank(&self, number: u64) -> u64 {
        self.0.hash_one(number)
    }

    /// The lowest rank of a handle that comes behind this text.
    pub(super) fn lowest_rank_behind(text: &str) -> u64 {
        let mut bytes = [0; 12];
        match IN_ORDER.decode_slice(text, &mut bytes) {
            Ok(12) => bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)),
            // It is no handle of ours, and none of its own can be told.
            _ => 0,
        }
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

    #[test]
    fn ranks_are_in_the_order_of_the_handles() {
        let handles = Handles::default();
        let mut by_rank: Vec<_> = (0..10_000).map(|number| (handles.rank(number), handles.of(number))).collect();
        by_rank.sort();
        assert!(by_rank.is_sorted_by_key(|(_, handle)| handle.clone()));
        assert!(by_rank.iter().all(|(rank, handle)| Handles::lowest_rank_behind(handle.as_str()) == *rank));
        for other in ["", "-", "zzzzzzzzzzzzzzzz!", "a handle of another store"] {
            assert_eq!(Handles::lowest_rank_behind(other), 0);
        }
    }
}
