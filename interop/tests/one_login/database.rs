//! MongoDB databases that go away again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use tokio::runtime::Runtime;

/// A database with a name that nobody else has, dropped at the end, and what a test wants to see of it.
pub(crate) struct Database {
    uri: String,
    name: String,
    runtime: Runtime,
    client: Client,
}

impl Database {
    /// # Panics
    ///
    /// Without a server: a test that is skipped in silence protects nobody.
    pub(crate) fn new() -> Database {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let uri = std::env::var("CLOAKROOM_TEST_MONGODB").unwrap_or_else(|_| {
            panic!("CLOAKROOM_TEST_MONGODB is not set: run `cargo xtask test`, which starts a MongoDB, or give its URI")
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cloakroom_interop_{}_{now:x}_{count}", std::process::id());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(Client::with_uri_str(&uri)).unwrap();
        Database { uri, name, runtime, client }
    }

    /// The URI with this database in it, and one more option if there is one.
    pub(crate) fn uri(&self, option: &str) -> String {
        let (scheme, rest) = self.uri.split_once("://").unwrap();
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = address.split('/').next().unwrap();
        let options: Vec<&str> = [options, option].into_iter().filter(|text| !text.is_empty()).collect();
        format!("{scheme}://{hosts}/{}?{}", self.name, options.join("&"))
    }

    /// All documents of the sessions.
    pub(crate) fn documents(&self) -> Vec<Document> {
        self.runtime.block_on(async {
            let mut cursor = self.sessions().find(doc! {}).await.unwrap();
            let mut documents = Vec::new();
            while cursor.advance().await.unwrap() {
                documents.push(cursor.deserialize_current().unwrap());
            }
            documents
        })
    }

    /// The one document that there is.
    pub(crate) fn document(&self) -> Document {
        let mut documents = self.documents();
        assert_eq!(documents.len(), 1, "{documents:?}");
        documents.remove(0)
    }

    /// Changes all documents, as somebody else may.
    pub(crate) fn change(&self, update: Document) {
        self.runtime.block_on(async { self.sessions().update_many(doc! {}, update).await.unwrap() });
    }

    pub(crate) fn clear(&self) {
        self.runtime.block_on(async { self.sessions().delete_many(doc! {}).await.unwrap() });
    }

    fn sessions(&self) -> Collection<Document> {
        self.client.database(&self.name).collection("sessions")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = self.runtime.block_on(async { self.client.database(&self.name).drop().await });
        assert!(std::thread::panicking() || dropped.is_ok(), "the database is still there: {dropped:?}");
    }
}
