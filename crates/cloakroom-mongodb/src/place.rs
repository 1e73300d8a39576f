//! Where sessions are kept, whatever their layout.

use std::future::Future;
use std::time::Duration;

use cloakroom::store::StoreError;
use mongodb::bson::RawDocumentBuf;
use mongodb::options::{Acknowledgment, CollectionOptions, WriteConcern};
use mongodb::{Collection, Database};

use crate::error;

const DEADLINE: Duration = Duration::from_secs(2);
/// More documents than one answer holds.
const LARGEST_BATCH: u32 = 1_000_000;

/// A collection, and how long a call to it may take.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) database: Database,
    pub(crate) documents: Collection<RawDocumentBuf>,
    pub(crate) deadline: Duration,
}

impl Place {
    pub(crate) fn new(database: Database, collection: &str) -> Place {
        let documents = documents(&database, collection);
        Place { database, documents, deadline: DEADLINE }
    }

    /// The same in another collection.
    pub(crate) fn with_collection(self, name: &str) -> Place {
        Place { documents: documents(&self.database, name), ..self }
    }

    /// Bounds a call by the deadline.
    pub(crate) async fn within<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::time::timeout(self.deadline, call).await.unwrap_or_else(|_| Err(error::timeout(self.deadline)))
    }

    /// The collection's name, behind that of the database.
    pub(crate) fn namespace(&self) -> String {
        self.documents.namespace().to_string()
    }
}

/// The batch for so many documents: one more than there are, so that the server sends them in one answer, and keeps no cursor.
pub(crate) fn one_batch(limit: usize) -> u32 {
    u32::try_from(limit).map_or(LARGEST_BATCH, |limit| limit.min(LARGEST_BATCH)) + 1
}

/// The collection of the sessions. What was written to it is written for good, whichever server dies next, unless the
/// application has asked for less.
fn documents(database: &Database, name: &str) -> Collection<RawDocumentBuf> {
    let mut concern = database.write_concern().cloned().unwrap_or_else(|| WriteConcern::builder().build());
    concern.w.get_or_insert(Acknowledgment::Majority);
    concern.journal.get_or_insert(true);
    database.collection_with_options(name, CollectionOptions::builder().write_concern(concern).build())
}
