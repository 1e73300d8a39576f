//! Which records were rotated a moment ago.

use std::collections::VecDeque;

use super::spread::ByKey;
use crate::clock::Timestamp;
use crate::record::StoreKey;
use crate::store::SUPERSEDED_FOR;

/// What is known of keys for [`SUPERSEDED_FOR`] after a rotation.
pub(super) struct Recent<T> {
    by_key: ByKey<(Timestamp, T)>,
    /// The order in which they may be forgotten.
    order: VecDeque<(Timestamp, StoreKey)>,
}

/// Where the record of a key came from.
#[derive(PartialEq)]
pub(super) struct Origin {
    pub(super) key: StoreKey,
    /// The record's: another one may have been created with the key since.
    pub(super) number: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent { by_key: ByKey::default(), order: VecDeque::new() }
    }
}

impl<T> Recent<T> {
    pub(super) fn remember(&mut self, key: StoreKey, what: T, now: Timestamp) {
        // What is to be remembered for far too long was told so by a clock that has been set back since. Requests bring
        // their own `now` and overtake each other, so it is not for a little that anything is forgotten.
        let (until, far) = (now + SUPERSEDED_FOR, now + SUPERSEDED_FOR * 2);
        while self.order.front().is_some_and(|(until, _)| *until <= now || *until > far) {
            let Some((until, key)) = self.order.pop_front() else { break };
            if self.by_key.get(&key).is_some_and(|(its, _)| *its == until) {
                self.by_key.remove(&key);
            }
        }
        self.by_key.insert(key.clone(), (until, what));
        self.order.push_back((until, key));
    }

    /// What is known of a key, unless that is no longer to count. What is `None` may still be remembered.
    pub(super) fn get(&self, key: &StoreKey, now: Timestamp) -> Option<&T> {
        self.by_key.get(key).filter(|(until, _)| now < *until).map(|(_, what)| what)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len().max(self.order.len())
    }
}
