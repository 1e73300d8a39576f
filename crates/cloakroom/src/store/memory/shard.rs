//! One part of the memory store, behind one lock.

use std::sync::Arc;

use super::handles::Handles;
use super::hub::Hub;
use super::opened::Opened;
use super::orders::{Orders, Places, Rank};
use super::rotations::{Origin, Recent};
use super::slot::Slot;
use super::slots::{At, Slots};
use super::users::Users;
use crate::clock::Timestamp;
use crate::record::{Handle, Numbers, Patch, Record, StoreKey, UserId, WrongType};
use crate::store::{Applied, Created, Found, Guard, Name, News, Rotated, Written};

/// The records of one shard, and their orders of leaving.
#[derive(Default)]
pub(super) struct Shard {
    hub: Arc<Hub>,
    slots: Slots,
    orders: Orders,
    users: Users,
    opened: Opened,
    handles: Handles,
    /// Where the records that were rotated away from a key went, and where those came from that were given one.
    went: Recent<StoreKey>,
    came: Recent<Origin>,
}

/// Who had to leave for another one.
pub(super) struct Evicted {
    pub(super) handle: Handle,
    pub(super) user: Option<UserId>,
}

impl Shard {
    /// A shard whose records have these handles, wherever they are moved, and that tells what happens in it.
    pub(super) fn new(handles: Handles, hub: Arc<Hub>) -> Shard {
        Shard { opened: Opened::new(handles.clone()), handles, hub, ..Shard::default() }
    }

    pub(super) fn find(&mut self, key: &StoreKey, now: Timestamp) -> Option<Found> {
        let at = self.live(key, now)?;
        let (record, handle) = self.opened.load(at, &mut self.slots);
        Some(Found::new(record, self.slots[at].token(), handle))
    }

    pub(super) fn has(&self, key: &StoreKey) -> bool {
        self.at(key).is_some()
    }

    /// Puts a record in its place, under a key that is known to be free. It is not kept open: many visitors come once, and are not
    /// to close the records of those who are busy.
    pub(super) fn create(&mut self, key: &StoreKey, record: &Record, number: u64) -> Created {
        let mut slot = Slot::new(key.id().clone(), record.times(), number);
        self.opened.pack(record, &mut slot);
        let token = slot.token();
        self.insert(key, slot);
        Created::Done { token, handle: self.handles.of(number) }
    }

    pub(super) fn apply(&mut self, key: &StoreKey, patch: &Patch, guard: &Guard, now: Timestamp) -> Applied {
        let Some(at) = self.live(key, now) else { return Applied::Gone };
        if !self.slots[at].allows(guard) {
            return Applied::Conflict;
        }
        match self.change(at, patch, now) {
            Ok(written) => {
                let token = || patch.changes_data().then(|| written.token.clone());
                let slot = &self.slots[at];
                self.hub.tell(|| News::Changed(Name::Handle(self.handle(slot)), token()));
                Applied::Done(written)
            }
            Err(WrongType) => Applied::WrongType,
        }
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
        let at = self.live(old, now).ok_or(Rotated::Gone)?;
        if !self.slots[at].allows(guard) {
            return Err(Rotated::Conflict);
        }
        let written = self.change(at, patch, now).map_err(|WrongType| Rotated::WrongType)?;
        self.went.remember(old.clone(), new, now);
        let slot = self.take_out(at);
        self.hub.tell(|| News::Changed(Name::Handle(self.handle(&slot)), None));
        Ok((slot, written))
    }

    /// Puts a record that was taken out from under the key `old` into its new place.
    pub(super) fn arrive(&mut self, mut slot: Slot, old: &StoreKey, new: &StoreKey, now: Timestamp) -> Handle {
        let number = slot.number;
        slot.id = new.id().clone();
        self.insert(new, slot);
        self.came.remember(new.clone(), Origin { key: old.clone(), number }, now);
        self.handles.of(number)
    }

    pub(super) fn remove(&mut self, key: &StoreKey) -> Option<Slot> {
        self.at(key).map(|at| self.remove_at(at))
    }

    pub(super) fn remove_at(&mut self, at: At) -> Slot {
        let slot = self.take_out(at);
        self.hub.tell(|| News::Gone(Name::Handle(self.handle(&slot))));
        slot
    }

    /// Removes at most `limit` expired records, looking at no more than `look`; tells how many. What expired in the last four
    /// seconds may stand behind what lives.
    pub(super) fn remove_expired(&mut self, limit: usize, look: usize, now: Timestamp) -> usize {
        let expired: Vec<_> = self.orders.expired(&self.slots, look, now).take(limit).collect();
        for at in &expired {
            self.remove_at(*at);
        }
        expired.len()
    }

    pub(super) fn first_to_go(&self) -> Option<Rank> {
        self.orders.first_to_go(&self.slots).map(|(rank, _)| rank)
    }

    /// Removes the record that is the first to go.
    pub(super) fn evict(&mut self) -> Option<Evicted> {
        let (_, at) = self.orders.first_to_go(&self.slots)?;
        let slot = self.remove_at(at);
        let user = slot.body.user().and_then(|user| UserId::new(user).ok());
        Some(Evicted { handle: self.handles.of(slot.number), user })
    }

    /// The key that the record of this key was last given; to be checked with [`came_from`](Shard::came_from).
    pub(super) fn successor(&self, key: &StoreKey, now: Timestamp) -> Option<StoreKey> {
        self.went.get(key, now).cloned()
    }

    /// Whether a live record was given the key `key` in place of `previous` a moment ago.
    pub(super) fn came_from(&self, key: &StoreKey, previous: &StoreKey, now: Timestamp) -> bool {
        let number = self.live(key, now).map(|at| self.slots[at].number);
        let origin = self.came.get(key, now);
        origin.is_some_and(|origin| origin.key == *previous && number == Some(origin.number))
    }

    /// The user's records here, with their addresses.
    pub(super) fn of_user(&self, user: &UserId) -> impl Iterator<Item = (At, &Slot)> {
        self.users.of(user.as_str()).iter().map(|at| (*at, &self.slots[*at]))
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Lets all slots have what was written; until then [`of_user`](Shard::of_user) and [`slots`](Shard::slots) may tell contents that
    /// were there before, though never another user.
    pub(super) fn settle(&mut self) {
        self.opened.settle(&mut self.slots);
    }

    pub(super) fn handle(&self, slot: &Slot) -> Handle {
        self.handles.of(slot.number)
    }

    /// Where its handle stands among all.
    pub(super) fn rank(&self, slot: &Slot) -> u64 {
        self.handles.rank(slot.number)
    }

    /// Looks first where it is if it was used a moment ago.
    fn at(&self, key: &StoreKey) -> Option<At> {
        let open = self.opened.in_place_of(key.id()).filter(|at| self.slots[*at].id == *key.id());
        open.or_else(|| self.slots.find(key.id()))
    }

    fn live(&self, key: &StoreKey, now: Timestamp) -> Option<At> {
        self.at(key).filter(|at| self.slots[*at].is_live(now))
    }

    fn insert(&mut self, key: &StoreKey, slot: Slot) -> At {
        let places = Places::of(&slot);
        let at = self.slots.insert(slot);
        self.users.add(self.slots[at].body.user(), at);
        self.orders.enter(&mut self.slots, at, places);
        self.hub.tell(|| News::Changed(Name::Key(*key.digest()), None));
        at
    }

    fn take_out(&mut self, at: At) -> Slot {
        self.opened.close(at, &mut self.slots);
        let slot = &self.slots[at];
        let places = Places::of(slot);
        self.users.remove(slot.body.user(), at);
        self.orders.leave(&mut self.slots, at, places);
        self.slots.remove(at)
    }

    fn change(&mut self, at: At, patch: &Patch, now: Timestamp) -> Result<Written, WrongType> {
        let before = Places::of(&self.slots[at]);
        let written = if patch.changes_data() { self.write(at, patch, now) } else { Ok(self.touch(at, patch, now)) };
        let after = Places::of(&self.slots[at]);
        if before != after {
            self.orders.leave(&mut self.slots, at, before);
            self.orders.enter(&mut self.slots, at, after);
        }
        written
    }

    /// Applies a patch that changes times alone, so that nothing has to be unpacked.
    fn touch(&mut self, at: At, patch: &Patch, now: Timestamp) -> Written {
        let slot = &mut self.slots[at];
        patch.apply_to_times(&mut slot.times, now);
        if let Some(open) = self.opened.of(slot, at) {
            open.record.set_times(slot.times);
        }
        Written::new(slot.token(), Numbers::new())
    }

    fn write(&mut self, at: At, patch: &Patch, now: Timestamp) -> Result<Written, WrongType> {
        let slot = &mut self.slots[at];
        let mut unpacked = None;
        let (record, numbers) = match self.opened.of(slot, at) {
            Some(open) => {
                let numbers = patch.apply_to(&mut open.record, now)?;
                open.is_ahead = true;
                (&open.record, numbers)
            }
            None => {
                let record = unpacked.insert(self.opened.record(slot));
                let numbers = patch.apply_to(record, now)?;
                (&*record, numbers)
            }
        };
        slot.times = record.times();
        slot.renew_token();
        let token = slot.token();
        // What is open is packed when another record comes in its place; but the orders and the index go by the user.
        let user = record.user.as_ref().map(UserId::as_str);
        let is_other_user = slot.body.user() != user;
        if is_other_user {
            self.users.remove(slot.body.user(), at);
            self.users.add(user, at);
        }
        match unpacked {
            Some(record) => self.opened.pack(&record, slot),
            None if is_other_user => self.opened.close(at, &mut self.slots),
            None => {}
        }
        Ok(Written::new(token, numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Data, SessionId, Value};
    use crate::store::SUPERSEDED_FOR;

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
        shard.arrive(slot, &key(number), &key(number + 1), now);
    }

    fn data(record: &Record) -> [&Arc<Data>; 2] {
        [&record.data, &record.metadata]
    }

    #[test]
    fn a_load_copies_neither_data_nor_metadata() {
        let mut shard = Shard::default();
        let mut record = Record::new(at(0), at(10), at(10));
        record.data = Arc::new([("n", Value::from(1))].into_iter().collect());
        shard.create(&key(0), &record, 0);
        let mut loaded = || shard.find(&key(0), at(1)).unwrap().record;
        let (one, two) = (loaded(), loaded());
        assert_eq!(one, record);
        assert!(data(&one).iter().zip(data(&two)).all(|(one, two)| Arc::ptr_eq(one, two)));
    }

    #[test]
    fn who_comes_by_once_closes_nobody_and_who_comes_twice_does() {
        let (mut shard, count) = (Shard::default(), 5_000);
        let mut record = Record::new(at(0), at(10), at(10));
        record.data = Arc::new([("n", Value::from(1))].into_iter().collect());
        (0..count).for_each(|number| drop(shard.create(&key(number), &record, number)));
        let mut load = |number| shard.find(&key(number), at(1)).unwrap().record.data;
        let open = load(0);
        (1..count).for_each(|number| drop(load(number)));
        assert!(Arc::ptr_eq(&open, &load(0)));
        (1..count).for_each(|number| drop([load(number), load(number)]));
        assert!(!Arc::ptr_eq(&open, &load(0)));
    }

    #[test]
    fn what_is_open_is_what_is_kept() {
        let (mut shard, end) = (Shard::default(), at(3_600));
        let mut expected: Vec<_> = (0..200).map(|number| Record::new(at(number), end, end)).collect();
        for (number, record) in (0..).zip(&expected) {
            shard.create(&key(number), record, number);
        }
        for step in 0..5_000_u64 {
            let number = (step * 37 + step / 200) % 200;
            let (record, mut patch) = (&mut expected[number as usize], Patch::default());
            match step % 5 {
                0 => patch.set("text", Value::serialize(&"a".repeat((step % 1_500) as usize)).unwrap()),
                1 => patch.set_metadata("n", Value::from(step as i64)),
                2 => patch.expiry = crate::record::Expiry::Exactly(at(3_600 + step as i64)),
                3 => patch.add("text", 1).unwrap(),
                _ => patch.user = Some(UserId::new(format!("user {}", step % 7)).unwrap()),
            }
            let applied = matches!(shard.apply(&key(number), &patch, &Guard::Exists, at(200)), Applied::Done(_));
            assert_eq!(applied, patch.apply_to(record, at(200)).is_ok());
            assert_eq!(shard.find(&key(number), at(200)).unwrap().record, *record);
        }
        shard.settle();
        assert!(shard.opened.is_settled());
        for (number, record) in (0..).zip(&expected) {
            let slot = shard.slots().find(|slot| slot.number == number).unwrap();
            assert_eq!(slot.whole(), *record);
        }
        for (number, record) in (0..).zip(&mut expected) {
            let mut patch = Patch::default();
            patch.set("last", Value::from(number as i64));
            shard.apply(&key(number), &patch, &Guard::Exists, at(200));
            patch.apply_to(record, at(200)).unwrap();
            assert_eq!(shard.find(&key(number), at(200)).unwrap().record, *record);
            let slot = shard.remove(&key(number)).unwrap();
            assert_eq!(slot.whole(), *record);
        }
        assert!(shard.orders.is_empty() && shard.users.count() == 0);
    }

    #[test]
    fn previous_keys_are_forgotten_though_the_clock_was_set_back() {
        let (mut shard, hour) = (Shard::default(), 3_600);
        shard.create(&key(0), &Record::new(at(0), at(100 * hour), at(100 * hour)), 0);
        turn(&mut shard, 0, at(10 * hour));
        for number in 1..500 {
            turn(&mut shard, number, at(number as i64));
        }
        assert!(shard.went.len() <= 11 && shard.came.len() <= 11, "{} keys", shard.went.len());
    }

    #[test]
    fn a_request_that_was_overtaken_makes_nobody_forget() {
        let (mut shard, end) = (Shard::default(), at(3_600));
        shard.create(&key(0), &Record::new(at(0), end, end), 0);
        shard.create(&key(100), &Record::new(at(0), end, end), 1);
        turn(&mut shard, 0, at(8));
        turn(&mut shard, 100, at(7));
        assert_eq!(shard.successor(&key(0), at(7)), Some(key(1)));
        assert!(shard.came_from(&key(1), &key(0), at(7)));
    }

    #[test]
    fn a_key_is_superseded_for_less_than_its_time_and_not_a_millisecond_more() {
        let (mut shard, end) = (Shard::default(), at(3_600));
        shard.create(&key(0), &Record::new(at(0), end, end), 0);
        turn(&mut shard, 0, at(1));
        let (until, moment) = (at(1) + SUPERSEDED_FOR, std::time::Duration::from_millis(1));
        assert!(!shard.came_from(&key(1), &key(0), until));
        assert!(shard.came_from(&key(1), &key(0), at(1) + (SUPERSEDED_FOR - moment)));
        assert!(!shard.came_from(&key(1), &key(2), at(1)), "it had another key before");
    }

    #[test]
    fn another_record_of_the_same_key_did_not_come_from_there() {
        let (mut shard, end) = (Shard::default(), at(3_600));
        shard.create(&key(0), &Record::new(at(0), end, end), 0);
        turn(&mut shard, 0, at(1));
        shard.remove(&key(1));
        shard.create(&key(1), &Record::new(at(1), end, end), 1);
        assert!(!shard.came_from(&key(1), &key(0), at(1)));
    }

    #[test]
    fn a_user_is_in_the_index_for_as_long_as_a_session_is() {
        let (mut shard, end) = (Shard::default(), at(3_600));
        let users = ["ada", "bob"].map(|name| UserId::new(name).unwrap_or_else(|error| panic!("{error}")));
        shard.create(&key(0), &Record::new(at(0), end, end), 0);
        for user in users.iter().chain(&users) {
            let mut log_in = Patch::default();
            log_in.user = Some(user.clone());
            shard.apply(&key(0), &log_in, &Guard::Exists, at(1));
            assert_eq!((shard.users.count(), shard.of_user(user).count()), (1, 1));
        }
        let mut log_in = Patch::default();
        log_in.user = Some(users[0].clone());
        let (slot, _) = shard
            .take(&key(0), key(1), &log_in, &Guard::Exists, at(2))
            .unwrap_or_else(|_| panic!("the session is gone"));
        assert_eq!(shard.users.count(), 0);
        shard.arrive(slot, &key(0), &key(1), at(2));
        assert_eq!(shard.of_user(&users[0]).count(), 1);
        shard.remove(&key(1));
        assert!(shard.users.count() == 0 && shard.orders.is_empty());
    }
}
