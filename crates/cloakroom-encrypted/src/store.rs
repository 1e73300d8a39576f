//! [`EncryptedStore`]: each call as one of the wrapped store, with the values encrypted.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::task::Poll;

use cloakroom::Timestamp;
use cloakroom::record::{Numbers, Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Feed, Finding, Found, Guard, Loaded, Rotated, Store, StoreError,
    StoreFuture, Token,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::error::Fault;
use crate::keys::DataKeys;
use crate::patch;
use crate::seal::Sealer;

/// How often a call that reads first begins again because another write came in between. Each time one of those got further, so
/// this ends when the others do; and who waits for the call, as a session does, gives up long before.
const ATTEMPTS: usize = 10_000;

/// How often it does so at once. After that it steps aside first, lest two processes in lockstep meet at the same place each time.
const AT_ONCE: usize = 8;

/// In how many queues the sessions stand whose calls got into each other's way. A power of two, at most 256.
const QUEUES: usize = 64;

/// A store that encrypts the values of another one.
///
/// What it is and what it costs, the [crate's page](crate) says. Clones share the wrapped store.
///
/// ```
/// use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
/// use cloakroom_encrypted::{DataKeys, EncryptedStore};
///
/// let data_keys = DataKeys::new("a secret of 32 bytes or more, for the data alone")?;
/// let store = EncryptedStore::new(MemoryStore::new(), data_keys);
/// let layer = SessionLayer::new(store, KeyRing::generate()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A store that is chosen at run time is an `Arc<dyn Store>`, and that can be wrapped as well.
pub struct EncryptedStore<S> {
    store: Arc<S>,
    keys: DataKeys,
    /// Where calls wait that got into each other's way, by the first byte of their session's digest.
    queues: Arc<[Mutex<()>; QUEUES]>,
}

impl<S: Store> EncryptedStore<S> {
    /// Encrypts what `store` keeps with the newest of the keys.
    pub fn new(store: S, keys: DataKeys) -> EncryptedStore<S> {
        let queues = Arc::new(std::array::from_fn(|_| Mutex::new(())));
        EncryptedStore { store: Arc::new(store), keys, queues }
    }

    /// The wrapped store, which sees the values as they are stored.
    pub fn inner(&self) -> &S {
        &self.store
    }

    pub(crate) fn keys(&self) -> &DataKeys {
        &self.keys
    }

    fn sealer<'a>(&'a self, key: &'a StoreKey) -> Sealer<'a> {
        Sealer::new(&self.keys, key.digest())
    }

    fn opened(&self, key: &StoreKey, mut loaded: Loaded) -> Result<Loaded, StoreError> {
        if let Loaded::Found(found) = &mut loaded {
            found.record.data = Arc::new(self.sealer(key).open_all(&found.record.data)?);
        }
        Ok(loaded)
    }

    async fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let mut sealed = record.clone();
        sealed.data = Arc::new(self.sealer(key).seal_all(&record.data)?);
        self.store.create(key, &sealed, now).await
    }

    async fn set_now(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let sealed = patch::sealed(patch, &Numbers::new(), &mut self.sealer(key))?;
        self.store.apply(key, &sealed, guard, now).await
    }

    /// Reads the numbers, and writes the sums if nothing has come in between.
    async fn add_now(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let mut turn = None;
        for attempt in 0..ATTEMPTS {
            self.wait_for(&mut turn, key, attempt).await;
            let found = match self.read(key, guard, now).await? {
                Read::Found(found) => found,
                Read::Gone => return Ok(Applied::Gone),
                Read::Conflict => return Ok(Applied::Conflict),
            };
            let (sealed, numbers) = {
                let mut sealer = self.sealer(key);
                match patch::numbers(patch, &found.record.data, &mut sealer)? {
                    Ok(numbers) => (patch::sealed(patch, &numbers, &mut sealer)?, numbers),
                    Err(_) => return Ok(Applied::WrongType),
                }
            };
            match (self.store.apply(key, &sealed, &Guard::Unchanged(found.token), now).await?, guard) {
                (Applied::Done(mut written), _) => {
                    written.numbers = numbers;
                    return Ok(Applied::Done(written));
                }
                (Applied::Conflict, Guard::Exists) => {}
                (answer, _) => return Ok(answer),
            }
        }
        Err(Fault::Overtaken.into())
    }

    /// Reads all values, and writes them, bound to the new key, in the step that gives it, if nothing has come in between.
    async fn rotate_now(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Rotated, StoreError> {
        let mut turn = None;
        for attempt in 0..ATTEMPTS {
            self.wait_for(&mut turn, old, attempt).await;
            let found = match self.read(old, guard, now).await? {
                Read::Found(found) => found,
                Read::Gone => return Ok(Rotated::Gone),
                Read::Conflict => return Ok(Rotated::Conflict),
            };
            let mut record = found.record;
            record.data = Arc::new(self.sealer(old).open_all(&record.data)?);
            let Ok(numbers) = patch.apply_to(&mut record, now) else {
                return Ok(Rotated::WrongType);
            };
            let sealed = patch::replacing(patch, &self.sealer(new).seal_all(&record.data)?);
            match (self.store.rotate(old, new, &sealed, &Guard::Unchanged(found.token), now).await?, guard) {
                (Rotated::Done { mut written, handle }, _) => {
                    written.numbers = numbers;
                    return Ok(Rotated::Done { written, handle });
                }
                (Rotated::Conflict, Guard::Exists) => {}
                (answer, _) => return Ok(answer),
            }
        }
        Err(Fault::Overtaken.into())
    }

    /// The record as it is stored, if it is as the guard asks.
    async fn read(&self, key: &StoreKey, guard: &Guard, now: Timestamp) -> Result<Read, StoreError> {
        Ok(match (self.store.load_fresh(key, now).await?, guard) {
            (Loaded::Found(found), Guard::Unchanged(token)) if !is_state(&found, token) => Read::Conflict,
            (Loaded::Found(found), _) => Read::Found(found),
            (Loaded::Superseded | Loaded::Missing, _) => Read::Gone,
        })
    }

    /// Has a call that was overtaken wait for others of this process that were as well.
    async fn wait_for<'a>(&'a self, turn: &mut Option<MutexGuard<'a, ()>>, key: &StoreKey, attempt: usize) {
        if attempt > 0 && turn.is_none() {
            *turn = Some(self.queues[usize::from(key.digest()[0]) % QUEUES].lock().await);
        }
        if attempt >= AT_ONCE {
            step_aside(RandomState::new().build_hasher().finish() % 16 + 1).await;
        }
    }
}

/// How a call that reads first finds its record.
enum Read {
    Found(Found),
    Gone,
    Conflict,
}

fn is_state(found: &Found, token: &Token) -> bool {
    found.token == *token
}

/// Lets others go first, so many times.
async fn step_aside(times: u64) {
    for _ in 0..times {
        let mut yielded = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl<S: Store> Store for EncryptedStore<S> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(async move { self.opened(key, self.store.load(key, now).await?) })
    }

    fn load_fresh<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(async move { self.opened(key, self.store.load_fresh(key, now).await?) })
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(self.create_now(key, record, now))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        if patch::adds(patch) {
            StoreFuture::new(self.add_now(key, patch, guard, now))
        } else if patch::sets(patch) {
            StoreFuture::new(self.set_now(key, patch, guard, now))
        } else {
            self.store.apply(key, patch, guard, now)
        }
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(self.rotate_now(old, new, patch, guard, now))
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

    /// The wrapped store's own: what a directory tells is not encrypted.
    fn directory(&self) -> Option<&dyn Directory> {
        self.store.directory()
    }

    /// The wrapped store's, with the values decrypted.
    fn export(&self) -> Option<&dyn Export> {
        self.store.export().map(|_| self as &dyn Export)
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        self.store.checkup()
    }

    /// The wrapped store's own: it tells no value, and its tokens are those that this store has.
    fn feed(&self) -> Option<&dyn Feed> {
        self.store.feed()
    }
}

impl<S> Clone for EncryptedStore<S> {
    fn clone(&self) -> EncryptedStore<S> {
        EncryptedStore { store: self.store.clone(), keys: self.keys.clone(), queues: self.queues.clone() }
    }
}

impl<S: fmt::Debug> fmt::Debug for EncryptedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedStore").field("store", &self.store).field("keys", &self.keys).finish_non_exhaustive()
    }
}
