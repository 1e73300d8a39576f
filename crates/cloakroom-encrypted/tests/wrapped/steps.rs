//! In how many calls of the wrapped store each call is done, and what happens when others come in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloakroom::Timestamp;
use cloakroom::record::{Expiry, Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Guard, Loaded, MemoryStore, Rotated, Store, StoreErrorKind, StoreFuture,
};
use cloakroom_encrypted::EncryptedStore;

use crate::scratch::{add, at, created, found, json, key, keys, patch, set, value};

/// Counts the calls; and for some loads, another process writes to the session right after them.
#[derive(Debug, Default)]
struct Watched {
    store: MemoryStore,
    loads: AtomicUsize,
    writes: AtomicUsize,
    others: AtomicUsize,
}

impl Watched {
    /// How many loads and writes there were since the last time.
    fn calls(&self) -> (usize, usize) {
        (self.loads.swap(0, Ordering::Relaxed), self.writes.swap(0, Ordering::Relaxed))
    }

    fn write(&self) -> &MemoryStore {
        self.writes.fetch_add(1, Ordering::Relaxed);
        &self.store
    }
}

impl Store for Watched {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        StoreFuture::new(async move {
            let loaded = self.store.load(key, now).await;
            let one_less = |others: usize| others.checked_sub(1);
            if self.others.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
                let removal = patch(|patch| patch.unset("word"));
                self.store.apply(key, &removal, &Guard::Exists, now).await?;
            }
            loaded
        })
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.write().create(key, record, now)
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.write().apply(key, patch, guard, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.write().rotate(old, new, patch, guard, now)
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.write().destroy(key, now)
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.store.sweep(limit, now)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

fn watched() -> (EncryptedStore<Arc<Watched>>, Arc<Watched>) {
    let inside = Arc::new(Watched::default());
    (EncryptedStore::new(inside.clone(), keys(1)), inside)
}

#[tokio::test]
async fn one_call_is_one_call_but_for_a_sum_and_a_rotation() {
    let (store, inside) = watched();
    let key = created(&store).await;
    assert_eq!(inside.calls(), (0, 1));
    let token = found(&store, &key).await.token;
    assert_eq!(inside.calls(), (1, 0));
    let touch = patch(|patch| patch.expiry = Expiry::AtLeast(at(50)));
    let mixed = patch(|patch| {
        patch.clear();
        patch.set("a", json("1"));
        patch.add("b", 1).unwrap();
    });
    let unset = patch(|patch| patch.unset("word"));
    for patch in [touch, set("n", &json("1")), unset, mixed] {
        store.apply(&key, &patch, &Guard::Exists, at(1)).await.unwrap();
        assert_eq!(inside.calls(), (0, 1));
    }
    let late = store.apply(&key, &set("n", &json("1")), &Guard::Unchanged(token), at(1)).await.unwrap();
    assert!(matches!(late, Applied::Conflict));
    assert_eq!(inside.calls(), (0, 1));
    store.apply(&key, &add("a", 1), &Guard::Exists, at(1)).await.unwrap();
    assert_eq!(inside.calls(), (1, 1));
    let new = self::key();
    store.rotate(&key, &new, &Patch::default(), &Guard::Exists, at(1)).await.unwrap();
    assert_eq!(inside.calls(), (1, 1));
    assert!(store.destroy(&new, at(1)).await.unwrap());
    assert_eq!(inside.calls(), (0, 1));
}

#[tokio::test]
async fn a_sum_and_a_rotation_that_are_overtaken_begin_again() {
    let (store, inside) = watched();
    let key = created(&store).await;
    inside.others.store(5, Ordering::Relaxed);
    let Applied::Done(written) = store.apply(&key, &add("n", 1), &Guard::Exists, at(1)).await.unwrap() else {
        panic!("an add was refused")
    };
    assert_eq!(written.numbers, [("n".into(), 8)]);
    inside.others.store(5, Ordering::Relaxed);
    let new = self::key();
    let rotated = store.rotate(&key, &new, &add("n", 1), &Guard::Exists, at(1)).await.unwrap();
    let Rotated::Done { written, .. } = rotated else { panic!("{rotated:?}") };
    assert_eq!(written.numbers, [("n".into(), 9)]);
    assert_eq!(value(&store, &new, "n").await, json("9"));
    // What the other process has removed meanwhile has not come back.
    assert_eq!(found(&store, &new).await.record.data.len(), 1);
}

#[tokio::test]
async fn with_a_token_nothing_is_tried_again() {
    let (store, inside) = watched();
    let key = created(&store).await;
    let guard = Guard::Unchanged(found(&store, &key).await.token);
    inside.others.store(1, Ordering::Relaxed);
    for _ in 0..2 {
        // First it changes after the load, then it has changed before.
        assert!(matches!(store.apply(&key, &add("n", 1), &guard, at(1)).await.unwrap(), Applied::Conflict));
    }
    let rotated = store.rotate(&key, &self::key(), &add("n", 1), &guard, at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Conflict));
    assert_eq!(value(&store, &key, "n").await, json("7"));
}

#[tokio::test]
async fn what_is_always_overtaken_ends_as_an_error_and_changes_nothing() {
    let (store, inside) = watched();
    let key = created(&store).await;
    inside.others.store(usize::MAX, Ordering::Relaxed);
    let error = store.apply(&key, &add("n", 1), &Guard::Exists, at(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Other);
    let error = store.rotate(&key, &self::key(), &Patch::default(), &Guard::Exists, at(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Other);
    inside.others.store(0, Ordering::Relaxed);
    assert_eq!(value(&store, &key, "n").await, json("7"));
}

#[tokio::test]
async fn what_is_no_integer_takes_no_sum_and_nothing_is_changed() {
    let (store, inside) = watched();
    let key = created(&store).await;
    for word in ["1.0", "-0", r#""1""#, "null", "[1]", "9223372036854775807"] {
        store.apply(&key, &set("n", &json(word)), &Guard::Exists, at(1)).await.unwrap();
        let before = found(&inside.store, &key).await;
        let mut sum = add("n", 1);
        sum.set("word", json("1"));
        assert!(matches!(store.apply(&key, &sum, &Guard::Exists, at(1)).await.unwrap(), Applied::WrongType), "{word}");
        let rotated = store.rotate(&key, &self::key(), &sum, &Guard::Exists, at(1)).await.unwrap();
        assert!(matches!(rotated, Rotated::WrongType), "{word}");
        let after = found(&inside.store, &key).await;
        assert_eq!((after.record, after.token), (before.record, before.token));
    }
}

/// Each process has queues of its own, which know nothing of the other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sums_of_two_processes_lose_none_and_tell_the_true_numbers() {
    let bare = Arc::new(MemoryStore::new());
    let processes = [0, 1].map(|_| EncryptedStore::new(bare.clone(), keys(1)));
    let key = created(&processes[0]).await;
    let clients = (0..8).map(|client| {
        let (store, key) = (processes[client % 2].clone(), key.clone());
        tokio::spawn(async move {
            let mut numbers = Vec::new();
            for _ in 0..50 {
                match store.apply(&key, &add("n", 1), &Guard::Exists, at(1)).await.unwrap() {
                    Applied::Done(written) => numbers.push(written.numbers[0].1),
                    other => panic!("{other:?}"),
                }
            }
            numbers
        })
    });
    let mut numbers = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        numbers.extend(client.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (8..408).collect::<Vec<i64>>());
}
