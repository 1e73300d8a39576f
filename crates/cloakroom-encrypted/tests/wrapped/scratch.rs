//! The words that all tests use.

use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Created, Found, Guard, Loaded, MemoryStore, Store, StoreError, StoreErrorKind};
use cloakroom_encrypted::{DataKeys, EncryptedStore};

pub(crate) fn keys(secret: u8) -> DataKeys {
    DataKeys::new([secret; 32]).unwrap()
}

/// An encrypted store, and the bare one that it wraps.
pub(crate) fn scratch() -> (EncryptedStore<Arc<MemoryStore>>, Arc<MemoryStore>) {
    let bare = Arc::new(MemoryStore::new());
    (EncryptedStore::new(bare.clone(), keys(1)), bare)
}

pub(crate) fn key() -> StoreKey {
    StoreKey::generate().unwrap()
}

/// A time of the tests.
pub(crate) fn at(seconds: i64) -> Timestamp {
    static START: LazyLock<Timestamp> = LazyLock::new(|| SystemTime::now().into());
    Timestamp::from_millis(START.as_millis() + seconds * 1_000)
}

pub(crate) fn json(json: &str) -> Value {
    Value::from_json(json).unwrap()
}

/// A record with a number and a word in it.
pub(crate) fn record() -> Record {
    let mut record = Record::new(at(0), at(100), at(1_000));
    record.data = Arc::new([("n", json("7")), ("word", json(r#""plainly""#))].into_iter().collect());
    record
}

pub(crate) fn patch(change: impl FnOnce(&mut Patch)) -> Patch {
    let mut patch = Patch::default();
    change(&mut patch);
    patch
}

pub(crate) fn set(name: &str, value: &Value) -> Patch {
    patch(|patch| patch.set(name, value.clone()))
}

pub(crate) fn add(name: &str, by: i64) -> Patch {
    patch(|patch| patch.add(name, by).unwrap())
}

/// The record under a new key.
pub(crate) async fn created(store: &dyn Store) -> StoreKey {
    let key = key();
    assert!(matches!(store.create(&key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
    key
}

pub(crate) async fn found(store: &dyn Store, key: &StoreKey) -> Found {
    match store.load(key, at(1)).await.unwrap() {
        Loaded::Found(found) => found,
        other => panic!("{other:?}"),
    }
}

/// A value as the store has it.
pub(crate) async fn value(store: &dyn Store, key: &StoreKey, name: &str) -> Value {
    found(store, key).await.record.data.get(name).unwrap().clone()
}

pub(crate) async fn apply(store: &dyn Store, key: &StoreKey, patch: &Patch) -> Applied {
    store.apply(key, patch, &Guard::Exists, at(1)).await.unwrap()
}

pub(crate) async fn done(store: &dyn Store, key: &StoreKey, patch: &Patch) {
    assert!(matches!(apply(store, key, patch).await, Applied::Done(_)));
}

/// Expects that every call that has to read the values of a session fails, and that it can still be ended.
pub(crate) async fn is_corrupt(store: &dyn Store, key: &StoreKey) {
    corrupt(store.load(key, at(1)).await);
    corrupt(store.rotate(key, &self::key(), &Patch::default(), &Guard::Exists, at(1)).await);
    assert!(store.destroy(key, at(1)).await.unwrap());
}

pub(crate) fn corrupt<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Corrupt);
}
