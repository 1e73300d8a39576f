//! Sessions in the process's own memory.

mod directory;
mod shard;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::shard::{Digest, Rank, Shard};
use super::{Applied, Capabilities, Created, Directory, Guard, Loaded, Rotated, Store, StoreFuture};
use crate::clock::Timestamp;
use crate::record::{Handle, Patch, Record, StoreKey};

const SHARDS: usize = 16;

/// Keeps sessions in memory: fast, bounded, and gone when the process ends.
///
/// When it is full, room is made for a new session: expired ones leave first, then the anonymous session that was idle
/// for longest; a user's session only when no anonymous one is left. So a flood of visitors can't push out who has
/// logged in; and where all are users, the visitor's new session is the one to go. Each eviction is a `tracing` event and counted in [`stats`](MemoryStore::stats).
///
/// Expired sessions leave while others come; no background task is needed.
///
/// ```
/// use cloakroom::store::MemoryStore;
///
/// let store = MemoryStore::with_capacity(1_000);
/// assert_eq!(store.stats().sessions, 0);
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    shards: [Mutex<Shard>; SHARDS],
    capacity: usize,
    sessions: AtomicUsize,
    evicted_anonymous: AtomicU64,
    evicted_users: AtomicU64,
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
        MemoryStore {
            shards: std::array::from_fn(|_| Mutex::default()),
            capacity: capacity.max(1),
            sessions: AtomicUsize::new(0),
            evicted_anonymous: AtomicU64::new(0),
            evicted_users: AtomicU64::new(0),
        }
    }

    /// How full it is.
    pub fn stats(&self) -> MemoryStats {
        MemoryStats {
            sessions: self.sessions.load(Ordering::Relaxed),
            capacity: self.capacity,
            evicted_anonymous: self.evicted_anonymous.load(Ordering::Relaxed),
            evicted_users: self.evicted_users.load(Ordering::Relaxed),
        }
    }

    fn shard_of(&self, digest: &Digest) -> MutexGuard<'_, Shard> {
        self.shard_at(index_of(digest))
    }

    fn shard_at(&self, index: usize) -> MutexGuard<'_, Shard> {
        // No code that holds the lock panics half-way through a change.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All shards at one moment, locked in the one order that there is for more than one.
    fn all_shards(&self) -> [MutexGuard<'_, Shard>; SHARDS] {
        std::array::from_fn(|index| self.shard_at(index))
    }

    /// Forgets what left a shard.
    fn left(&self, count: usize) {
        self.sessions.fetch_sub(count, Ordering::Relaxed);
    }

    fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Created {
        let (created, full) = {
            let mut shard = self.shard_of(key.digest());
            self.left(shard.remove_expired(2, now));
            let created = shard.create(*key.digest(), record.clone());
            let came = usize::from(matches!(created, Created::Done { .. }));
            // Counted under the lock: whoever ends it at once must not count it out before it is counted in.
            (created, self.sessions.fetch_add(came, Ordering::Relaxed) + came > self.capacity)
        };
        if full {
            self.make_room(now);
        }
        created
    }

    fn make_room(&self, now: Timestamp) {
        while self.sessions.load(Ordering::Relaxed) > self.capacity {
            let expired: usize = (0..SHARDS).map(|index| self.shard_at(index).remove_expired(1, now)).sum();
            self.left(expired);
            if expired == 0 && !self.evict_one() {
                return;
            }
        }
    }

    /// Evicts the session that is first in the order of eviction over all shards.
    fn evict_one(&self) -> bool {
        let first = (0..SHARDS).filter_map(|index| Some((self.shard_at(index).first_to_go()?, index))).min();
        let Some((rank, index)) = first else { return false };
        // It may have left or been touched since; then the caller looks again.
        if let Some(handle) = self.shard_at(index).evict(&rank) {
            self.left(1);
            self.report(&rank, &handle);
        }
        true
    }

    fn report(&self, rank: &Rank, handle: &Handle) {
        let counter = if rank.is_user { &self.evicted_users } else { &self.evicted_anonymous };
        counter.fetch_add(1, Ordering::Relaxed);
        tracing::info!(%handle, user = rank.is_user, "the memory store is full: a session was evicted");
    }

    fn load_now(&self, key: &StoreKey, now: Timestamp) -> Loaded {
        let successor = {
            let shard = self.shard_of(key.digest());
            match shard.find(key.digest(), now) {
                Some(found) => return Loaded::Found(found),
                None => shard.successor(key.digest()),
            }
        };
        match successor {
            Some(new) if self.shard_of(&new).came_from(&new, key.digest(), now) => Loaded::Superseded,
            _ => Loaded::Missing,
        }
    }

    fn rotate_now(&self, old: &Digest, new: &Digest, patch: &Patch, guard: &Guard, now: Timestamp) -> Rotated {
        let (at_old, at_new) = (index_of(old), index_of(new));
        if at_old == at_new {
            let mut shard = self.shard_at(at_old);
            if shard.has(new) {
                return Rotated::Taken;
            }
            return match shard.take(old, *new, patch, guard, now) {
                Ok((slot, written)) => {
                    shard.insert(*new, slot);
                    Rotated::Done(written)
                }
                Err(refused) => refused,
            };
        }
        // Both shards stay locked, in one order for all, so that at no moment both keys or neither find the record.
        let (mut low, mut high) = (self.shard_at(at_old.min(at_new)), self.shard_at(at_old.max(at_new)));
        let (from, to) = if at_old < at_new { (&mut *low, &mut *high) } else { (&mut *high, &mut *low) };
        if to.has(new) {
            return Rotated::Taken;
        }
        match from.take(old, *new, patch, guard, now) {
            Ok((slot, written)) => {
                to.insert(*new, slot);
                Rotated::Done(written)
            }
            Err(refused) => refused,
        }
    }

    fn sweep_now(&self, limit: usize, now: Timestamp) -> usize {
        let mut removed = 0;
        for index in 0..SHARDS {
            removed += self.shard_at(index).remove_expired(limit - removed, now);
        }
        self.left(removed);
        removed
    }
}

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
        StoreFuture::ready(Ok(self.create_now(key, record, now)))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::ready(Ok(self.shard_of(key.digest()).apply(key.digest(), patch, guard, now)))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::ready(Ok(self.rotate_now(old.digest(), new.digest(), patch, guard, now)))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        let removed = self.shard_of(key.digest()).remove(key.digest());
        self.left(usize::from(removed.is_some()));
        StoreFuture::ready(Ok(removed.is_some_and(|slot| slot.record.is_live(now))))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::ready(Ok(self.sweep_now(limit, now)))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::native()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }
}

fn index_of(digest: &Digest) -> usize {
    usize::from(digest[31]) % SHARDS
}
