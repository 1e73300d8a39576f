//! A database of a test's own, on the server that the environment names.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Created, Found, Guard, Loaded, Store, Token};
use cloakroom_mongodb::MongoStore;
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};

/// The server's connection string.
pub(crate) fn uri() -> String {
    std::env::var("CLOAKROOM_TEST_MONGODB").expect(
        "CLOAKROOM_TEST_MONGODB must name a MongoDB replica set, as mongodb://… : run the tests with `cargo xtask test`",
    )
}

/// The test's store and database, and the commands that were sent for it.
#[derive(Clone)]
pub(crate) struct Scratch {
    pub(crate) store: MongoStore,
    pub(crate) database: Database,
    sent: Arc<Mutex<Vec<String>>>,
}

/// For a machine that does other things as well; no test is about this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test in a new database, and drops that in any case.
pub(crate) async fn scratch<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Scratch) -> F) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let database = client(&sent).await.database(&random_name());
    let scratch =
        Scratch { store: MongoStore::new(database.clone()).with_deadline(PATIENCE), database: database.clone(), sent };
    let outcome = tokio::spawn(test(scratch)).await;
    database.drop().await.unwrap();
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

async fn client(sent: &Arc<Mutex<Vec<String>>>) -> Client {
    let mut options = ClientOptions::parse(uri()).await.unwrap();
    let sent = sent.clone();
    options.command_event_handler = Some(EventHandler::callback(move |event| {
        if let CommandEvent::Started(event) = event {
            sent.lock().unwrap().push(event.command_name);
        }
    }));
    Client::with_options(options).unwrap()
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
    pub(crate) fn documents(&self) -> Collection<Document> {
        self.database.collection("cloakroom")
    }

    /// The document of a key as it is.
    pub(crate) async fn document(&self, key: &StoreKey) -> Document {
        let filter = doc! { "k": Binary { subtype: BinarySubtype::Generic, bytes: key.digest().to_vec() } };
        self.documents().find_one(filter).await.unwrap().unwrap()
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

    /// The commands since the last call.
    pub(crate) fn sent(&self) -> Vec<String> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}
