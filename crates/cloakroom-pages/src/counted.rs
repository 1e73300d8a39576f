//! A store that counts.

use cloakroom::record::{Patch, Record, StoreKey, UserId};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Entry, Export, Feed, Finding, Guard, Loaded, Rotated, Store, StoreError,
    StoreErrorKind, StoreFuture,
};
use cloakroom::{Handle, Timestamp};

use crate::history::History;

/// A store around another one that counts which sessions begin and end through it: see [`History::count`].
#[derive(Debug)]
pub struct CountedStore<S> {
    inner: S,
    history: History,
}

impl<S: Store> CountedStore<S> {
    pub(crate) fn new(inner: S, history: History) -> CountedStore<S> {
        CountedStore { inner, history }
    }

    fn inner_directory(&self) -> Result<&dyn Directory, StoreError> {
        self.inner
            .directory()
            .ok_or_else(|| StoreError::with_source(StoreErrorKind::Other, "the store has no directory"))
    }

    fn ask<'a, T>(&'a self, ask: impl FnOnce(&'a dyn Directory) -> StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        match self.inner_directory() {
            Ok(directory) => ask(directory),
            Err(error) => StoreFuture::ready(Err(error)),
        }
    }
}

impl<S: Store> Store for CountedStore<S> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.inner.load(key, now)
    }

    fn load_fresh<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.inner.load_fresh(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(async move {
            let created = self.inner.create(key, record, now).await?;
            if matches!(created, Created::Done { .. }) {
                self.history.began(now);
            }
            Ok(created)
        })
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.inner.apply(key, patch, guard, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.inner.rotate(old, new, patch, guard, now)
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let ended = self.inner.destroy(key, now).await?;
            self.history.ended(u64::from(ended), now);
            Ok(ended)
        })
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::new(async move {
            let swept = self.inner.sweep(limit, now).await?;
            self.history.ended(swept as u64, now);
            Ok(swept)
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.inner.directory().is_some().then_some(self as &dyn Directory)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.inner.feed()
    }

    fn export(&self) -> Option<&dyn Export> {
        self.inner.export()
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        self.inner.checkup()
    }
}

impl<S: Store> Directory for CountedStore<S> {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.ask(|directory| directory.list(user, now))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        self.ask(|directory| directory.count(user, now))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let ended = self.inner_directory()?.revoke(user, handle, now).await?;
            self.history.ended(u64::from(ended), now);
            Ok(ended)
        })
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(async move {
            let ended = self.inner_directory()?.revoke_all(user, except, now).await?;
            self.history.ended(ended, now);
            Ok(ended)
        })
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.ask(|directory| directory.page(after, limit, now))
    }
}
