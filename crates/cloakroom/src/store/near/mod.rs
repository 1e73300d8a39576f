//! Copies of sessions in the process' own memory, which a feed keeps right.

mod directory;
mod listening;
mod pulse;
mod recent;
mod shelves;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use self::listening::Listening;
use self::pulse::Pulse;
use self::shelves::{Look, Shelves};
use super::{
    Applied, Capabilities, Created, Directory, Export, Feed, Finding, Guard, Loaded, Rotated, Store, StoreError,
    StoreErrorKind, StoreFuture,
};
use crate::clock::Timestamp;
use crate::record::{Patch, Record, StoreKey};

/// Serves sessions from the process' own memory, and still sees within a second what another server does to them.
///
/// It stands in front of a store that has a [`Feed`]. A load is answered by the store once, and then from memory, until the
/// feed tells of a change; every write goes to the store. The feature `tokio` has to be on.
///
/// ```
/// use cloakroom::{SessionLayer, cookie::KeyRing, store::{MemoryStore, NearCache}};
///
/// let store = NearCache::new(MemoryStore::new())?; // In earnest, a store that several servers share.
/// let layer = SessionLayer::new(store, KeyRing::generate()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Whatever else wraps the store belongs behind the cache, a [`MovingStore`](super::MovingStore) too.
///
/// # What it guarantees
///
/// - **What this process writes it reads at once**, as without a cache: a log-out, a rotation, a revocation.
/// - **What another process has done is seen within the [bound](NearCache::with_bound)**, one second unless set; mostly in
///   milliseconds. Not by hope: a copy is served only while the feed has proved that it knows all that was confirmed up to a
///   bound ago. For that marks are sent through it, four in a bound, which come back behind all that was confirmed before
///   ([`Feed::echo`]).
/// - **A feed that stalls costs speed, not safety**: when no mark comes back, loads go to the store, until one does. What it may have
///   missed is forgotten.
/// - **Reads of one id never go backwards** in this process.
/// - **No write is decided by a copy.** Guards are checked by the store; an `update` that began with a copy which has changed since is
///   refused once, and then reads anew.
///
/// # What it does not
///
/// Up to the bound, another process may still *read* a session that has ended, under an id that was rotated away too; not
/// write it, and not sign anybody out by it. Where even that is too long, [`load_fresh`](Store::load_fresh) asks the store, and any
/// write does. The answers of the [`Directory`] come from the store.
#[derive(Debug)]
pub struct NearCache {
    inner: Arc<Inner>,
    listening: Listening,
}

/// What the cache shares with the task that listens.
#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    shelves: Shelves,
    pulse: Pulse,
    /// Wakes who sends the marks.
    hurry: Notify,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How a [`NearCache`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearStats {
    /// How many ids it has a copy of, or knows to have no session.
    pub entries: usize,
    /// Loads that were answered from memory since the start.
    pub hits: u64,
    /// Loads that the store was asked for.
    pub misses: u64,
    /// Whether the feed has proved itself within the bound, so that loads are answered from memory.
    pub is_live: bool,
}

impl NearCache {
    /// How long a change by another process may stay unseen, unless set.
    pub const DEFAULT_BOUND: Duration = Duration::from_secs(1);

    /// How many sessions are kept at most, unless set.
    pub const DEFAULT_CAPACITY: usize = 10_000;

    /// A cache in front of a store. It begins to listen with the first load.
    ///
    /// # Errors
    ///
    /// If the store has no feed. That it can't be listened to at the moment is no error, but logged, and tried again.
    pub fn new(store: impl Store) -> Result<NearCache, StoreError> {
        if store.feed().is_none() {
            return Err(StoreError::with_source(StoreErrorKind::Other, "the store has no feed"));
        }
        Ok(NearCache::of(Arc::new(store), NearCache::DEFAULT_BOUND, NearCache::DEFAULT_CAPACITY))
    }

    fn of(store: Arc<dyn Store>, bound: Duration, capacity: usize) -> NearCache {
        let inner = Inner {
            store,
            shelves: Shelves::new(capacity),
            pulse: Pulse::new(bound),
            hurry: Notify::new(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        };
        NearCache { inner: Arc::new(inner), listening: Listening::default() }
    }

    /// Serves no copy that could be older than this, at least 20 ms. Less costs more marks, and a pause of the feed is
    /// sooner felt.
    ///
    /// To be called before the cache is used: what it has is forgotten.
    #[must_use]
    pub fn with_bound(self, bound: Duration) -> NearCache {
        let bound = bound.max(Duration::from_millis(20));
        NearCache::of(self.inner.store.clone(), bound, self.inner.shelves.capacity())
    }

    /// Keeps at most so many sessions, and ids without one; those that were not used for long leave first. At least 16.
    ///
    /// To be called before the cache is used: what it has is forgotten.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> NearCache {
        NearCache::of(self.inner.store.clone(), self.inner.pulse.bound(), capacity)
    }

    /// How it does.
    pub fn stats(&self) -> NearStats {
        NearStats {
            entries: self.inner.shelves.len(),
            hits: self.inner.hits.load(Ordering::Relaxed),
            misses: self.inner.misses.load(Ordering::Relaxed),
            is_live: self.inner.pulse.is_live(),
        }
    }

    async fn load_through<'a>(
        &'a self,
        key: &'a StoreKey,
        now: Timestamp,
        mut look: Look<'a>,
    ) -> Result<Loaded, StoreError> {
        let inner = &*self.inner;
        self.listening.ensure(inner.pulse.is_live(), &self.inner);
        // Who is on no runtime of tokio can't wait with a limit, and asks.
        if let Look::Wait(flight) = &mut look
            && Handle::try_current().is_ok()
        {
            // It ends by an error too, and then everybody asks for themselves. Who flies may also not be polled any more.
            drop(tokio::time::timeout(inner.pulse.bound(), flight.changed()).await);
            look = inner.shelves.look(key, now, inner.pulse.moment(), false);
        }
        match look {
            Look::Hit(loaded) => {
                inner.hits.fetch_add(1, Ordering::Relaxed);
                Ok(loaded)
            }
            Look::Fly(flight) => {
                inner.misses.fetch_add(1, Ordering::Relaxed);
                // Never a copy of another cache behind, which may not have heard yet what this one has.
                let loaded = inner.store.load_fresh(key, now).await?;
                flight.land(&loaded, now);
                Ok(loaded)
            }
            Look::Ask | Look::Wait(_) => {
                inner.misses.fetch_add(1, Ordering::Relaxed);
                let loaded = inner.store.load_fresh(key, now).await?;
                inner.shelves.seen(key, &loaded);
                Ok(loaded)
            }
        }
    }
}

impl Inner {
    /// A write begins to sessions of which only the store knows which they are. It is over when what this gives is dropped.
    fn write_broadly(&self) -> BroadWrite<'_> {
        self.shelves.hold();
        BroadWrite(self)
    }
}

/// Once such a write is over, no copy is served until the feed has told all of it.
struct BroadWrite<'a>(&'a Inner);

impl Drop for BroadWrite<'_> {
    fn drop(&mut self) {
        self.0.pulse.demand();
        self.0.hurry.notify_one();
        self.0.shelves.release();
    }
}

impl Store for NearCache {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        match self.inner.shelves.look(key, now, self.inner.pulse.moment(), true) {
            Look::Hit(loaded) => {
                self.inner.hits.fetch_add(1, Ordering::Relaxed);
                StoreFuture::ready(Ok(loaded))
            }
            look => StoreFuture::new(self.load_through(key, now, look)),
        }
    }

    fn load_fresh<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(async move {
            let loaded = self.inner.store.load_fresh(key, now).await?;
            self.inner.shelves.seen(key, &loaded);
            Ok(loaded)
        })
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(async move {
            let _writing = self.inner.shelves.write(key);
            self.inner.store.create(key, record, now).await
        })
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(async move {
            let _writing = self.inner.shelves.write(key);
            self.inner.store.apply(key, patch, guard, now).await
        })
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(async move {
            let _writing = (self.inner.shelves.write(old), self.inner.shelves.write(new));
            self.inner.store.rotate(old, new, patch, guard, now).await
        })
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let _writing = self.inner.shelves.write(key);
            self.inner.store.destroy(key, now).await
        })
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::new(async move {
            let _writing = self.inner.write_broadly();
            self.inner.store.sweep(limit, now).await
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.store.capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.inner.store.directory().map(|_| self as &dyn Directory)
    }

    fn export(&self) -> Option<&dyn Export> {
        self.inner.store.export()
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        self.inner.store.checkup()
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.inner.store.feed()
    }
}
