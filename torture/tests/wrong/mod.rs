//! The memory store with a fault.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use cloakroom::record::{Change, Handle, Numbers, Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Entry, Found, Guard, Loaded, MemoryStore, Rotated, Store, StoreError,
    StoreFuture, Written,
};
use cloakroom::{Timestamp, UserId};
use tokio::task::yield_now;

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Takes every guard for `Exists`.
    IgnoresGuard,
    /// Adds to a number by loading it and setting the sum.
    AddsByReading,
    /// Makes a record where there is none to change.
    Upserts,
    /// Changes a record by loading it and putting it back as a whole.
    WritesWhole,
    /// Says of every third change that it is done, and does nothing.
    Forgets,
    /// Makes the first change of a patch only.
    WritesHalf,
    /// Answers the first load after a change as if it had not been made.
    ReadsStale,
    /// Finds another session where there is none.
    Confuses,
    /// Ends nothing.
    NeverDestroys,
    NeverRevokes,
    /// Leaves a copy under the old id.
    KeepsOldId,
    /// Does not tell of a session that was rotated away, though it promises to.
    ForgetsPreviousId,
    /// Collects sessions that live.
    SweepsLive,
    /// Looks at no end of sessions.
    ServesExpired,
    /// Says of every third change that the session is gone, and makes it.
    RefusesAndWrites,
}

#[derive(Debug)]
pub(crate) struct Wrong {
    inner: MemoryStore,
    fault: Fault,
    calls: AtomicUsize,
    keys: Mutex<Vec<StoreKey>>,
    before: Mutex<HashMap<[u8; 32], Loaded>>,
}

type Answer<T> = Result<T, StoreError>;

impl Wrong {
    pub(crate) fn new(fault: Fault) -> Wrong {
        let (calls, keys, before) = Default::default();
        Wrong { inner: MemoryStore::new(), fault, calls, keys, before }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn is_third(&self) -> bool {
        self.calls.fetch_add(1, Ordering::SeqCst) % 3 == 2
    }

    fn keys(&self) -> MutexGuard<'_, Vec<StoreKey>> {
        self.keys.lock().unwrap()
    }

    /// The time that it goes by.
    fn time(&self, now: Timestamp) -> Timestamp {
        if self.has(Fault::ServesExpired) { Timestamp::from_millis(0) } else { now }
    }

    async fn find(&self, key: &StoreKey, now: Timestamp) -> Answer<Option<Found>> {
        Ok(match self.inner.load(key, now).await? {
            Loaded::Found(found) => Some(found),
            Loaded::Superseded | Loaded::Missing => None,
        })
    }

    async fn load_now(&self, key: &StoreKey, now: Timestamp) -> Answer<Loaded> {
        if let Some(before) = self.before.lock().unwrap().remove(key.digest()) {
            return Ok(before);
        }
        let loaded = self.inner.load(key, self.time(now)).await?;
        Ok(match loaded {
            Loaded::Superseded if self.has(Fault::ForgetsPreviousId) => Loaded::Missing,
            Loaded::Missing if self.has(Fault::Confuses) => {
                let other = self.keys().first().cloned();
                match other {
                    Some(other) => self.inner.load(&other, now).await?,
                    None => Loaded::Missing,
                }
            }
            loaded => loaded,
        })
    }

    async fn apply_now(&self, key: &StoreKey, patch: &Patch, guard: &Guard, now: Timestamp) -> Answer<Applied> {
        let now = self.time(now);
        let mut patch = patch.clone();
        match self.fault {
            Fault::ReadsStale => {
                let before = self.inner.load(key, now).await?;
                self.before.lock().unwrap().insert(*key.digest(), before);
            }
            Fault::Forgets if self.is_third() => {
                let Some(found) = self.find(key, now).await? else { return Ok(Applied::Gone) };
                let numbers = patch.apply_to(&mut found.record.clone(), now).unwrap_or_default();
                return Ok(Applied::Done(Written::new(found.token, numbers)));
            }
            Fault::RefusesAndWrites if patch.changes_data() && self.is_third() => {
                self.inner.apply(key, &patch, guard, now).await?;
                return Ok(Applied::Gone);
            }
            Fault::AddsByReading => {
                let numbers = self.set_sums(key, &mut patch, now).await?;
                let applied = self.inner.apply(key, &patch, guard, now).await?;
                return Ok(match applied {
                    Applied::Done(written) => Applied::Done(Written::new(written.token, numbers)),
                    other => other,
                });
            }
            Fault::WritesHalf => keep_first(&mut patch),
            Fault::WritesWhole => return self.write_whole(key, &patch, now).await,
            _ => {}
        }
        let guard = if self.has(Fault::IgnoresGuard) { &Guard::Exists } else { guard };
        let applied = self.inner.apply(key, &patch, guard, now).await?;
        if self.has(Fault::Upserts) && matches!(applied, Applied::Gone) && patch.changes_data() {
            let mut record = Record::new(now, now + super::HOUR, now + super::HOUR);
            let numbers = patch.apply_to(&mut record, now).unwrap_or_default();
            if let Created::Done { token, .. } = self.inner.create(key, &record, now).await? {
                return Ok(Applied::Done(Written::new(token, numbers)));
            }
        }
        Ok(applied)
    }

    async fn set_sums(&self, key: &StoreKey, patch: &mut Patch, now: Timestamp) -> Answer<Numbers> {
        let Some(found) = self.find(key, now).await? else { return Ok(Vec::new()) };
        yield_now().await;
        let mut record = found.record;
        let numbers = patch.apply_to(&mut record, now).unwrap_or_default();
        for (name, sum) in &numbers {
            patch.set(name.clone(), (*sum).into());
        }
        Ok(numbers)
    }

    async fn write_whole(&self, key: &StoreKey, patch: &Patch, now: Timestamp) -> Answer<Applied> {
        let Some(found) = self.find(key, now).await? else { return Ok(Applied::Gone) };
        yield_now().await;
        let mut record = found.record;
        let numbers = patch.apply_to(&mut record, now).unwrap_or_default();
        if !self.inner.destroy(key, now).await? {
            return Ok(Applied::Gone);
        }
        Ok(match self.inner.create(key, &record, now).await? {
            Created::Done { token, .. } => Applied::Done(Written::new(token, numbers)),
            Created::Taken => Applied::Conflict,
        })
    }

    async fn rotate_now(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Answer<Rotated> {
        let guard = if self.has(Fault::IgnoresGuard) { &Guard::Exists } else { guard };
        let before = self.find(old, now).await?;
        let rotated = self.inner.rotate(old, new, patch, guard, now).await?;
        if let (Some(before), true, Rotated::Done { .. }) = (before, self.has(Fault::KeepsOldId), &rotated) {
            self.inner.create(old, &before.record, now).await?;
        }
        Ok(rotated)
    }
}

fn keep_first(patch: &mut Patch) {
    let Some((first, change)) = patch.changes().next().map(|(key, change)| (key.clone(), change.clone())) else {
        return;
    };
    // One that adds has to tell all the new numbers.
    if patch.clears() || patch.changes().any(|(_, change)| matches!(change, Change::Add(_))) {
        return;
    }
    let mut half = Patch::default();
    match change {
        Change::Set(value) => half.set(first, value),
        Change::Unset => half.unset(first),
        Change::Add(_) => {}
    }
    (half.user, half.expiry) = (patch.user.clone(), patch.expiry);
    *patch = half;
}

impl Store for Wrong {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(self.load_now(key, now))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.keys().push(key.clone());
        self.inner.create(key, record, now)
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(self.apply_now(key, patch, guard, now))
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
        match self.fault {
            Fault::NeverDestroys => StoreFuture::ready(Ok(true)),
            _ => self.inner.destroy(key, now),
        }
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        let first = self.keys().first().cloned();
        StoreFuture::new(async move {
            if let (true, Some(key)) = (self.has(Fault::SweepsLive), first) {
                self.inner.destroy(&key, now).await?;
            }
            self.inner.sweep(limit, now).await
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }
}

impl Directory for Wrong {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.inner.list(user, now)
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        self.inner.count(user, now)
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        match self.fault {
            Fault::NeverRevokes => StoreFuture::ready(Ok(true)),
            _ => self.inner.revoke(user, handle, now),
        }
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        match self.fault {
            Fault::NeverRevokes => StoreFuture::ready(Ok(1)),
            _ => self.inner.revoke_all(user, except, now),
        }
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.inner.page(after, limit, now)
    }
}
