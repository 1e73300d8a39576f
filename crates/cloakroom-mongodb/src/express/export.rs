//! The documents as another store takes them, in the order of their session ids.

use cloakroom::Timestamp;
use cloakroom::store::{Batch, Cursor, Export, Exported, Names, StoreError, StoreErrorKind, StoreFuture};
use mongodb::bson::{RawDocument, doc};
use mongodb::error::Error;
use mongodb::options::{ReadPreference, SelectionCriteria};

use super::ExpressStore;
use super::document::{self, Reading};
use crate::error::{Call, corrupt};
use crate::place::one_batch;

impl Export for ExpressStore {
    fn names(&self) -> Names {
        Names::Ids
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        StoreFuture::new(self.within(self.batch(after, limit.max(1), now)))
    }
}

impl ExpressStore {
    async fn batch(&self, after: Option<&Cursor>, limit: usize, now: Timestamp) -> Result<Batch, StoreError> {
        let id_field = &self.layout.id_field;
        // Texts alone: what has another type of id is no session.
        let filter = doc! { id_field: { "$gt": after.map_or("", Cursor::as_str) } };
        let find = self.place.documents.find(filter).sort(doc! { id_field: 1 });
        // What a secondary does not have yet would be left behind.
        let find = find.selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX)).batch_size(one_batch(limit));
        let find = find.max_time(self.place.deadline);
        let not_read = |error: Error| Call::Read.failed(&error);
        let mut found = find.await.map_err(not_read)?;
        let (mut records, mut unreadable, mut seen, mut last) = (Vec::new(), 0, 0, None);
        while found.advance().await.map_err(not_read)? {
            seen += 1;
            let document = found.current();
            last = document::id(document, &self.layout)?.map(str::to_owned).or(last);
            match self.exported(document, now) {
                Ok(Some(exported)) => records.push(exported),
                Ok(None) => {}
                Err(error) if error.kind() == StoreErrorKind::Corrupt => unreadable += 1,
                Err(error) => return Err(error),
            }
        }
        let next = last.filter(|_| seen == limit).map(Cursor::new);
        Ok(Batch::new(records, next).with_unreadable(unreadable))
    }

    /// The session of a document, if it lives.
    fn exported(&self, document: &RawDocument, now: Timestamp) -> Result<Option<Exported>, StoreError> {
        match document::read(document, &self.layout, now)? {
            Reading::Live(found) => {
                let id = document::id(document, &self.layout)?.unwrap_or_default();
                let exported = Exported::of_id(id, found.handle, found.record);
                exported.map(|exported| Some(exported.with_token(found.token))).map_err(|_| corrupt(document::SESSION))
            }
            Reading::Over => Ok(None),
            Reading::Broken => Err(corrupt(document::SESSION)),
        }
    }
}
