//! The directory of the store behind. What it ends, no copy shows any more.

use super::NearCache;
use crate::clock::Timestamp;
use crate::record::{Handle, UserId};
use crate::store::{Directory, Entry, StoreError, StoreErrorKind, StoreFuture};

impl Directory for NearCache {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.ask(|directory| directory.list(user, now))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        self.ask(|directory| directory.count(user, now))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let _writing = self.inner.write_broadly();
            self.ask(|directory| directory.revoke(user, handle, now)).await
        })
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(async move {
            let _writing = self.inner.write_broadly();
            self.ask(|directory| directory.revoke_all(user, except, now)).await
        })
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.ask(|directory| directory.page(after, limit, now))
    }
}

impl NearCache {
    fn ask<'a, T>(&'a self, question: impl FnOnce(&'a dyn Directory) -> StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        match self.inner.store.directory() {
            Some(directory) => question(directory),
            None => StoreFuture::ready(Err(StoreError::new(StoreErrorKind::Other))),
        }
    }
}
