//! The layouts of Express' session stores.

mod commands;
mod conformance;
mod directory;
mod documents;
mod foreign;
mod indexes;
mod moving;
mod standalone;
mod text;
mod times;
mod tombstones;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, StoreKey};
use cloakroom::store::{Applied, Found, Guard, Loaded, Rotated, Store};
use cloakroom_mongodb::{ExpressLayout, ExpressStore};
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};

use crate::scratch::{Scratch, at, key};

/// A store in this layout, and what stands in its collection.
struct Express {
    store: ExpressStore,
    documents: Collection<RawDocumentBuf>,
}

fn express(scratch: &Scratch, layout: ExpressLayout) -> Express {
    Express { store: scratch.store.clone().with_layout(layout), documents: scratch.database.collection("sessions") }
}

/// A document as Express writes it, with these keys in its session.
fn written_by_express(key: &StoreKey, data: Document) -> Document {
    let mut session = doc! { "cookie": {
        "originalMaxAge": 100_000, "partitioned": null, "priority": null, "expires": date(100), "secure": null,
        "httpOnly": true, "domain": null, "path": "/", "sameSite": null,
    } };
    session.extend(data);
    doc! { "_id": key.plain(), "expires": date(100), "session": session }
}

fn date(seconds: i64) -> DateTime {
    DateTime::from_millis(at(seconds).as_millis())
}

impl Express {
    async fn insert(&self, document: &Document) {
        self.documents.insert_one(RawDocumentBuf::try_from(document).unwrap()).await.unwrap();
    }

    /// A session that Express has begun.
    async fn begun(&self, data: Document) -> StoreKey {
        let key = key();
        self.insert(&written_by_express(&key, data)).await;
        key
    }

    async fn raw(&self, key: &StoreKey) -> Option<RawDocumentBuf> {
        self.documents.find_one(doc! { "_id": key.plain() }).await.unwrap()
    }

    async fn document(&self, key: &StoreKey) -> Document {
        self.raw(key).await.unwrap().to_document().unwrap()
    }

    async fn found(&self, key: &StoreKey, now: Timestamp) -> Option<Found> {
        match self.store.load(key, now).await.unwrap() {
            Loaded::Found(found) => Some(found),
            Loaded::Superseded | Loaded::Missing => None,
        }
    }

    async fn apply(&self, key: &StoreKey, patch: &Patch, now: Timestamp) -> Applied {
        self.store.apply(key, patch, &Guard::Exists, now).await.unwrap()
    }

    async fn done(&self, key: &StoreKey, patch: &Patch, now: Timestamp) {
        let applied = self.apply(key, patch, now).await;
        assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
    }

    /// Rotates to a new key, and gives that.
    async fn rotated(&self, old: &StoreKey, patch: &Patch, now: Timestamp) -> StoreKey {
        let new = key();
        let rotated = self.store.rotate(old, &new, patch, &Guard::Exists, now).await.unwrap();
        assert!(matches!(rotated, Rotated::Done { .. }), "{rotated:?}");
        new
    }

    /// Writes a session as Express does at the end of a request, whatever happened to it meanwhile.
    async fn blind_upsert(&self, key: &StoreKey) -> mongodb::error::Result<()> {
        let mut document = written_by_express(key, doc! { "late": 1 });
        let filter = doc! { "_id": document.remove("_id").unwrap() };
        self.documents.update_one(filter, doc! { "$set": document }).upsert(true).await.map(drop)
    }
}

fn session(document: &Document) -> &Document {
    document.get_document("session").unwrap()
}

fn cookie(document: &Document) -> &Document {
    session(document).get_document("cookie").unwrap()
}

fn is_null(document: &Document, name: &str) -> bool {
    document.get(name) == Some(&Bson::Null)
}
