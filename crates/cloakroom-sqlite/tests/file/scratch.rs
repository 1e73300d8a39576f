//! A folder of a test's own, and the words that all tests use.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Created, Found, Guard, Loaded, Store, Token};
use cloakroom_sqlite::SqliteStore;
use rusqlite::Connection;

/// A folder that goes when the test ends, however it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let name: String = key().digest()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("cloakroom-sqlite-{name}"));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    /// Where the sessions are.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("sessions.db")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A store that is not closed yet may lay a file into it.
        std::fs::remove_dir_all(&self.0).or_else(|_| std::fs::remove_dir_all(&self.0)).ok();
    }
}

/// A store in a folder of its own.
pub(crate) struct Scratch {
    pub(crate) store: SqliteStore,
    pub(crate) folder: Folder,
}

impl Deref for Scratch {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.store
    }
}

pub(crate) async fn scratch() -> Scratch {
    let folder = Folder::new();
    let store = open(&folder).await;
    Scratch { store, folder }
}

/// A store with time enough for a machine that is busy.
pub(crate) async fn open(folder: &Folder) -> SqliteStore {
    SqliteStore::builder(folder.file()).deadline(Duration::from_secs(30)).open().await.unwrap()
}

/// The file as SQLite's own shell would show it.
pub(crate) fn bare(folder: &Folder) -> Connection {
    let connection = Connection::open(folder.file()).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    connection
}

pub(crate) fn key() -> StoreKey {
    StoreKey::generate().unwrap()
}

/// A time of the tests.
pub(crate) fn at(seconds: i64) -> Timestamp {
    static START: LazyLock<Timestamp> = LazyLock::new(|| SystemTime::now().into());
    Timestamp::from_millis(START.as_millis() + seconds * 1_000)
}

/// A record that begins at 0, is idle from 100 on and over at 1,000.
pub(crate) fn record() -> Record {
    let mut record = Record::new(at(0), at(100), at(1_000));
    record.data = std::sync::Arc::new([("n", Value::from(1)), ("word", text("w"))].into_iter().collect());
    record
}

pub(crate) fn text(text: &str) -> Value {
    Value::serialize(text).unwrap()
}

pub(crate) fn patch(change: impl FnOnce(&mut Patch)) -> Patch {
    let mut patch = Patch::default();
    change(&mut patch);
    patch
}

pub(crate) fn set(key: &str, number: i64) -> Patch {
    patch(|patch| patch.set(key, Value::from(number)))
}

/// A new record under a new key.
pub(crate) async fn created(store: &dyn Store, record: &Record) -> (StoreKey, Token) {
    let key = key();
    match store.create(&key, record, record.created).await.unwrap() {
        Created::Done { token, .. } => (key, token),
        Created::Taken => panic!("a new key is taken"),
    }
}

pub(crate) async fn found(store: &dyn Store, key: &StoreKey, now: Timestamp) -> Option<Found> {
    match store.load(key, now).await.unwrap() {
        Loaded::Found(found) => Some(found),
        Loaded::Superseded | Loaded::Missing => None,
    }
}

pub(crate) async fn apply(store: &dyn Store, key: &StoreKey, patch: &Patch) -> Applied {
    store.apply(key, patch, &Guard::Exists, at(1)).await.unwrap()
}

/// Waits for what will come in a moment.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
