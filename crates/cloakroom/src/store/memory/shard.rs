//! One part of the memory store, behind one lock.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::hub::Hub;
use crate::clock::Timestamp;
use crate::record::{Handle, Patch, Record, StoreKey, UserId, WrongType};
use crate::store::{Applied, Created, Found, Guard, Name, News, Rotated, SUPERSEDED_FOR, Token, Written};

/// Ids are random already, and nobody can choose one: only those that the server has drawn get here.
type ByKey<T> = HashMap<StoreKey, T, BuildHasherDefault<Spread>>;
type Keys = HashSet<StoreKey, BuildHasherDefault<Spread>>;

/// The records of one shard, and their orders of leaving.
#[derive(Default)]
pub(super) struct Shard {
    hub: Arc<Hub>,
    slots: ByKey<Slot>,
    by_end: BTreeMap<(Timestamp, u64), StoreKey>,
    by_rank: BTreeMap<Rank, StoreKey>,
    by_user: HashMap<UserId, Keys>,
    /// Where the records that were rotated away from a key went, and the order in which that may be forgotten.
    successors: ByKey<StoreKey>,
    forget: VecDeque<(Timestamp, StoreKey)>,
}

/// A record in its place.
pub(super) struct Slot {
    pub(super) record: Record,
    pub(super) handle: Handle,
    /// How many were created before it in the whole store.
    number: u64,
    version: i64,
    previous: Option<Previous>,
}

struct Previous {
    key: StoreKey,
    until: Timestamp,
}

/// The order of eviction: anonymous sessions before users', among each the longest idle first, and the first created of
/// those that were seen at the same moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) is_user: bool,
    seen: Timestamp,
    number: u64,
}

impl Shard {
    /// A shard that tells what happens in it.
    pub(super) fn new(hub: Arc<Hub>) -> Shard {
        Shard { hub, ..Shard::default() }
    }

    pub(super) fn find(&self, key: &StoreKey, now: Timestamp) -> Option<Found> {
        let slot = self.slots.get(key).filter(|slot| slot.record.is_live(now))?;
        Some(Found::new(slot.record.clone(), slot.token(), slot.handle.clone()))
    }

    pub(super) fn has(&self, key: &StoreKey) -> bool {
        self.slots.contains_key(key)
    }

    /// Puts a record in its place, under a key that is known to be free.
    pub(super) fn create(&mut self, key: StoreKey, record: Record, number: u64) -> Created {
        let slot = Slot { record, handle: handle_for(&key, number), number, version: 1, previous: None };
        let created = Created::Done { token: slot.token(), handle: slot.handle.clone() };
        self.insert(key, slot);
        created
    }

    pub(super) fn apply(&mut self, key: &StoreKey, patch: &Patch, guard: &Guard, now: Timestamp) -> Applied {
        let Some(slot) = self.slots.get_mut(key).filter(|slot| slot.record.is_live(now)) else { return Applied::Gone };
        if !slot.allows(guard) {
            return Applied::Conflict;
        }
        let (before, user) = (Places::of(slot), slot.user_before(patch));
        let Ok(written) = slot.change(patch, now) else { return Applied::WrongType };
        let after = Places::of(slot);
        if let Some(user) = user {
            unlist(&mut self.by_user, key, user.as_ref());
            list(&mut self.by_user, key, slot.record.user.as_ref());
        }
        let token = || patch.changes_data().then(|| written.token.clone());
        self.hub.tell(|| News::Changed(Name::Handle(slot.handle.clone()), token()));
        if before != after {
            self.leave(&before);
            self.enter(key, after);
        }
        Applied::Done(written)
    }

    /// Takes a live record out to give it the key `new`, with a patch applied.
    pub(super) fn take(
        &mut self,
        old: &StoreKey,
        new: StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<(Slot, Written), Rotated> {
        let Some(slot) = self.slots.get_mut(old).filter(|slot| slot.record.is_live(now)) else {
            return Err(Rotated::Gone);
        };
        if !slot.allows(guard) {
            return Err(Rotated::Conflict);
        }
        let (before, user) = (Places::of(slot), slot.user_before(patch));
        let Ok(written) = slot.change(patch, now) else { return Err(Rotated::WrongType) };
        let Some(mut slot) = self.slots.remove(old) else { return Err(Rotated::Gone) };
        self.leave(&before);
        self.hub.tell(|| News::Changed(Name::Handle(slot.handle.clone()), None));
        unlist(&mut self.by_user, old, user.as_ref().unwrap_or(&slot.record.user).as_ref());
        let until = now + SUPERSEDED_FOR;
        slot.previous = Some(Previous { key: old.clone(), until });
        self.remember(old.clone(), new, until, now);
        Ok((slot, written))
    }

    pub(super) fn insert(&mut self, key: StoreKey, slot: Slot) {
        self.enter(&key, Places::of(&slot));
        list(&mut self.by_user, &key, slot.record.user.as_ref());
        self.hub.tell(|| News::Changed(Name::Key(*key.digest()), None));
        self.slots.insert(key, slot);
    }

    pub(super) fn remove(&mut self, key: &StoreKey) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        self.leave(&Places::of(&slot));
        unlist(&mut self.by_user, key, slot.record.user.as_ref());
        self.hub.tell(|| News::Gone(Name::Handle(slot.handle.clone())));
        Some(slot)
    }

    /// Removes at most `limit` expired records; tells how many.
    pub(super) fn remove_expired(&mut self, limit: usize, now: Timestamp) -> usize {
        let mut removed = 0;
        while removed < limit {
            let first = self.by_end.first_key_value().filter(|((end, _), _)| *end <= now);
            let Some(key) = first.map(|(_, key)| key.clone()) else { break };
            removed += usize::from(self.remove(&key).is_some());
        }
        removed
    }

    pub(super) fn first_to_go(&self) -> Option<Rank> {
        self.by_rank.first_key_value().map(|(rank, _)| *rank)
    }

    /// Removes the record with this rank, if it still has it.
    pub(super) fn evict(&mut self, rank: &Rank) -> Option<Slot> {
        let key = self.by_rank.get(rank)?.clone();
        self.remove(&key)
    }

    /// The key that the record of this key was last given; to be checked with [`came_from`](Shard::came_from).
    pub(super) fn successor(&self, key: &StoreKey) -> Option<StoreKey> {
        self.successors.get(key).cloned()
    }

    /// Whether a live record was given the key `key` in place of `previous` a moment ago.
    pub(super) fn came_from(&self, key: &StoreKey, previous: &StoreKey, now: Timestamp) -> bool {
        self.slots.get(key).filter(|slot| slot.record.is_live(now)).is_some_and(|slot| {
            slot.previous.as_ref().is_some_and(|before| before.key == *previous && now < before.until)
        })
    }

    /// The user's records here.
    pub(super) fn of_user(&self, user: &UserId) -> impl Iterator<Item = (&StoreKey, &Slot)> {
        let keys = self.by_user.get(user).into_iter().flatten();
        keys.filter_map(|key| Some((key, self.slots.get(key)?)))
    }

    pub(super) fn keys_and_slots(&self) -> impl Iterator<Item = (&StoreKey, &Slot)> {
        self.slots.iter()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values()
    }

    fn remember(&mut self, old: StoreKey, new: StoreKey, until: Timestamp, now: Timestamp) {
        // What is to be remembered for far too long was told so by a clock that has been set back since. Requests bring
        // their own `now` and overtake each other, so it is not for a little that anything is forgotten.
        let far = now + SUPERSEDED_FOR * 2;
        while self.forget.front().is_some_and(|(until, _)| *until <= now || *until > far) {
            if let Some((_, key)) = self.forget.pop_front() {
                self.successors.remove(&key);
            }
        }
        self.successors.insert(old.clone(), new);
        self.forget.push_back((until, old));
    }

    fn enter(&mut self, key: &StoreKey, places: Places) {
        self.by_end.insert((places.end, places.rank.number), key.clone());
        self.by_rank.insert(places.rank, key.clone());
    }

    fn leave(&mut self, places: &Places) {
        self.by_end.remove(&(places.end, places.rank.number));
        self.by_rank.remove(&places.rank);
    }
}

fn list(by_user: &mut HashMap<UserId, Keys>, key: &StoreKey, user: Option<&UserId>) {
    let Some(user) = user else { return };
    match by_user.get_mut(user) {
        Some(keys) => drop(keys.insert(key.clone())),
        None => drop(by_user.insert(user.clone(), Keys::from_iter([key.clone()]))),
    }
}

fn unlist(by_user: &mut HashMap<UserId, Keys>, key: &StoreKey, user: Option<&UserId>) {
    let Some((user, keys)) = user.and_then(|user| Some((user, by_user.get_mut(user)?))) else { return };
    keys.remove(key);
    if keys.is_empty() {
        by_user.remove(user);
    }
}

impl Slot {
    pub(super) fn token(&self) -> Token {
        Token::version(self.version)
    }

    fn allows(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Exists => true,
            Guard::Unchanged(token) => *token == self.token(),
        }
    }

    /// Whose it is, if a patch may change that.
    fn user_before(&self, patch: &Patch) -> Option<Option<UserId>> {
        (patch.user.is_some() && patch.user != self.record.user).then(|| self.record.user.clone())
    }

    fn change(&mut self, patch: &Patch, now: Timestamp) -> Result<Written, WrongType> {
        let numbers = patch.apply_to(&mut self.record, now)?;
        self.version += i64::from(patch.changes_data());
        Ok(Written::new(self.token(), numbers))
    }
}

/// Where a record stands in its shard's orders.
#[derive(PartialEq)]
struct Places {
    end: Timestamp,
    rank: Rank,
}

impl Places {
    fn of(slot: &Slot) -> Places {
        let record = &slot.record;
        Places {
            end: record.end(),
            rank: Rank { is_user: record.user.is_some(), seen: record.seen, number: slot.number },
        }
    }
}

/// A handle that leads back to no key, without asking for more random bytes. The number sets apart a record that was
/// rotated away from a key and one that is created with that key later.
fn handle_for(key: &StoreKey, number: u64) -> Handle {
    let hash =
        Sha256::new().chain_update(b"cloakroom handle").chain_update(key.as_bytes()).chain_update(number.to_be_bytes());
    Handle::new(URL_SAFE_NO_PAD.encode(&hash.finalize()[..12]))
}

/// Spreads the randomness of an id's characters, which leave some bits as they are, over all bits.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SessionId;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn key(number: u64) -> StoreKey {
        SessionId::from_ticket(&number.to_string()).into()
    }

    fn turn(shard: &mut Shard, number: u64, now: Timestamp) {
        let (slot, _) = shard
            .take(&key(number), key(number + 1), &Patch::default(), &Guard::Exists, now)
            .unwrap_or_else(|_| panic!("the session is gone"));
        shard.insert(key(number + 1), slot);
    }

    #[test]
    fn a_load_copies_neither_data_nor_metadata() {
        let mut shard = Shard::default();
        shard.create(key(0), Record::new(at(0), at(10), at(10)), 0);
        let [one, two] = [at(1), at(2)].map(|now| shard.find(&key(0), now).map(|found| found.record));
        let shared = one.zip(two).map(|(one, two)| {
            (std::sync::Arc::ptr_eq(&one.data, &two.data), std::sync::Arc::ptr_eq(&one.metadata, &two.metadata))
        });
        assert_eq!(shared, Some((true, true)));
    }

    #[test]
    fn previous_keys_are_forgotten_though_the_clock_was_set_back() {
        let (mut shard, hour) = (Shard::default(), 3_600);
        shard.create(key(0), Record::new(at(0), at(100 * hour), at(100 * hour)), 0);
        turn(&mut shard, 0, at(10 * hour));
        for number in 1..500 {
            turn(&mut shard, number, at(number as i64));
        }
        assert!(shard.forget.len() <= 11 && shard.successors.len() <= 11, "{} keys", shard.forget.len());
    }

    #[test]
    fn a_request_that_was_overtaken_makes_nobody_forget() {
        let (mut shard, end) = (Shard::default(), at(3_600));
        shard.create(key(0), Record::new(at(0), end, end), 0);
        shard.create(key(100), Record::new(at(0), end, end), 1);
        turn(&mut shard, 0, at(8));
        turn(&mut shard, 100, at(7));
        assert_eq!(shard.successor(&key(0)), Some(key(1)));
    }

    #[test]
    fn a_key_is_superseded_for_less_than_its_time_and_not_a_millisecond_more() {
        let (mut shard, end) = (Shard::default(), at(3_600));
        shard.create(key(0), Record::new(at(0), end, end), 0);
        turn(&mut shard, 0, at(1));
        let (until, moment) = (at(1) + SUPERSEDED_FOR, std::time::Duration::from_millis(1));
        assert!(!shard.came_from(&key(1), &key(0), until));
        assert!(shard.came_from(&key(1), &key(0), at(1) + (SUPERSEDED_FOR - moment)));
        assert!(!shard.came_from(&key(1), &key(2), at(1)), "it had another key before");
    }

    #[test]
    fn a_user_is_in_the_index_for_as_long_as_a_session_is() {
        let (mut shard, end) = (Shard::default(), at(3_600));
        let users = ["ada", "bob"].map(|name| UserId::new(name).unwrap_or_else(|error| panic!("{error}")));
        shard.create(key(0), Record::new(at(0), end, end), 0);
        for user in users.iter().chain(&users) {
            let mut log_in = Patch::default();
            log_in.user = Some(user.clone());
            shard.apply(&key(0), &log_in, &Guard::Exists, at(1));
            assert_eq!((shard.by_user.len(), shard.of_user(user).count()), (1, 1));
        }
        let mut log_in = Patch::default();
        log_in.user = Some(users[0].clone());
        let (slot, _) = shard
            .take(&key(0), key(1), &log_in, &Guard::Exists, at(2))
            .unwrap_or_else(|_| panic!("the session is gone"));
        assert!(shard.by_user.is_empty());
        shard.insert(key(1), slot);
        assert_eq!(shard.of_user(&users[0]).count(), 1);
        shard.remove(&key(1));
        assert!(shard.by_user.is_empty() && shard.by_end.is_empty() && shard.by_rank.is_empty());
    }
}
