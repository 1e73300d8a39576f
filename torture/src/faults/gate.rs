//! A store whose writes can be held back.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Guard, Loaded, Rotated, Store, StoreError, StoreErrorKind, StoreFuture,
};
use tokio::sync::Semaphore;

/// A store whose `apply` begins only when it is allowed to. All else passes.
#[derive(Debug)]
pub(super) struct Gate<S> {
    store: S,
    arrived: Arc<Semaphore>,
    allowed: Arc<Semaphore>,
}

/// Who stands at a [`Gate`].
#[derive(Debug)]
pub(super) struct Keeper {
    arrived: Arc<Semaphore>,
    allowed: Arc<Semaphore>,
}

impl<S: Store> Gate<S> {
    pub(super) fn new(store: S) -> (Gate<S>, Keeper) {
        let (arrived, allowed) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        (Gate { store, arrived: arrived.clone(), allowed: allowed.clone() }, Keeper { arrived, allowed })
    }
}

impl Keeper {
    /// Waits until a write stands at the gate.
    pub(super) async fn arrival(&self) {
        // It fails only once it is closed, which nobody does.
        if let Ok(arrived) = self.arrived.acquire().await {
            arrived.forget();
        }
    }

    /// How many writes stand there that nobody has waited for.
    pub(super) fn unexpected(&self) -> usize {
        self.arrived.available_permits()
    }

    /// Lets one write pass.
    pub(super) fn allow(&self) {
        self.allowed.add_permits(1);
    }
}

impl<S: Store> Store for Gate<S> {
    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(async move {
            self.arrived.add_permits(1);
            let Ok(allowed) = self.allowed.acquire().await else {
                return Err(StoreError::new(StoreErrorKind::Unavailable));
            };
            allowed.forget();
            self.store.apply(key, patch, guard, now).await
        })
    }

    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.store.load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.store.create(key, record, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.store.rotate(old, new, patch, guard, now)
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.store.destroy(key, now)
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.store.sweep(limit, now)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}
