//! The contract, as the library itself checks it.

use std::sync::atomic::{AtomicUsize, Ordering};

use cloakroom::Timestamp;
use cloakroom::record::{Handle, Patch, Record, StoreKey, UserId};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Entry, Guard, Loaded, Rotated, Store, StoreFuture, conformance,
};
use cloakroom::testing::check_session_limit;
use cloakroom_sqlite::{SqliteStore, Synchronous};

use crate::scratch::{Folder, open, scratch};

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_the_contract() {
    let scratch = scratch().await;
    conformance::check(scratch.store.clone()).await;
}

/// It asks how many stay, not how soon they are answered.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_log_ins_at_once_no_more_stay_than_may_be() {
    let scratch = scratch().await;
    check_session_limit(scratch.store.clone(), 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_the_contract_with_less_synchronisation_and_one_reader() {
    let folder = Folder::new();
    let store = SqliteStore::builder(folder.file()).synchronous(Synchronous::Normal).readers(1);
    conformance::check(store.open().await.unwrap()).await;
}

/// Two stores on one file are one: each call goes to the other one of them.
#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_file_keep_the_contract_together() {
    let folder = Folder::new();
    let stores = [open(&folder).await, open(&folder).await];
    conformance::check(InTurns { stores, calls: AtomicUsize::new(0) }).await;
}

#[derive(Debug)]
struct InTurns {
    stores: [SqliteStore; 2],
    calls: AtomicUsize,
}

impl InTurns {
    fn next(&self) -> &SqliteStore {
        &self.stores[self.calls.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

impl Store for InTurns {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.next().load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.next().create(key, record, now)
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.next().apply(key, patch, guard, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.next().rotate(old, new, patch, guard, now)
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.next().destroy(key, now)
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.next().sweep(limit, now)
    }

    fn capabilities(&self) -> Capabilities {
        self.next().capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }
}

impl Directory for InTurns {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.next().list(user, now)
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        self.next().count(user, now)
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        self.next().revoke(user, handle, now)
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        self.next().revoke_all(user, except, now)
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.next().page(after, limit, now)
    }
}
