//! Stores with one fault each: the memory store, but for what a [`Wrong`] does otherwise.

pub(crate) mod directory;
pub(crate) mod ends;
pub(crate) mod exports;
pub(crate) mod feed;
pub(crate) mod rotations;
pub(crate) mod values;
pub(crate) mod writes;

use std::fmt::Debug;
use std::sync::Arc;

use cloakroom::record::{Expiry, Handle, Patch, Record, StoreKey, Value};
use cloakroom::store::{
    Applied, Batch, Capabilities, Created, Cursor, Directory, Entry, Export, Feed, Found, Guard, Listener, Loaded,
    MemoryStore, Names, Rotated, Store, StoreError, StoreFuture,
};
use cloakroom::{Timestamp, UserId};

pub(crate) type Answer<T> = Result<T, StoreError>;

/// A fault. What is not overridden is right.
pub(crate) trait Wrong: Debug + Default + Send + Sync + 'static {
    fn load<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        inner.load(key, now)
    }

    fn create<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> StoreFuture<'a, Created> {
        inner.create(key, record, now)
    }

    fn apply<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        inner.apply(key, patch, guard, now)
    }

    fn rotate<'a>(&'a self, inner: &'a MemoryStore, turn: Turn<'a>) -> StoreFuture<'a, Rotated> {
        turn.on(inner)
    }

    fn destroy<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        inner.destroy(key, now)
    }

    fn sweep<'a>(&'a self, inner: &'a MemoryStore, limit: usize, now: Timestamp) -> StoreFuture<'a, usize> {
        inner.sweep(limit, now)
    }

    fn list<'a>(&'a self, inner: &'a MemoryStore, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        inner.list(user, now)
    }

    fn revoke<'a>(
        &'a self,
        inner: &'a MemoryStore,
        user: &'a UserId,
        handle: &'a Handle,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        inner.revoke(user, handle, now)
    }

    fn revoke_all<'a>(
        &'a self,
        inner: &'a MemoryStore,
        user: &'a UserId,
        except: Option<&'a Handle>,
        now: Timestamp,
    ) -> StoreFuture<'a, u64> {
        inner.revoke_all(user, except, now)
    }

    fn page<'a>(
        &'a self,
        inner: &'a MemoryStore,
        after: Option<&'a Handle>,
        limit: usize,
        now: Timestamp,
    ) -> StoreFuture<'a, Vec<Entry>> {
        inner.page(after, limit, now)
    }

    fn records<'a>(
        &'a self,
        inner: &'a MemoryStore,
        after: Option<&'a Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> StoreFuture<'a, Batch> {
        inner.records(after, limit, now)
    }

    fn capabilities(&self, inner: &MemoryStore) -> Capabilities {
        inner.capabilities()
    }

    fn listen<'a>(&'a self, inner: &'a MemoryStore, listener: u64) -> StoreFuture<'a, Box<dyn Listener>> {
        inner.listen(listener)
    }

    fn echo<'a>(&'a self, inner: &'a MemoryStore, listener: u64, mark: u64) -> StoreFuture<'a, ()> {
        inner.echo(listener, mark)
    }
}

/// What a rotation is asked to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) old: &'a StoreKey,
    pub(crate) new: &'a StoreKey,
    pub(crate) patch: &'a Patch,
    pub(crate) guard: &'a Guard,
    pub(crate) now: Timestamp,
}

impl<'a> Turn<'a> {
    pub(crate) fn on(self, inner: &'a MemoryStore) -> StoreFuture<'a, Rotated> {
        inner.rotate(self.old, self.new, self.patch, self.guard, self.now)
    }
}

/// No fault at all.
#[derive(Debug, Default)]
pub(crate) struct Right;

impl Wrong for Right {}

/// A memory store with a fault.
#[derive(Debug, Default)]
pub(crate) struct Broken<W> {
    inner: MemoryStore,
    wrong: W,
}

impl<W: Wrong> Store for Broken<W> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.wrong.load(&self.inner, key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.wrong.create(&self.inner, key, record, now)
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.wrong.apply(&self.inner, key, patch, guard, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.wrong.rotate(&self.inner, Turn { old, new, patch, guard, now })
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.wrong.destroy(&self.inner, key, now)
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.wrong.sweep(&self.inner, limit, now)
    }

    fn capabilities(&self) -> Capabilities {
        self.wrong.capabilities(&self.inner)
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    fn export(&self) -> Option<&dyn Export> {
        Some(self)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        Some(self)
    }
}

impl<W: Wrong> Export for Broken<W> {
    fn names(&self) -> Names {
        Names::Ids
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        self.wrong.records(&self.inner, after, limit, now)
    }
}

impl<W: Wrong> Feed for Broken<W> {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        self.wrong.listen(&self.inner, listener)
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        self.wrong.echo(&self.inner, listener, mark)
    }
}

impl<W: Wrong> Directory for Broken<W> {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.wrong.list(&self.inner, user, now)
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        self.inner.count(user, now)
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        self.wrong.revoke(&self.inner, user, handle, now)
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        self.wrong.revoke_all(&self.inner, user, except, now)
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.wrong.page(&self.inner, after, limit, now)
    }
}

pub(crate) async fn found(inner: &MemoryStore, key: &StoreKey, now: Timestamp) -> Answer<Option<Found>> {
    Ok(match inner.load(key, now).await? {
        Loaded::Found(found) => Some(found),
        Loaded::Superseded | Loaded::Missing => None,
    })
}

pub(crate) fn json(text: &str) -> Value {
    Value::from_json(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A patch that only moves times.
pub(crate) fn touch(expiry: Expiry) -> Patch {
    let mut patch = Patch::default();
    patch.expiry = expiry;
    patch
}

/// A patch that makes a record what another is, as a write of the whole record does.
pub(crate) fn whole(record: &Record, patch: &Patch) -> Patch {
    let mut whole = touch(patch.expiry);
    whole.user = record.user.clone();
    whole.absolute_end = patch.absolute_end;
    whole.lifetime = Some(record.lifetime);
    copy_metadata(patch, &mut whole);
    for (key, value) in record.metadata.iter() {
        whole.set_metadata(key.clone(), value.clone());
    }
    whole.clear();
    for (key, value) in record.data.iter() {
        whole.set(key.clone(), value.clone());
    }
    whole
}

/// What a patch does to the metadata, in another patch.
pub(crate) fn copy_metadata(from: &Patch, to: &mut Patch) {
    for (key, value) in from.metadata() {
        match value {
            Some(value) => to.set_metadata(key.clone(), value.clone()),
            None => to.unset_metadata(key.clone()),
        }
    }
}

/// The moment in which others come first: about a round trip to a database. Shorter, it would be luck to meet in it.
pub(crate) async fn pause() {
    std::thread::sleep(std::time::Duration::from_micros(300));
}

/// A patch without its changes of data keys, but for those that are chosen.
pub(crate) fn without_changes(patch: &Patch) -> Patch {
    let mut other = without_keys(patch);
    copy_metadata(patch, &mut other);
    other
}

/// A patch that names no key, neither of the data nor of the metadata.
pub(crate) fn without_keys(patch: &Patch) -> Patch {
    let mut other = touch(patch.expiry);
    other.user = patch.user.clone();
    (other.absolute_end, other.lifetime) = (patch.absolute_end, patch.lifetime);
    if patch.clears() {
        other.clear();
    }
    other
}

pub(crate) fn with_data(record: &Record, data: cloakroom::record::Data) -> Record {
    let mut record = record.clone();
    record.data = Arc::new(data);
    record
}
