//! Sessions in the process's own memory.

mod body;
mod calendar;
mod directory;
mod export;
mod handles;
mod hub;
#[cfg(all(test, cloakroom_shuttle))]
mod model;
mod opened;
mod orders;
mod rotations;
mod shard;
mod slot;
mod slots;
mod spread;
mod sync;
mod users;

use self::handles::Handles;
use self::hub::Hub;
use self::shard::{Evicted, Shard};
use self::slot::Slot;
use self::spread::spread;
use self::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError, TryLockError};
use super::{
    Applied, Capabilities, Created, Directory, Export, Feed, Guard, Loaded, Rotated, Store, StoreError, StoreErrorKind,
    StoreFuture, Written,
};
use crate::clock::Timestamp;
use crate::events::{Event, Observer, Observers};
use crate::record::{Handle, Patch, Record, StoreKey};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The parts of the store, each behind a lock.
const SHARDS: usize = 16;

/// So many records are looked at for expired ones when a new one comes.
const IN_PASSING: usize = 4;

/// So many are removed by a sweep while others wait for their part of the store.
const SWEPT_AT_ONCE: usize = 64;

/// Keeps sessions in memory: fast, bounded, and gone when the process ends.
///
/// When it is full, room is made for a new session: expired ones leave first, then the anonymous session that was idle
/// for longest; a user's session only for another user's. So a flood of visitors can't push out who has logged in.
/// Where all are users, a visitor's new session is not stored, and [`create`](Store::create) fails as
/// [`Full`](super::StoreErrorKind::Full): the visitor gets a 503 until somebody leaves. To log in needs
/// no room: the session is there already. Each eviction is an [event](crate::events), which `tracing` has at `WARN` if it was a
/// user's session and at `DEBUG` otherwise, and is counted in [`stats`](MemoryStore::stats).
///
/// Expired sessions leave while others come; no background task is needed. The orders of ends and of idleness are kept to four
/// seconds: of those that were seen within the same four, the first one to be written leaves first. To make room takes the same
/// time however many sessions there are.
///
/// An anonymous session with a small key takes about 150 bytes in all, and a larger one what its keys and values need beside that.
/// The memory of sessions that have left is used again for others, and not given back.
///
/// ```
/// use cloakroom::store::MemoryStore;
///
/// let store = MemoryStore::with_capacity(1_000);
/// assert_eq!(store.stats().sessions, 0);
/// ```
pub struct MemoryStore {
    /// As many as there are [`SHARDS`].
    shards: Box<[Mutex<Shard>]>,
    hub: Arc<Hub>,
    capacity: usize,
    /// How many are in the shards. It changes only under the lock of the shard that one comes to or leaves, so that who
    /// holds all locks knows it exactly.
    sessions: AtomicUsize,
    /// How many were ever created.
    created: AtomicU64,
    evicted_anonymous: AtomicU64,
    evicted_users: AtomicU64,
    contended: AtomicU64,
    observers: Observers,
}

/// How full a [`MemoryStore`] is, and whom it had to put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Records that it holds, expired ones that have not left yet among them.
    pub sessions: usize,
    /// How many it holds at most.
    pub capacity: usize,
    /// Live anonymous sessions that were evicted since the start.
    pub evicted_anonymous: u64,
    /// Live sessions of users that were evicted since the start.
    pub evicted_users: u64,
    /// How many times a call had to wait for another one that was at work on the same part of the store. There are sixteen parts.
    pub contended: u64,
}

impl MemoryStore {
    /// How many sessions a store holds unless it is told otherwise.
    pub const DEFAULT_CAPACITY: usize = 100_000;

    /// A store for [`DEFAULT_CAPACITY`](MemoryStore::DEFAULT_CAPACITY) sessions.
    pub fn new() -> MemoryStore {
        MemoryStore::with_capacity(MemoryStore::DEFAULT_CAPACITY)
    }

    /// A store for at most `capacity` sessions, at least one.
    pub fn with_capacity(capacity: usize) -> MemoryStore {
        let (handles, hub) = (Handles::default(), Arc::new(Hub::default()));
        MemoryStore {
            shards: (0..SHARDS).map(|_| Mutex::new(Shard::new(handles.clone(), hub.clone()))).collect(),
            hub,
            capacity: capacity.max(1),
            sessions: AtomicUsize::new(0),
            created: AtomicU64::new(0),
            evicted_anonymous: AtomicU64::new(0),
            evicted_users: AtomicU64::new(0),
            contended: AtomicU64::new(0),
            observers: Observers::default(),
        }
    }

    /// Tells this one too of what leaves to make room: [`Evicted`](Event::Evicted) and [`Expired`](Event::Expired). A store
    /// knows nothing of layers, so who observes a layer is told of this only if it is given here as well.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer) -> MemoryStore {
        self.observers.add(observer);
        self
    }

    /// How full it is.
    pub fn stats(&self) -> MemoryStats {
        MemoryStats {
            sessions: self.sessions.load(Ordering::Relaxed),
            capacity: self.capacity,
            evicted_anonymous: self.evicted_anonymous.load(Ordering::Relaxed),
            evicted_users: self.evicted_users.load(Ordering::Relaxed),
            contended: self.contended.load(Ordering::Relaxed),
        }
    }

    fn shard_of(&self, key: &StoreKey) -> MutexGuard<'_, Shard> {
        self.shard_at(index_of(key))
    }

    fn shard_at(&self, index: usize) -> MutexGuard<'_, Shard> {
        // No code that holds the lock panics half-way through a change.
        match self.shards[index].try_lock() {
            Ok(shard) => shard,
            Err(TryLockError::Poisoned(shard)) => shard.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.contended.fetch_add(1, Ordering::Relaxed);
                self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// All shards at one moment, locked in the one order that there is for more than one.
    fn all_shards(&self) -> [MutexGuard<'_, Shard>; SHARDS] {
        std::array::from_fn(|index| self.shard_at(index))
    }

    /// All shards at one moment, for who looks at contents.
    fn settled_shards(&self) -> [MutexGuard<'_, Shard>; SHARDS] {
        let mut shards = self.all_shards();
        shards.iter_mut().for_each(|shard| shard.settle());
        shards
    }

    /// Counts out what left a shard, while that is locked.
    fn left(&self, count: usize) {
        self.sessions.fetch_sub(count, Ordering::Relaxed);
    }

    /// Counts one in if there is room, while its shard is locked.
    fn enter(&self) -> bool {
        let more = |sessions| (sessions < self.capacity).then_some(sessions + 1);
        self.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let mut left = Left::default();
        let created = match self.create_in_room(key, record, now, &mut left) {
            Some(created) => Ok(created),
            None => self.create_in_full(key, record, now, &mut left),
        };
        // No shard is locked any more: who is told may ask the store.
        self.tell(&left);
        created
    }

    fn create_in_room(&self, key: &StoreKey, record: &Record, now: Timestamp, left: &mut Left) -> Option<Created> {
        let mut shard = self.shard_of(key);
        left.expired += self.remove_expired(&mut shard, 2, IN_PASSING, now);
        if shard.has(key) {
            return Some(Created::Taken);
        }
        self.enter().then(|| self.place(&mut shard, key, record))
    }

    fn place(&self, shard: &mut Shard, key: &StoreKey, record: &Record) -> Created {
        shard.create(key, record, self.created.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes room and takes it in one step, so that nobody else can.
    fn create_in_full(
        &self,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
        left: &mut Left,
    ) -> Result<Created, StoreError> {
        let mut shards = self.all_shards();
        let own = index_of(key);
        if shards[own].has(key) {
            return Ok(Created::Taken);
        }
        for shard in &mut shards {
            left.expired += self.remove_expired(shard, 1, IN_PASSING, now);
        }
        if !self.enter() {
            let first =
                shards.iter().enumerate().filter_map(|(index, shard)| Some((shard.first_to_go()?, index))).min();
            match first {
                // One goes and one comes: the count stays.
                Some((rank, index)) if record.user.is_some() || !rank.is_user => {
                    left.evicted = shards[index].evict();
                }
                _ => return Err(StoreError::with_source(StoreErrorKind::Full, FullOfUsers)),
            }
        }
        Ok(self.place(&mut shards[own], key, record))
    }

    fn remove_expired(&self, shard: &mut Shard, limit: usize, look: usize, now: Timestamp) -> usize {
        let expired = shard.remove_expired(limit, look, now);
        self.left(expired);
        expired
    }

    fn tell(&self, left: &Left) {
        if left.expired > 0 {
            self.observers.tell(Event::Expired { count: left.expired });
        }
        let Some(Evicted { handle, user }) = &left.evicted else { return };
        let counter = if user.is_some() { &self.evicted_users } else { &self.evicted_anonymous };
        counter.fetch_add(1, Ordering::Relaxed);
        self.observers.tell(Event::Evicted { handle, user: user.as_ref() });
    }

    fn load_now(&self, key: &StoreKey, now: Timestamp) -> Loaded {
        let successor = {
            let mut shard = self.shard_of(key);
            match shard.find(key, now) {
                Some(found) => return Loaded::Found(found),
                None => shard.successor(key, now),
            }
        };
        match successor {
            Some(new) if self.shard_of(&new).came_from(&new, key, now) => Loaded::Superseded,
            _ => Loaded::Missing,
        }
    }

    fn rotate_now(&self, old: &StoreKey, new: &StoreKey, patch: &Patch, guard: &Guard, now: Timestamp) -> Rotated {
        let (at_old, at_new) = (index_of(old), index_of(new));
        if at_old == at_new {
            let mut shard = self.shard_at(at_old);
            if shard.has(new) {
                return Rotated::Taken;
            }
            let taken = shard.take(old, new.clone(), patch, guard, now);
            return hand_over(taken, |slot| shard.arrive(slot, old, new, now));
        }
        // Both shards stay locked, in one order for all, so that at no moment both keys or neither find the record.
        let (mut low, mut high) = (self.shard_at(at_old.min(at_new)), self.shard_at(at_old.max(at_new)));
        let (from, to) = if at_old < at_new { (&mut *low, &mut *high) } else { (&mut *high, &mut *low) };
        if to.has(new) {
            return Rotated::Taken;
        }
        hand_over(from.take(old, new.clone(), patch, guard, now), |slot| to.arrive(slot, old, new, now))
    }

    /// Shard by shard, some at a time from each, so that nobody waits for all of a sweep.
    fn sweep_now(&self, limit: usize, now: Timestamp) -> usize {
        let mut removed = 0;
        loop {
            let before = removed;
            for index in 0..SHARDS {
                let some = (limit - removed).min(SWEPT_AT_ONCE);
                let mut shard = self.shard_at(index);
                removed += self.remove_expired(&mut shard, some, usize::MAX, now);
            }
            if removed == before || removed == limit {
                return removed;
            }
        }
    }

    fn destroy_now(&self, key: &StoreKey, now: Timestamp) -> bool {
        let mut shard = self.shard_of(key);
        let Some(slot) = shard.remove(key) else { return false };
        self.left(1);
        slot.is_live(now)
    }
}

/// What has left to make room for a new session.
#[derive(Default)]
struct Left {
    expired: usize,
    evicted: Option<Evicted>,
}

/// Only what tells nothing of any session.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MemoryStats { sessions, capacity, .. } = self.stats();
        let mut debug = f.debug_struct("MemoryStore");
        debug.field("sessions", &sessions).field("capacity", &capacity).finish_non_exhaustive()
    }
}

/// There is nobody whom a visitor may push out.
#[derive(Debug)]
struct FullOfUsers;

impl fmt::Display for FullOfUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory store is full of users' sessions")
    }
}

impl Error for FullOfUsers {}

impl Default for MemoryStore {
    fn default() -> MemoryStore {
        MemoryStore::new()
    }
}

impl Store for MemoryStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::ready(Ok(self.load_now(key, now)))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::ready(self.create_now(key, record, now))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::ready(Ok(self.shard_of(key).apply(key, patch, guard, now)))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::ready(Ok(self.rotate_now(old, new, patch, guard, now)))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::ready(Ok(self.destroy_now(key, now)))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::ready(Ok(self.sweep_now(limit, now)))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::least().rotating_in_place().remembering_previous_key()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    fn export(&self) -> Option<&dyn Export> {
        Some(self)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        Some(self)
    }
}

/// Puts a record that was taken out into its new place.
fn hand_over(taken: Result<(Slot, Written), Rotated>, arrive: impl FnOnce(Slot) -> Handle) -> Rotated {
    match taken {
        Ok((slot, written)) => Rotated::Done { written, handle: arrive(slot) },
        Err(refused) => refused,
    }
}

/// The shard of a key, by the upper end of its hash: the lower one tells its place there.
fn index_of(key: &StoreKey) -> usize {
    (spread(key.id()) >> 60) as usize % SHARDS
}
