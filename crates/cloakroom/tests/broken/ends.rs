//! Faults of `load`, `create`, `destroy` and `sweep`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cloakroom::Timestamp;
use cloakroom::record::{Expiry, Lifetime, Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Created, Guard, Loaded, MemoryStore, Rotated, Store, StoreError, StoreErrorKind, StoreFuture,
};

use super::{Turn, Wrong, found, pause, touch};

const LONG_AGO: Timestamp = Timestamp::from_millis(0);

macro_rules! load {
    ($name:ident, |$inner:ident, $key:ident, $now:ident| $body:expr) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl Wrong for $name {
            fn load<'a>(
                &'a self,
                $inner: &'a MemoryStore,
                $key: &'a StoreKey,
                $now: Timestamp,
            ) -> StoreFuture<'a, Loaded> {
                StoreFuture::new(async move { $body })
            }
        }
    };
}

load!(ExpiredIsFound, |inner, key, now| match inner.load(key, now).await? {
    Loaded::Missing => inner.load(key, LONG_AGO).await,
    other => Ok(other),
});

load!(TheEndIsALiveMoment, |inner, key, now| inner.load(key, Timestamp::from_millis(now.as_millis() - 1)).await);

load!(AbsoluteEndIsIgnored, |inner, key, now| match found(inner, key, LONG_AGO).await? {
    Some(found) if found.record.idle_end > now => Ok(Loaded::Found(found)),
    _ => inner.load(key, now).await,
});

load!(LoadDeletesTheExpired, |inner, key, now| {
    let loaded = inner.load(key, now).await?;
    if matches!(loaded, Loaded::Missing) {
        inner.destroy(key, now).await?;
    }
    Ok(loaded)
});

load!(LoadTouches, |inner, key, now| {
    inner.apply(key, &touch(Expiry::AtLeast(now)), &Guard::Exists, now).await?;
    inner.load(key, now).await
});

load!(LoadPanics, |_inner, _key, _now| panic!("out of order"));

load!(LoadFails, |_inner, _key, _now| Err(StoreError::new(StoreErrorKind::Unavailable)));

#[derive(Debug, Default)]
pub(crate) struct CreateOverwrites;

impl Wrong for CreateOverwrites {
    fn create<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> StoreFuture<'a, Created> {
        StoreFuture::new(async move {
            inner.destroy(key, now).await?;
            inner.create(key, record, now).await
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct CreateForgetsTheLifetime;

impl Wrong for CreateForgetsTheLifetime {
    fn create<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> StoreFuture<'a, Created> {
        let mut record = record.clone();
        record.lifetime = Lifetime::default();
        StoreFuture::new(async move { inner.create(key, &record, now).await })
    }
}

#[derive(Debug, Default)]
pub(crate) struct CreateLooksFirst;

impl Wrong for CreateLooksFirst {
    fn create<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> StoreFuture<'a, Created> {
        StoreFuture::new(async move {
            if found(inner, key, now).await?.is_some() {
                return Ok(Created::Taken);
            }
            pause().await;
            inner.destroy(key, now).await?;
            inner.create(key, record, now).await
        })
    }
}

/// Destroyed sessions are marked, and a touch unmarks them.
#[derive(Debug, Default)]
pub(crate) struct DestroyOnlyMarks(Mutex<HashMap<[u8; 32], ()>>);

impl DestroyOnlyMarks {
    fn marks(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], ()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wrong for DestroyOnlyMarks {
    fn load<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        if self.marks().contains_key(key.digest()) {
            return StoreFuture::ready(Ok(Loaded::Missing));
        }
        inner.load(key, now)
    }

    fn apply<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.marks().remove(key.digest());
        inner.apply(key, patch, guard, now)
    }

    fn destroy<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let live = found(inner, key, now).await?.is_some();
            Ok(self.marks().insert(*key.digest(), ()).is_none() && live)
        })
    }
}

macro_rules! destroy {
    ($name:ident, |$inner:ident, $key:ident, $now:ident| $body:expr) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl Wrong for $name {
            fn destroy<'a>(
                &'a self,
                $inner: &'a MemoryStore,
                $key: &'a StoreKey,
                $now: Timestamp,
            ) -> StoreFuture<'a, bool> {
                StoreFuture::new(async move { $body })
            }
        }
    };
}

destroy!(DestroyOnlyExpires, |inner, key, now| {
    let end = touch(Expiry::Exactly(now));
    Ok(matches!(inner.apply(key, &end, &Guard::Exists, now).await?, Applied::Done(_)))
});

destroy!(DestroyAlwaysSaysTrue, |inner, key, now| inner.destroy(key, now).await.map(|_| true));

destroy!(DestroyCountsTheExpired, |inner, key, _now| inner.destroy(key, LONG_AGO).await);

/// Destroying the key that a session had before ends it.
#[derive(Debug, Default)]
pub(crate) struct DestroyFollowsRotations(Mutex<HashMap<[u8; 32], StoreKey>>);

impl Wrong for DestroyFollowsRotations {
    fn rotate<'a>(&'a self, inner: &'a MemoryStore, turn: Turn<'a>) -> StoreFuture<'a, Rotated> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*turn.old.digest(), turn.new.clone());
        turn.on(inner)
    }

    fn destroy<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key.digest()).cloned();
        StoreFuture::new(async move {
            let next = next.as_ref().unwrap_or(key);
            Ok(inner.destroy(key, now).await? || inner.destroy(next, now).await?)
        })
    }
}

macro_rules! sweep {
    ($name:ident, |$inner:ident, $limit:ident, $now:ident| $body:expr) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl Wrong for $name {
            fn sweep<'a>(&'a self, $inner: &'a MemoryStore, $limit: usize, $now: Timestamp) -> StoreFuture<'a, usize> {
                StoreFuture::new(async move { $body })
            }
        }
    };
}

sweep!(SweepTakesLiveOnes, |inner, limit, now| {
    inner.sweep(limit, Timestamp::from_millis(now.as_millis() + 7_200_000)).await
});

sweep!(SweepTakesThemAMomentEarly, |inner, limit, now| {
    inner.sweep(limit, Timestamp::from_millis(now.as_millis() + 1)).await
});

sweep!(SweepKnowsNoLimit, |inner, _limit, now| inner.sweep(usize::MAX, now).await);

sweep!(SweepSaysNothing, |inner, limit, now| inner.sweep(limit, now).await.map(|_| 0));

/// Sweeps by the end that a record was created with.
#[derive(Debug, Default)]
pub(crate) struct SweepKnowsOldEnds(Mutex<HashMap<[u8; 32], (StoreKey, Timestamp)>>);

impl Wrong for SweepKnowsOldEnds {
    fn create<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> StoreFuture<'a, Created> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.insert(*key.digest(), (key.clone(), record.end()));
        inner.create(key, record, now)
    }

    fn sweep<'a>(&'a self, inner: &'a MemoryStore, _limit: usize, now: Timestamp) -> StoreFuture<'a, usize> {
        let ends: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        StoreFuture::new(async move {
            let mut swept = 0;
            for (key, _) in ends.iter().filter(|(_, end)| *end <= now) {
                swept += usize::from(inner.destroy(key, now).await?);
            }
            Ok(swept)
        })
    }
}

/// Looks for what is over, and then deletes it, whatever happened in between.
#[derive(Debug, Default)]
pub(crate) struct SweepLooksThenDeletes(Mutex<Vec<StoreKey>>);

impl Wrong for SweepLooksThenDeletes {
    fn create<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> StoreFuture<'a, Created> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() > 48 {
            keys.clear();
        }
        keys.push(key.clone());
        inner.create(key, record, now)
    }

    fn sweep<'a>(&'a self, inner: &'a MemoryStore, limit: usize, now: Timestamp) -> StoreFuture<'a, usize> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        StoreFuture::new(async move {
            let mut over = Vec::new();
            for key in &keys {
                let there = found(inner, key, LONG_AGO).await?.is_some();
                if there && found(inner, key, now).await?.is_none() {
                    over.push(key);
                }
            }
            pause().await;
            let mut swept = 0;
            for key in over.into_iter().take(limit) {
                inner.destroy(key, now).await?;
                swept += 1;
            }
            Ok(swept)
        })
    }
}
