//! Sessions that move from one memory store to another while they are used.

use std::sync::{Arc, Mutex, PoisonError};

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Guard, Loaded, MemoryStore, MovingStore, Rotated, Store, StoreFuture,
};

use super::jitter::Jittered;
use super::rng::Rng;

/// Two processes on the same two stores, of which one moves sessions and the other does not yet. Each call goes to one of
/// them by chance, so half of the sessions begin in the old store. The calls that they make take their turns as well.
#[derive(Debug)]
pub(super) struct Moving {
    moving: MovingStore,
    staying: MovingStore,
    rng: Mutex<Rng>,
}

impl Moving {
    pub(super) fn new() -> Moving {
        // Never another seed: the order of turns is drawn from the history's own.
        let mut rng = Rng::new(0);
        let mut store = || Arc::new(Jittered::new(MemoryStore::new(), rng.fork(), 0));
        let (old, new) = (store(), store());
        Moving {
            moving: MovingStore::new(old.clone(), new.clone()),
            staying: MovingStore::new(old, new).without_moving(),
            rng: Mutex::new(rng),
        }
    }

    fn one(&self) -> &MovingStore {
        let moves = self.rng.lock().unwrap_or_else(PoisonError::into_inner).chance(50);
        if moves { &self.moving } else { &self.staying }
    }
}

impl Store for Moving {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.one().load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.one().create(key, record, now)
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.one().apply(key, patch, guard, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.one().rotate(old, new, patch, guard, now)
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.one().destroy(key, now)
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.one().sweep(limit, now)
    }

    fn capabilities(&self) -> Capabilities {
        self.moving.capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.one().directory()
    }
}
