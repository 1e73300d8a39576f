//! The tickets that were verified last: a browser that comes again is known without a second verification.

use std::fmt;
use std::sync::Mutex;

use ctutils::CtEq as _;

use crate::record::StoreKey;

/// How many are known at most.
const PLACES: usize = 4_096;

/// The bytes of a cookie's value that is known. Cloakroom's own are 91, and 2 more for each escape in the signature, of which
/// there are one or two as a rule.
const LONGEST: usize = 8 * WORDS;
const WORDS: usize = 14;

/// A cookie's value, and zeros.
type Padded = [u64; WORDS];

/// Some of the tickets that a layer has verified, each in the one place that it can have. Who is verified twice, and nobody else
/// between, takes it from another: where many come by once, none of them is worth remembering.
pub(super) struct VerifiedTickets(Box<[Mutex<Place>]>);

#[derive(Default)]
struct Place {
    known: Option<Verified>,
    /// Some characters of the one that was verified last and not remembered.
    passed: u64,
}

struct Verified {
    value: Padded,
    key: StoreKey,
    key_number: usize,
}

impl VerifiedTickets {
    pub(super) fn new() -> VerifiedTickets {
        VerifiedTickets((0..PLACES).map(|_| Mutex::default()).collect())
    }

    /// The session of a ticket, and the number of the key that has signed it, if exactly this cookie was verified before.
    pub(super) fn get(&self, raw: &[u8]) -> Option<(StoreKey, usize)> {
        let value = padded(raw)?;
        // Where somebody else looks at the same place, to verify is quicker than to wait.
        let place = self.place(&value).try_lock().ok()?;
        let known = place.known.as_ref().filter(|known| are_equal(&known.value, &value))?;
        Some((known.key.clone(), known.key_number))
    }

    /// Remembers a ticket that was verified, if its place is free or it was verified before.
    pub(super) fn insert(&self, raw: &[u8], key: StoreKey, key_number: usize) {
        let Some(value) = padded(raw) else { return };
        if let Ok(mut place) = self.place(&value).try_lock() {
            let [_, some, ..] = value;
            if place.known.is_none() || place.passed == some {
                place.known = Some(Verified { value, key, key_number });
            }
            place.passed = some;
        }
    }

    /// By the first characters of the id, behind the four of `s%3A`. Only tickets that were verified are ever put there, so nobody chooses
    /// them.
    fn place(&self, value: &Padded) -> &Mutex<Place> {
        let [first, ..] = value;
        let first = (first >> 32) as u32;
        // Spreads what is random in six bits of each character over the bits that count.
        let spread = first.wrapping_mul(0x9e37_79b1) >> 16;
        &self.0[spread as usize % PLACES]
    }
}

/// None if it is too long to be known. No cookie's value holds a zero.
fn padded(raw: &[u8]) -> Option<Padded> {
    let mut bytes = [0; LONGEST];
    bytes.get_mut(..raw.len())?.copy_from_slice(raw);
    let (words, _) = bytes.as_chunks();
    Some(std::array::from_fn(|at| u64::from_le_bytes(words[at])))
}

/// In constant time: how long it takes tells nobody how much of a ticket was right. All of it is looked at, and then whether
/// anything was different is asked once.
fn are_equal(one: &Padded, other: &Padded) -> bool {
    let difference = one.iter().zip(other).fold(0, |difference, (one, other)| difference | (one ^ other));
    difference.ct_eq(&0).to_bool()
}

impl fmt::Debug for VerifiedTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedTickets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SessionId;

    fn key(id: &str) -> StoreKey {
        StoreKey::from(SessionId::from_ticket(id))
    }

    #[test]
    fn only_exactly_what_was_verified_is_known() {
        let tickets = VerifiedTickets::new();
        let raw = *b"s%3Aan-id.a-signature";
        tickets.insert(&raw, key("an-id"), 1);
        assert_eq!(tickets.get(&raw), Some((key("an-id"), 1)));
        for at in 0..raw.len() {
            let mut other = raw;
            other[at] ^= 1;
            assert_eq!(tickets.get(&other), None, "{at}");
            assert_eq!(tickets.get(&raw[..at]), None, "{at}");
        }
        assert_eq!(tickets.get(&[&raw[..], b"x"].concat()), None);
        assert_eq!(tickets.get(b""), None);
    }

    #[test]
    fn those_that_share_a_place_are_not_taken_for_each_other() {
        let tickets = VerifiedTickets::new();
        let of = |number: usize| format!("s%3Asame{number}.signature");
        for number in 0..10 {
            // The first time it goes past who is there.
            for _ in 0..2 {
                tickets.insert(of(number).as_bytes(), key(&number.to_string()), number);
            }
            for other in 0..10 {
                let known = (other == number).then(|| (key(&number.to_string()), number));
                assert_eq!(tickets.get(of(other).as_bytes()), known);
            }
        }
    }

    #[test]
    fn random_ids_spread_over_the_places() {
        let (tickets, count) = (VerifiedTickets::new(), PLACES);
        let raws: Vec<_> = (0..count).map(|_| format!("s%3A{}.x", StoreKey::generate().unwrap().plain())).collect();
        raws.iter().for_each(|raw| tickets.insert(raw.as_bytes(), key(raw), 0));
        // Of as many balls as urns, 63 of 100 urns get one.
        let known = raws.iter().filter(|raw| tickets.get(raw.as_bytes()).is_some()).count();
        assert!((count * 55 / 100..count * 72 / 100).contains(&known), "{known}");
    }

    #[test]
    fn what_is_too_long_is_verified_each_time() {
        let tickets = VerifiedTickets::new();
        for (length, is_known) in [(LONGEST, true), (LONGEST + 1, false)] {
            let raw = vec![b'a'; length];
            tickets.insert(&raw, key("a"), 0);
            assert_eq!(tickets.get(&raw).is_some(), is_known);
        }
    }
}
