//! Where the copies are, and when one may be put there.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::pulse::{Moment, micros};
use super::recent::{Recent, covers};
use crate::clock::Timestamp;
use crate::record::StoreKey;
use crate::store::{Found, Loaded, Name, News, Token};

const SHELVES: usize = 16;

/// A copy is asked for again after this time, whatever the feed tells: what a store has shown and taken back, as at an
/// election, is no news.
const KEPT: Duration = Duration::from_secs(60);

/// That there is no session under an id is believed for so long.
const MISSED: Duration = Duration::from_secs(10);

/// Copies of sessions. A shelf is locked before the register; neither is while anybody waits.
pub(super) struct Shelves {
    shelves: [Mutex<Shelf>; SHELVES],
    register: Mutex<Register>,
    capacity: usize,
    /// How many writes are under way of which it is not known yet which sessions they are about.
    broad_writes: AtomicUsize,
    /// Numbers for flights and copies.
    numbers: AtomicU64,
}

#[derive(Default)]
struct Shelf {
    copies: HashMap<StoreKey, Entry>,
    /// In the order in which they were put here. Who was used since goes back to the end.
    order: VecDeque<(u64, StoreKey)>,
    /// Loads that are under way.
    flights: HashMap<StoreKey, (u64, watch::Receiver<()>)>,
    /// How many writes of this process are under way.
    writes: HashMap<StoreKey, usize>,
}

struct Entry {
    number: u64,
    of: Known,
    since: u64,
    was_used: bool,
}

enum Known {
    Session(Found),
    /// There was none by this time. Earlier it may have lived.
    NoneAt(Timestamp),
}

/// What happened of late, and whose the copies are.
#[derive(Default)]
struct Register {
    recent: Recent,
    keys: HashMap<Name, StoreKey>,
    is_listening: bool,
}

/// What to do for a load.
pub(super) enum Look<'a> {
    /// There is a copy.
    Hit(Loaded),
    /// Another load of the same is under way. It is over when this changes or closes.
    Wait(watch::Receiver<()>),
    /// Ask the store, and then [land](Flight::land).
    Fly(Flight<'a>),
    /// Ask the store, and tell what was [seen](Shelves::seen).
    Ask,
}

impl Shelves {
    pub(super) fn new(capacity: usize) -> Shelves {
        Shelves {
            shelves: std::array::from_fn(|_| Mutex::default()),
            register: Mutex::default(),
            capacity: capacity.max(SHELVES),
            broad_writes: AtomicUsize::new(0),
            numbers: AtomicU64::new(0),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        (0..SHELVES).map(|index| self.shelf_at(index).copies.len()).sum()
    }

    pub(super) fn look<'a>(&'a self, key: &'a StoreKey, now: Timestamp, moment: Moment, may_wait: bool) -> Look<'a> {
        let mut shelf = self.shelf_of(key);
        if self.broad_writes.load(Ordering::SeqCst) > 0 || shelf.writes.contains_key(key) {
            return Look::Ask;
        }
        if moment.is_live
            && let Some(copy) = shelf.copies.get_mut(key)
            && let Some(loaded) = copy.at(now, moment.at)
        {
            copy.was_used = true;
            return Look::Hit(loaded);
        }
        if let Some((_, flight)) = shelf.flights.get(key) {
            return if may_wait && moment.is_live { Look::Wait(flight.clone()) } else { Look::Ask };
        }
        let (done, flight) = watch::channel(());
        let number = self.number();
        shelf.flights.insert(key.clone(), (number, flight));
        let since = self.register().recent.next();
        Look::Fly(Flight { shelves: self, key, number, since, at: moment.at, _done: done })
    }

    /// A session was loaded that was not to be kept. Who reads after that must not read an older copy.
    pub(super) fn seen(&self, key: &StoreKey, loaded: &Loaded) {
        let found = found_in(loaded);
        self.outdate(&Name::Key(*key.digest()), found.map(|found| &found.token));
        let other = found.and_then(|found| self.other_key(&self.register(), found, key));
        if let Some(other) = other {
            self.take_down(&other);
        }
    }

    /// A write to the session of a key begins; it is over when what this gives is dropped.
    pub(super) fn write<'a>(&'a self, key: &'a StoreKey) -> Writing<'a> {
        let mut shelf = self.shelf_of(key);
        *shelf.writes.entry(key.clone()).or_default() += 1;
        // Nobody joins a load that may have been too early.
        shelf.flights.remove(key);
        let mut register = self.register();
        register.recent.push(Name::Key(*key.digest()), None);
        shelf.remove(key, &mut register);
        Writing { shelves: self, key }
    }

    /// A write begins, and nobody knows yet to which sessions: until it is over, loads ask the store and leave no copy.
    pub(super) fn hold(&self) {
        self.broad_writes.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn release(&self) {
        self.broad_writes.fetch_sub(1, Ordering::SeqCst);
    }

    /// The feed tells something.
    pub(super) fn hear(&self, news: &News) {
        match news {
            News::Gone(name) => self.outdate(name, None),
            News::Changed(name, token) => self.outdate(name, token.as_ref()),
            News::Gap => self.listen_anew(true),
            News::Echo(_) => {}
        }
    }

    /// From now on the feed tells all, or nothing. What there is may be out of date.
    pub(super) fn listen_anew(&self, is_listening: bool) {
        {
            let mut register = self.register();
            register.recent.forget();
            register.is_listening = is_listening;
        }
        self.remove_all();
    }

    /// A session has changed, and led to this state if that is known.
    fn outdate(&self, name: &Name, token: Option<&Token>) {
        let key = {
            let mut register = self.register();
            register.recent.push(name.clone(), token.cloned());
            register.keys.get(name).cloned()
        };
        let Some(key) = key else { return };
        let mut shelf = self.shelf_of(&key);
        let Some(copy) = shelf.copies.get(&key) else { return };
        // It may be another one by now.
        if copy.names(&key).contains(name) && !covers(copy.token(), token) {
            shelf.remove(&key, &mut self.register());
        }
    }

    /// The key under which there is a copy of the same session, if it is another one: that was rotated, from here to there or back.
    fn other_key(&self, register: &Register, found: &Found, key: &StoreKey) -> Option<StoreKey> {
        register.keys.get(&Name::Handle(found.handle.clone())).filter(|other| *other != key).cloned()
    }

    fn take_down(&self, key: &StoreKey) {
        self.shelf_of(key).remove(key, &mut self.register());
    }

    fn remove_all(&self) {
        for index in 0..SHELVES {
            let mut shelf = self.shelf_at(index);
            let keys: Vec<_> = shelf.copies.keys().cloned().collect();
            let mut register = self.register();
            for key in keys {
                shelf.remove(&key, &mut register);
            }
        }
    }

    fn land(&self, flight: &Flight<'_>, loaded: &Loaded, now: Timestamp) {
        let key = flight.key;
        let found = found_in(loaded);
        let mut shelf = self.shelf_of(key);
        let mut register = self.register();
        // What is there is not newer, and who has read this must not read that.
        shelf.remove(key, &mut register);
        let of = match loaded {
            Loaded::Found(found) => Some(Known::Session(found.clone())),
            Loaded::Missing => Some(Known::NoneAt(now)),
            // For a moment only.
            Loaded::Superseded => None,
        };
        let other = found.and_then(|found| self.other_key(&register, found, key));
        if let Some(of) = of.filter(|_| other.is_none()) {
            let copy = Entry { number: flight.number, of, since: flight.at, was_used: false };
            let is_still = register.recent.is_still(flight.since, &copy.names(key), copy.token());
            if is_still && register.is_listening {
                shelf.put(key, copy, self.capacity / SHELVES, &mut register);
            }
        }
        drop((register, shelf));
        if let Some(other) = other {
            self.take_down(&other);
        }
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn shelf_of(&self, key: &StoreKey) -> MutexGuard<'_, Shelf> {
        let sum = key.as_bytes().iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        self.shelf_at(usize::from(sum) % SHELVES)
    }

    fn shelf_at(&self, index: usize) -> MutexGuard<'_, Shelf> {
        // No code that holds a lock panics half-way through a change.
        self.shelves[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn put(&mut self, key: &StoreKey, copy: Entry, capacity: usize, register: &mut Register) {
        for name in copy.names(key) {
            register.keys.insert(name, key.clone());
        }
        self.order.push_back((copy.number, key.clone()));
        self.copies.insert(key.clone(), copy);
        while self.copies.len() > capacity.max(1) {
            let Some((number, key)) = self.order.pop_front() else { break };
            match self.copies.get_mut(&key) {
                Some(copy) if copy.number == number && copy.was_used => {
                    copy.was_used = false;
                    self.order.push_back((number, key));
                }
                Some(copy) if copy.number == number => self.remove(&key, register),
                _ => {}
            }
        }
        if self.order.len() > 2 * capacity + 16 {
            self.order.retain(|(number, key)| self.copies.get(key).is_some_and(|copy| copy.number == *number));
        }
    }

    fn remove(&mut self, key: &StoreKey, register: &mut Register) {
        let Some(copy) = self.copies.remove(key) else { return };
        for name in copy.names(key) {
            if register.keys.get(&name) == Some(key) {
                register.keys.remove(&name);
            }
        }
    }
}

impl Entry {
    /// What a load gives by it, if it is of use then.
    fn at(&self, now: Timestamp, at: u64) -> Option<Loaded> {
        let age = at.saturating_sub(self.since);
        match &self.of {
            // One that has ended may have been touched elsewhere.
            Known::Session(found) if age < micros(KEPT) && found.record.is_live(now) => {
                Some(Loaded::Found(found.clone()))
            }
            Known::NoneAt(then) if age < micros(MISSED) && *then <= now => Some(Loaded::Missing),
            Known::Session(_) | Known::NoneAt(_) => None,
        }
    }

    fn names(&self, key: &StoreKey) -> Vec<Name> {
        let handle = match &self.of {
            Known::Session(found) => Some(Name::Handle(found.handle.clone())),
            Known::NoneAt(_) => None,
        };
        [Name::Key(*key.digest())].into_iter().chain(handle).collect()
    }

    fn token(&self) -> Option<&Token> {
        match &self.of {
            Known::Session(found) => Some(&found.token),
            Known::NoneAt(_) => None,
        }
    }
}

/// A load that is under way, and may leave a copy. Dropped, it leaves none.
pub(super) struct Flight<'a> {
    shelves: &'a Shelves,
    key: &'a StoreKey,
    number: u64,
    /// The number of the next change when it began.
    since: u64,
    at: u64,
    /// Closes when this is dropped, after the copy is in its place.
    _done: watch::Sender<()>,
}

impl Flight<'_> {
    pub(super) fn land(self, loaded: &Loaded, now: Timestamp) {
        self.shelves.land(&self, loaded, now);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut shelf = self.shelves.shelf_of(self.key);
        if shelf.flights.get(self.key).is_some_and(|(number, _)| *number == self.number) {
            shelf.flights.remove(self.key);
        }
    }
}

/// A write that is under way: until it is over, loads ask the store and leave no copy.
pub(super) struct Writing<'a> {
    shelves: &'a Shelves,
    key: &'a StoreKey,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut shelf = self.shelves.shelf_of(self.key);
        if let Some(count) = shelf.writes.get_mut(self.key) {
            *count -= 1;
            if *count == 0 {
                shelf.writes.remove(self.key);
            }
        }
    }
}

fn found_in(loaded: &Loaded) -> Option<&Found> {
    match loaded {
        Loaded::Found(found) => Some(found),
        Loaded::Superseded | Loaded::Missing => None,
    }
}

/// Nothing of any session.
impl fmt::Debug for Shelves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelves").field("copies", &self.len()).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
