//! Two stores whose calls take their turns or fail, and what can be asked of a session in them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use cloakroom::record::{Handle, Patch, Record, StoreKey, Value};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Entry, Guard, Loaded, MemoryStore, MovingStore, Rotated, Store,
    StoreError, StoreErrorKind, StoreFuture,
};
use cloakroom::{Timestamp, UserId};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

/// What happens to the calls of both stores.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    /// Whether each call waits for one turn.
    pub(crate) waits: AtomicBool,
    /// How many calls there were.
    pub(crate) calls: AtomicUsize,
    /// The call with this number fails; whether only after it was carried out.
    pub(crate) fails: Mutex<Option<(usize, bool)>>,
}

/// A memory store that suffers a fate.
#[derive(Debug)]
pub(crate) struct Fated {
    pub(crate) inner: MemoryStore,
    fate: Arc<Fate>,
}

impl Fated {
    fn call<'a, T: Send + 'a>(&'a self, call: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a) -> StoreFuture<'a, T> {
        StoreFuture::new(async move {
            if self.fate.waits.load(Ordering::SeqCst) {
                Turn::default().await;
            }
            let number = self.fate.calls.fetch_add(1, Ordering::SeqCst);
            let after =
                self.fate.fails.lock().unwrap().filter(|(failing, _)| *failing == number).map(|(_, after)| after);
            match after {
                None => call().await,
                Some(true) => {
                    call().await?;
                    Err(StoreError::new(StoreErrorKind::Timeout))
                }
                Some(false) => Err(StoreError::new(StoreErrorKind::Unavailable)),
            }
        })
    }
}

/// Waits for the next turn.
#[derive(Default)]
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Store for Fated {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.call(move || self.inner.load(key, now))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.call(move || self.inner.create(key, record, now))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.call(move || self.inner.apply(key, patch, guard, now))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.call(move || self.inner.rotate(old, new, patch, guard, now))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.call(move || self.inner.destroy(key, now))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.call(move || self.inner.sweep(limit, now))
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }
}

impl Directory for Fated {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.call(move || self.inner.list(user, now))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        self.call(move || self.inner.count(user, now))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        self.call(move || self.inner.revoke(user, handle, now))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        self.call(move || self.inner.revoke_all(user, except, now))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.call(move || self.inner.page(after, limit, now))
    }
}

/// Two stores, and one session in the old one.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) fate: Arc<Fate>,
    pub(crate) old: Arc<Fated>,
    pub(crate) new: Arc<Fated>,
    pub(crate) store: Arc<MovingStore>,
    pub(crate) staying: Arc<MovingStore>,
    pub(crate) key: StoreKey,
}

impl World {
    pub(crate) fn new() -> World {
        let fate = Arc::new(Fate::default());
        let fated = || Arc::new(Fated { inner: MemoryStore::new(), fate: fate.clone() });
        let (old, new) = (fated(), fated());
        let store = Arc::new(MovingStore::new(old.clone(), new.clone()));
        let staying = Arc::new(MovingStore::new(old.clone(), new.clone()).without_moving());
        let world = World { fate, old, new, store, staying, key: StoreKey::generate().unwrap() };
        world.seed(&world.key);
        world
    }

    /// A session in the old store.
    pub(crate) fn seed(&self, key: &StoreKey) -> Handle {
        match now(self.old.inner.create(key, &record(), NOW)).unwrap() {
            Created::Done { handle, .. } => handle,
            Created::Taken => panic!("the key is taken"),
        }
    }

    /// What a process that begins now finds under a key: the record, if there is one.
    pub(crate) fn found(&self, key: &StoreKey) -> Option<Record> {
        match now(self.store.load(key, NOW)).unwrap() {
            Loaded::Found(found) => Some(found.record),
            Loaded::Superseded | Loaded::Missing => None,
        }
    }

    pub(crate) fn n(&self, key: &StoreKey) -> Option<i64> {
        self.found(key).map(|record| record.data.get("n").and_then(Value::as_i64).unwrap_or(0))
    }

    pub(crate) fn guard(&self) -> Guard {
        match now(self.store.load(&self.key, NOW)).unwrap() {
            Loaded::Found(found) => Guard::Unchanged(found.token),
            other => panic!("it is {other:?}"),
        }
    }
}

pub(crate) fn user() -> UserId {
    UserId::new("ada").unwrap()
}

pub(crate) fn record() -> Record {
    let hour = std::time::Duration::from_secs(60 * 60);
    let mut record = Record::new(NOW, NOW + hour, NOW + hour * 2);
    record.user = Some(user());
    record.data = Arc::new([("n", Value::from(0))].into_iter().collect());
    record.metadata = Arc::new([("agent", Value::from(7))].into_iter().collect());
    record
}

pub(crate) fn add(key: &str) -> Patch {
    let mut patch = Patch::default();
    patch.add(key, 1).unwrap();
    patch
}

/// The answer of a future that waits for nothing.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}

/// A word for an answer.
pub(crate) fn word(answer: &impl fmt::Debug) -> String {
    format!("{answer:?}").chars().take_while(|letter| letter.is_alphabetic()).collect()
}
