//! A database of MongoDB.

use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use tokio::runtime::Runtime;

use super::{new_name, new_runtime, server};

/// Dropped at the end.
pub(crate) struct Mongodb {
    server: String,
    name: String,
    runtime: Runtime,
    client: Client,
}

impl Mongodb {
    pub(super) fn new() -> Mongodb {
        let (server, runtime) = (server("CLOAKROOM_TEST_MONGODB"), new_runtime());
        let client = runtime.block_on(Client::with_uri_str(&server)).unwrap();
        Mongodb { server, name: new_name(), runtime, client }
    }

    pub(super) fn url(&self) -> String {
        let (scheme, rest) = self.server.split_once("://").unwrap();
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = address.split('/').next().unwrap();
        format!("{scheme}://{hosts}/{}?{options}", self.name)
    }

    pub(super) fn documents(&self) -> Vec<Document> {
        self.runtime.block_on(async {
            let mut cursor = self.sessions().find(doc! {}).await.unwrap();
            let mut documents = Vec::new();
            while cursor.advance().await.unwrap() {
                documents.push(cursor.deserialize_current().unwrap());
            }
            documents
        })
    }

    /// Changes all documents, as somebody else may.
    pub(crate) fn change(&self, update: Document) {
        self.runtime.block_on(async { self.sessions().update_many(doc! {}, update).await.unwrap() });
    }

    pub(super) fn set_text(&self, text: &str) {
        self.change(doc! { "$set": { "session": text } });
    }

    pub(super) fn clear(&self) {
        self.runtime.block_on(async { self.sessions().delete_many(doc! {}).await.unwrap() });
    }

    fn sessions(&self) -> Collection<Document> {
        self.client.database(&self.name).collection("sessions")
    }
}

impl Drop for Mongodb {
    fn drop(&mut self) {
        let dropped = self.runtime.block_on(async { self.client.database(&self.name).drop().await });
        assert!(std::thread::panicking() || dropped.is_ok(), "the database is still there: {dropped:?}");
    }
}
