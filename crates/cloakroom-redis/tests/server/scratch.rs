//! Keys of a test's own, on the server that the environment names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Created, Found, Guard, Loaded, Store, Token};
use cloakroom_redis::RedisStore;
use redis::aio::MultiplexedConnection;

/// The server's address.
pub(crate) fn url() -> String {
    std::env::var("CLOAKROOM_TEST_REDIS").expect(
        "CLOAKROOM_TEST_REDIS must name a Redis or Valkey server, as redis://… : run the tests with `cargo xtask test`",
    )
}

/// The test's store, and the bare driver beside it.
#[derive(Clone)]
pub(crate) struct Scratch {
    pub(crate) store: RedisStore,
    pub(crate) prefix: String,
    pub(crate) connection: MultiplexedConnection,
}

/// For a machine that does other things as well; no test is about this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test with keys of its own, and removes them in any case.
pub(crate) async fn scratch<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Scratch) -> F) {
    let prefix = random_name();
    let store = RedisStore::connect(&url()).await.unwrap().with_prefix(&prefix).with_deadline(PATIENCE);
    let client = redis::Client::open(url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let outcome = tokio::spawn(test(Scratch { store, prefix: prefix.clone(), connection: connection.clone() })).await;
    remove(&mut connection, &prefix).await;
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// Removes all keys that have the prefix in their name.
pub(crate) async fn remove(connection: &mut MultiplexedConnection, prefix: &str) {
    for key in keys(connection, prefix).await {
        redis::cmd("DEL").arg(key).query_async::<()>(connection).await.unwrap();
    }
}

/// All keys that have the prefix in their name.
pub(crate) async fn keys(connection: &mut MultiplexedConnection, prefix: &str) -> Vec<Vec<u8>> {
    let (mut cursor, mut all) = (0_u64, Vec::new());
    loop {
        let scan =
            redis::cmd("SCAN").arg(cursor).arg("MATCH").arg(format!("*{prefix}*")).arg("COUNT").arg(1_000).to_owned();
        let (next, found): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await.unwrap();
        all.extend(found);
        if next == 0 {
            return all;
        }
        cursor = next;
    }
}

/// A name that no other test has.
pub(crate) fn random_name() -> String {
    let mut name = "cloakroom_test_".to_owned();
    key().digest()[..8].iter().for_each(|byte| write!(name, "{byte:02x}").unwrap());
    name
}

pub(crate) fn key() -> StoreKey {
    StoreKey::generate().unwrap()
}

pub(crate) fn hex(key: &StoreKey) -> String {
    key.digest().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time of the tests: far enough ahead for the server to take nothing for garbage.
pub(crate) fn at(seconds: i64) -> Timestamp {
    static START: LazyLock<Timestamp> = LazyLock::new(|| SystemTime::now().into());
    Timestamp::from_millis(START.as_millis() + (3_600 + seconds) * 1_000)
}

/// A record that begins at 0, is idle from 100 on and over at 1,000.
pub(crate) fn record() -> Record {
    let mut record = Record::new(at(0), at(100), at(1_000));
    record.data = Arc::new([("n", Value::from(1)), ("word", text("w"))].into_iter().collect());
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

impl Scratch {
    /// The hash of a key as it is.
    pub(crate) async fn hash(&self, key: &StoreKey) -> BTreeMap<String, String> {
        let name = format!("{}:s:{}", self.prefix, hex(key));
        redis::cmd("HGETALL").arg(name).query_async(&mut self.connection.clone()).await.unwrap()
    }

    /// Sets a field as a foreign program does.
    pub(crate) async fn put(&self, key: &StoreKey, field: &str, value: &str) {
        let name = format!("{}:s:{}", self.prefix, hex(key));
        let set = redis::cmd("HSET").arg(name).arg(field).arg(value).to_owned();
        set.query_async::<()>(&mut self.connection.clone()).await.unwrap();
    }

    /// Asks a command whose last words are a key of the test and what follows.
    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, command: &str, key: &str, args: &[&str]) -> T {
        let name = format!("{}:{key}", self.prefix);
        redis::cmd(command).arg(name).arg(args).query_async(&mut self.connection.clone()).await.unwrap()
    }

    /// A new record under a new key.
    pub(crate) async fn created(&self, record: &Record) -> (StoreKey, Token) {
        let key = key();
        match self.store.create(&key, record, record.created).await.unwrap() {
            Created::Done { token, .. } => (key, token),
            Created::Taken => panic!("a new key is taken"),
        }
    }

    pub(crate) async fn found(&self, key: &StoreKey, now: Timestamp) -> Option<Found> {
        match self.store.load(key, now).await.unwrap() {
            Loaded::Found(found) => Some(found),
            Loaded::Superseded | Loaded::Missing => None,
        }
    }

    pub(crate) async fn apply(&self, key: &StoreKey, patch: &Patch) -> Applied {
        self.store.apply(key, patch, &Guard::Exists, at(1)).await.unwrap()
    }
}
