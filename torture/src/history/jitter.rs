//! A store whose calls take a few steps, and now and then fail.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cloakroom::Timestamp;
use cloakroom::record::{Handle, Patch, Record, StoreKey, UserId};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Entry, Feed, Guard, Loaded, Rotated, Store, StoreError, StoreErrorKind,
    StoreFuture,
};
use tokio::task::yield_now;

use super::rng::Rng;

/// Lets others have their turn before and after each call of the store within, as often as a seed says; so on an
/// executor that draws whose turn it is from a seed too, the seed decides how calls are interleaved.
pub struct Jittered<S> {
    inner: S,
    rng: Mutex<Rng>,
    /// Of a hundred.
    failures: usize,
    calm: AtomicBool,
}

/// What is to happen to one call.
struct Fate {
    before: usize,
    after: usize,
    fails: Option<Moment>,
}

/// When a call fails: before it was carried out, or after.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    Before,
    After,
}

impl<S: Send + Sync> Jittered<S> {
    /// A store over another one. Of a hundred calls, so many fail.
    pub fn new(inner: S, rng: Rng, failures: usize) -> Jittered<S> {
        Jittered { inner, rng: Mutex::new(rng), failures, calm: AtomicBool::new(false) }
    }

    /// From now on no call fails or waits.
    pub fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    fn fate(&self) -> Fate {
        if self.calm.load(Ordering::SeqCst) {
            return Fate { before: 0, after: 0, fails: None };
        }
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let fails = rng.chance(self.failures).then(|| rng.one_of(&[Moment::Before, Moment::After]));
        Fate { before: rng.below(3), after: rng.below(3), fails }
    }

    fn jitter<'a, T: Send + 'a>(&'a self, call: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a) -> StoreFuture<'a, T> {
        StoreFuture::new(async move {
            let fate = self.fate();
            for _ in 0..fate.before {
                yield_now().await;
            }
            if fate.fails == Some(Moment::Before) {
                return Err(StoreError::new(StoreErrorKind::Unavailable));
            }
            let answer = call().await;
            for _ in 0..fate.after {
                yield_now().await;
            }
            if fate.fails == Some(Moment::After) {
                return Err(StoreError::new(StoreErrorKind::Timeout));
            }
            answer
        })
    }
}

impl<S: Store> Store for Jittered<S> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.jitter(move || self.inner.load(key, now))
    }

    fn load_fresh<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.jitter(move || self.inner.load_fresh(key, now))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.jitter(move || self.inner.create(key, record, now))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.jitter(move || self.inner.apply(key, patch, guard, now))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.jitter(move || self.inner.rotate(old, new, patch, guard, now))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.jitter(move || self.inner.destroy(key, now))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.jitter(move || self.inner.sweep(limit, now))
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.inner.directory().map(|_| self as &dyn Directory)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.inner.feed()
    }
}

impl<S: Store> Jittered<S> {
    fn ask<'a, T: Send + 'a>(
        &'a self,
        question: impl FnOnce(&'a dyn Directory) -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        self.jitter(move || match self.inner.directory() {
            Some(directory) => question(directory),
            None => StoreFuture::ready(Err(StoreError::new(StoreErrorKind::Other))),
        })
    }
}

impl<S: Store> Directory for Jittered<S> {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.ask(move |directory| directory.list(user, now))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        self.ask(move |directory| directory.count(user, now))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        self.ask(move |directory| directory.revoke(user, handle, now))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        self.ask(move |directory| directory.revoke_all(user, except, now))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.ask(move |directory| directory.page(after, limit, now))
    }
}

impl<S: Store> fmt::Debug for Jittered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jittered").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// The store of a run, with its faults and its patience.
pub(super) type Shaken = Arc<Jittered<Arc<dyn Store>>>;
