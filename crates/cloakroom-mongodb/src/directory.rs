//! Whose sessions there are.

use cloakroom::Timestamp;
use cloakroom::record::{Handle, UserId};
use cloakroom::store::{Directory, Entry, StoreError, StoreFuture};
use mongodb::action::Find;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;

use crate::MongoStore;
use crate::error::Call;
use crate::layout::{self, entry, id_of, live};

impl Directory for MongoStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let find = self.place.documents.find(of_user(user, now)).sort(doc! { layout::SEEN: -1 });
        StoreFuture::new(self.place.within(self.entries(find)))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.place.within(async move {
            self.place
                .documents
                .count_documents(of_user(user, now))
                .max_time(self.place.deadline)
                .await
                .map_err(not_read)
        }))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        let Some(id) = id_of(handle) else { return StoreFuture::ready(Ok(false)) };
        let mut filter = of_user(user, now);
        filter.insert(layout::ID, id);
        StoreFuture::new(self.place.within(async move {
            let delete = self.place.documents.find_one_and_delete(filter).projection(doc! { layout::ID: 1 });
            Ok(delete.max_time(self.place.deadline).await.map_err(not_written)?.is_some())
        }))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        let mut filter = of_user(user, now);
        if let Some(id) = except.and_then(id_of) {
            filter.insert(layout::ID, doc! { "$ne": id });
        }
        StoreFuture::new(self.place.within(async move {
            Ok(self.place.documents.delete_many(filter).await.map_err(not_written)?.deleted_count)
        }))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let mut filter = live(Document::new(), now);
        match after.map(id_of) {
            // To MongoDB, a limit of 0 is none. A handle that no session can have has no place in their order.
            _ if limit == 0 => return StoreFuture::ready(Ok(Vec::new())),
            Some(None) => return StoreFuture::ready(Ok(Vec::new())),
            Some(Some(id)) => drop(filter.insert(layout::ID, doc! { "$gt": id })),
            None => {}
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = self.place.documents.find(filter).sort(doc! { layout::ID: 1 }).limit(limit);
        StoreFuture::new(self.place.within(self.entries(find)))
    }
}

impl MongoStore {
    async fn entries(&self, find: Find<'_, RawDocumentBuf>) -> Result<Vec<Entry>, StoreError> {
        let unread = doc! { layout::DATA: 0, layout::KEY: 0, layout::PREVIOUS: 0, layout::PREVIOUS_UNTIL: 0 };
        let mut found = find.projection(unread).max_time(self.place.deadline).await.map_err(not_read)?;
        let mut entries = Vec::new();
        while found.advance().await.map_err(not_read)? {
            entries.push(entry(found.current())?);
        }
        Ok(entries)
    }
}

fn of_user(user: &UserId, now: Timestamp) -> Document {
    live(doc! { layout::USER: user.as_str() }, now)
}

fn not_read(error: Error) -> StoreError {
    Call::Read.failed(&error)
}

fn not_written(error: Error) -> StoreError {
    Call::Write.failed(&error)
}
