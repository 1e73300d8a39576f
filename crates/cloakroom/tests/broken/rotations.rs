//! Faults of `rotate`, and of what comes after.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cloakroom::Timestamp;
use cloakroom::record::{Data, Patch, Record, StoreKey};
use cloakroom::store::{Applied, Created, Guard, Loaded, MemoryStore, Rotated, Store, StoreFuture, Written};

use super::{Answer, Turn, Wrong, found, pause, with_data};

macro_rules! rotate {
    ($name:ident, |$inner:ident, $turn:ident| $body:expr) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl Wrong for $name {
            fn rotate<'a>(&'a self, $inner: &'a MemoryStore, $turn: Turn<'a>) -> StoreFuture<'a, Rotated> {
                StoreFuture::new(async move { $body })
            }
        }
    };
}

rotate!(TheOldKeyStaysAlive, |inner, turn| {
    let before = found(inner, turn.old, turn.now).await?;
    let rotated = turn.on(inner).await?;
    if let (Rotated::Done { .. }, Some(before)) = (&rotated, before) {
        inner.create(turn.old, &before.record, turn.now).await?;
    }
    Ok(rotated)
});

/// Rotates right, and then does to the record what no patch can.
async fn rotated_and<'a>(
    inner: &'a MemoryStore,
    turn: Turn<'a>,
    change: impl FnOnce(&Record) -> Record,
) -> Answer<Rotated> {
    let rotated = turn.on(inner).await?;
    if let (Rotated::Done { .. }, Some(found)) = (&rotated, found(inner, turn.new, turn.now).await?) {
        inner.destroy(turn.new, turn.now).await?;
        inner.create(turn.new, &change(&found.record), turn.now).await?;
    }
    Ok(rotated)
}

rotate!(RotateLosesTheData, |inner, turn| {
    rotated_and(inner, turn, |record| with_data(record, Data::default())).await
});

rotate!(RotateLosesTheUser, |inner, turn| {
    let anonymous = |record: &Record| {
        let mut record = record.clone();
        record.user = None;
        record
    };
    rotated_and(inner, turn, anonymous).await
});

rotate!(RotateLosesTheMetadata, |inner, turn| {
    let bare = |record: &Record| {
        let mut record = record.clone();
        record.metadata = Arc::default();
        record
    };
    rotated_and(inner, turn, bare).await
});

rotate!(RotateBeginsAnew, |inner, turn| {
    let young = |record: &Record| {
        let mut record = record.clone();
        record.created = turn.now;
        record
    };
    rotated_and(inner, turn, young).await
});

rotate!(RotateLandsOnATakenKey, |inner, turn| {
    if turn.old != turn.new {
        inner.destroy(turn.new, turn.now).await?;
    }
    turn.on(inner).await
});

rotate!(RotateForgetsItsPatch, |inner, turn| Turn { patch: &Patch::default(), ..turn }.on_owned(inner).await);

rotate!(RotateIgnoresTheGuard, |inner, turn| Turn { guard: &Guard::Exists, ..turn }.on(inner).await);

rotate!(RotateInserts, |inner, turn| {
    let rotated = turn.on(inner).await?;
    if matches!(rotated, Rotated::Gone) {
        let end = Timestamp::from_millis(turn.now.as_millis() + 60_000);
        inner.create(turn.new, &Record::new(turn.now, end, end), turn.now).await?;
    }
    Ok(rotated)
});

rotate!(RotateRevivesTheExpired, |inner, turn| Turn { now: Timestamp::from_millis(0), ..turn }.on(inner).await);

rotate!(RotateSaysConflictWhenItIsGone, |inner, turn| match turn.on(inner).await? {
    Rotated::Gone if matches!(turn.guard, Guard::Unchanged(_)) => Ok(Rotated::Conflict),
    other => Ok(other),
});

rotate!(RotateMakesTheNewOneFirst, |inner, turn| copied(inner, turn, true).await);

rotate!(RotateTellsTheOldHandle, |inner, turn| {
    let before = found(inner, turn.old, turn.now).await?;
    Ok(match (copied(inner, turn, true).await?, before) {
        (Rotated::Done { written, .. }, Some(before)) => Rotated::Done { written, handle: before.handle },
        (other, _) => other,
    })
});

rotate!(RotateEndsTheOldOneFirst, |inner, turn| copied(inner, turn, false).await);

/// Rotates by a copy, in two steps that others can see between.
async fn copied<'a>(inner: &'a MemoryStore, turn: Turn<'a>, new_first: bool) -> Answer<Rotated> {
    let Some(before) = found(inner, turn.old, turn.now).await? else { return Ok(Rotated::Gone) };
    if matches!(turn.guard, Guard::Unchanged(token) if *token != before.token) {
        return Ok(Rotated::Conflict);
    }
    let mut record = before.record;
    let Ok(numbers) = turn.patch.apply_to(&mut record, turn.now) else { return Ok(Rotated::WrongType) };
    if found(inner, turn.new, turn.now).await?.is_some() {
        return Ok(Rotated::Taken);
    }
    if !new_first {
        inner.destroy(turn.old, turn.now).await?;
        pause().await;
    }
    let created = inner.create(turn.new, &record, turn.now).await?;
    if new_first {
        pause().await;
        inner.destroy(turn.old, turn.now).await?;
    }
    Ok(match created {
        Created::Done { token, handle } => Rotated::Done { written: Written::new(token, numbers), handle },
        Created::Taken => Rotated::Taken,
    })
}

impl<'a> Turn<'a> {
    /// As [`on`](Turn::on), where the patch does not live as long.
    async fn on_owned(self, inner: &MemoryStore) -> Answer<Rotated> {
        inner.rotate(self.old, self.new, self.patch, self.guard, self.now).await
    }
}

type Keys = Mutex<HashMap<[u8; 32], StoreKey>>;

fn held(keys: &Keys) -> MutexGuard<'_, HashMap<[u8; 32], StoreKey>> {
    keys.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers a rotation, and does not look whether the session still lives.
#[derive(Debug, Default)]
pub(crate) struct SupersededForEver(Keys);

impl Wrong for SupersededForEver {
    fn load<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(async move {
            let loaded = inner.load(key, now).await?;
            let rotated = held(&self.0).contains_key(key.digest());
            Ok(if rotated && matches!(loaded, Loaded::Missing) { Loaded::Superseded } else { loaded })
        })
    }

    fn rotate<'a>(&'a self, inner: &'a MemoryStore, turn: Turn<'a>) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(async move {
            let rotated = turn.on(inner).await?;
            if matches!(rotated, Rotated::Done { .. }) {
                held(&self.0).insert(*turn.old.digest(), turn.new.clone());
            }
            Ok(rotated)
        })
    }
}

/// As the above for ten seconds, but also when the session was destroyed.
#[derive(Debug, Default)]
pub(crate) struct SupersededByTheDead(Mutex<HashMap<[u8; 32], Timestamp>>);

impl Wrong for SupersededByTheDead {
    fn load<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(async move {
            let loaded = inner.load(key, now).await?;
            let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let recent = keys.get(key.digest()).is_some_and(|at| now < *at + cloakroom::store::SUPERSEDED_FOR);
            Ok(if recent && matches!(loaded, Loaded::Missing) { Loaded::Superseded } else { loaded })
        })
    }

    fn rotate<'a>(&'a self, inner: &'a MemoryStore, turn: Turn<'a>) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(async move {
            let rotated = turn.on(inner).await?;
            if matches!(rotated, Rotated::Done { .. }) {
                let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                keys.insert(*turn.old.digest(), turn.now);
            }
            Ok(rotated)
        })
    }
}

/// Declares that it remembers, and does not.
#[derive(Debug, Default)]
pub(crate) struct NeverSuperseded;

impl Wrong for NeverSuperseded {
    fn load<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(async move {
            Ok(match inner.load(key, now).await? {
                Loaded::Superseded => Loaded::Missing,
                other => other,
            })
        })
    }
}

/// A write to the old key is sent after the session.
#[derive(Debug, Default)]
pub(crate) struct WritesFollowRotations(Keys);

impl Wrong for WritesFollowRotations {
    fn rotate<'a>(&'a self, inner: &'a MemoryStore, turn: Turn<'a>) -> StoreFuture<'a, Rotated> {
        held(&self.0).insert(*turn.old.digest(), turn.new.clone());
        turn.on(inner)
    }

    fn apply<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        let next = held(&self.0).get(key.digest()).cloned();
        StoreFuture::new(async move {
            match (inner.apply(key, patch, guard, now).await?, next) {
                (Applied::Gone, Some(next)) => inner.apply(&next, patch, guard, now).await,
                (applied, _) => Ok(applied),
            }
        })
    }
}
