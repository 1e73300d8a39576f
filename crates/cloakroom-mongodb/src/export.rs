//! The documents as another store takes them, in the order of their ids.

use cloakroom::Timestamp;
use cloakroom::store::{Batch, Cursor, Export, Exported, Names, StoreError, StoreErrorKind, StoreFuture};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocument, doc};
use mongodb::error::Error;
use mongodb::options::{ReadPreference, SelectionCriteria};

use crate::MongoStore;
use crate::error::{Call, corrupt};
use crate::layout::{self, live};
use crate::place::one_batch;

impl Export for MongoStore {
    fn names(&self) -> Names {
        Names::Digests
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        StoreFuture::new(self.place.within(self.batch(after, limit.max(1), now)))
    }
}

impl MongoStore {
    async fn batch(&self, after: Option<&Cursor>, limit: usize, now: Timestamp) -> Result<Batch, StoreError> {
        let mut filter = live(Document::new(), now);
        match after.map(|after| ObjectId::parse_str(after.as_str())) {
            None => {}
            Some(Ok(id)) => drop(filter.insert(layout::ID, doc! { "$gt": id })),
            // It is none of this store's.
            Some(Err(_)) => return Ok(Batch::default()),
        }
        let unread = doc! { layout::PREVIOUS: 0, layout::PREVIOUS_UNTIL: 0 };
        let find = self.place.documents.find(filter).sort(doc! { layout::ID: 1 }).projection(unread);
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
            last = document.get_object_id(layout::ID).ok().or(last);
            match exported(document) {
                Ok(exported) => records.push(exported),
                Err(error) if error.kind() == StoreErrorKind::Corrupt => unreadable += 1,
                Err(error) => return Err(error),
            }
        }
        let next = last.filter(|_| seen == limit).map(|last| Cursor::new(last.to_hex()));
        Ok(Batch::new(records, next).with_unreadable(unreadable))
    }
}

fn exported(document: &RawDocument) -> Result<Exported, StoreError> {
    let found = layout::found(document)?;
    let key = document.get_binary(layout::KEY).map_err(|_| corrupt(layout::KEY))?;
    let digest = key.bytes.try_into().map_err(|_| corrupt(layout::KEY))?;
    Ok(Exported::of_digest(digest, found.handle, found.record).with_token(found.token))
}
