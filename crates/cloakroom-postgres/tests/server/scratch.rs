//! A schema of a test's own, on the server that the environment names.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Created, Found, Guard, Loaded, Store, Token};
use cloakroom_postgres::PostgresStore;
use cloakroom_postgres::deadpool_postgres::tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// The server's connection string.
pub(crate) fn url() -> String {
    std::env::var("CLOAKROOM_TEST_POSTGRES")
        .expect("CLOAKROOM_TEST_POSTGRES must name a PostgreSQL database, as postgres://user@127.0.0.1:5432/database")
}

/// The connection string with something more behind it.
pub(crate) fn url_with(parameter: &str) -> String {
    let url = url();
    let glue = if url.contains('?') { '&' } else { '?' };
    format!("{url}{glue}{parameter}")
}

/// The test's schema, a store in it, and a bare connection to look at it.
#[derive(Clone)]
pub(crate) struct Scratch {
    pub(crate) store: PostgresStore,
    pub(crate) schema: String,
    pub(crate) client: Arc<Client>,
}

/// For a machine that does other things as well; no test is about this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test in a new schema, and drops that in any case.
pub(crate) async fn scratch<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Scratch) -> F) {
    let schema = random_name();
    let client = Arc::new(bare(&url()).await);
    client.batch_execute(&format!("CREATE SCHEMA {schema}; SET search_path = {schema}")).await.unwrap();
    let store = PostgresStore::connect(&url()).await.unwrap().with_schema(&schema).with_deadline(PATIENCE);
    let scratch = Scratch { store, schema: schema.clone(), client: client.clone() };
    let outcome = tokio::spawn(test(scratch)).await;
    client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// A connection without a store.
pub(crate) async fn bare(url: &str) -> Client {
    let config: Config = url.parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client
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

/// A time of the tests: in the future, so that nothing takes their sessions for garbage.
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

pub(crate) fn json(text: &str) -> Value {
    Value::from_json(text).unwrap()
}

pub(crate) fn patch(change: impl FnOnce(&mut Patch)) -> Patch {
    let mut patch = Patch::default();
    change(&mut patch);
    patch
}

impl Scratch {
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

    /// What a query shows, as psql would: columns with `|` in between, null as `∅`.
    pub(crate) async fn rows(&self, query: &str) -> Vec<String> {
        let messages = self.client.simple_query(query).await.unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|at| row.get(at).unwrap_or("∅")).collect::<Vec<_>>().join("|")).collect()
    }

    pub(crate) async fn run(&self, statements: &str) {
        self.client.batch_execute(statements).await.unwrap();
    }
}
