//! The end of a session, and the mark that keeps Express from writing it back.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::StoreError;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::{ReturnDocument, ValidationAction, ValidationLevel};

use super::ExpressStore;
use super::document::{DEAD, SESSION};
use super::layout::LAST_MODIFIED;
use crate::error::{Call, code};
use crate::layout::date;

/// How long a mark stays: longer than any request.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// NamespaceExists: another server was quicker.
const EXISTS: i32 = 48;
/// BackgroundOperationInProgressForNamespace: an index of the collection is being built, as Express' stores have it done when they
/// start.
const BUILDING: i32 = 12_587;
/// How often the collection is to be changed while an index is built, and the pause between two times: half a second in all, since a
/// log-out may wait for it, which has two.
const ATTEMPTS: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

impl ExpressStore {
    /// Ends the session that a filter finds; tells what it was, as far as a projection shows it.
    pub(super) async fn end(
        &self,
        mut filter: Document,
        shown: Document,
        now: Timestamp,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        let documents = &self.place.documents;
        let ended = if self.layout.tombstones {
            self.keep_dead().await;
            filter.insert(DEAD, doc! { "$ne": true });
            let bury = documents.find_one_and_update(filter, self.tombstone(now)).upsert(false);
            let bury = bury.return_document(ReturnDocument::Before).projection(shown);
            bury.max_time(self.place.deadline).await
        } else {
            documents.find_one_and_delete(filter).projection(shown).max_time(self.place.deadline).await
        };
        ended.map_err(|error| Call::Write.failed(&error))
    }

    /// Ends all sessions that a filter finds; tells how many.
    pub(super) async fn end_all(&self, filter: Document, now: Timestamp) -> Result<u64, StoreError> {
        let failed = |error: Error| Call::Write.failed(&error);
        if self.layout.tombstones {
            self.keep_dead().await;
            let bury = self.place.documents.update_many(filter, self.tombstone(now)).upsert(false);
            return Ok(bury.await.map_err(failed)?.modified_count);
        }
        Ok(self.place.documents.delete_many(filter).await.map_err(failed)?.deleted_count)
    }

    /// What a session becomes: nothing is left of it but its id. Express takes null for no session; where there is none at all,
    /// connect-mongo fails to read it, and answers 500.
    pub(super) fn tombstone(&self, now: Timestamp) -> Vec<Document> {
        let mut mark = doc! { "_id": "$_id" };
        if let Some(id_field) = self.layout.own_id_field() {
            mark.insert(id_field, format!("${id_field}"));
        }
        mark.insert(&self.layout.expires_key, date(now + REMEMBERED));
        mark.insert(SESSION, Bson::Null);
        mark.insert(DEAD, doc! { "$literal": true });
        vec![doc! { "$replaceWith": mark }]
    }

    /// Sees to it that a tombstone will do what it is for. A session ends without that, too.
    pub(super) async fn keep_dead(&self) {
        if let Err(error) = self.ensure_validator().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Express may bring a session back that has ended");
        }
    }

    /// Has the server refuse sessions on tombstones, if there are to be any, beside what it refuses already.
    pub(super) async fn ensure_validator(&self) -> Result<(), StoreError> {
        if !self.layout.tombstones {
            return Ok(());
        }
        self.validator.get_or_try_init(|| self.add_validator()).await.map(drop)
    }

    async fn add_validator(&self) -> Result<(), StoreError> {
        let failed = |error: Error| Call::Read.failed(&error);
        let (database, name) = (&self.place.database, self.place.documents.name());
        match database.run_command(doc! { "create": name, "validator": validator() }).await {
            Ok(_) => return Ok(()),
            Err(error) if code(&error) == Some(EXISTS) => {}
            Err(error) => return Err(failed(error)),
        }
        let mut collections = database.list_collections().filter(doc! { "name": name }).await.map_err(failed)?;
        let mut there = None;
        while collections.advance().await.map_err(failed)? {
            let options = collections.deserialize_current().map_err(failed)?.options;
            if options.validation_level.is_some_and(|level| level != ValidationLevel::Strict)
                || options.validation_action.is_some_and(|action| action != ValidationAction::Error)
            {
                tracing::warn!("the collection's validator does not refuse: Express may bring a session back");
            }
            there = options.validator;
        }
        if let Some(validator) = joined(there) {
            self.change(doc! { "collMod": name, "validator": validator }).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Changes the collection, as soon as no index of it is being built.
    async fn change(&self, command: Document) -> Result<Document, Error> {
        for _ in 1..ATTEMPTS {
            match self.place.database.run_command(command.clone()).await {
                Err(error) if code(&error) == Some(BUILDING) => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
        self.place.database.run_command(command).await
    }
}

/// Lets no session stand beside the mark, nor what connect-mongo's `touch` writes: its `get` would fail on it.
fn validator() -> Document {
    let session = doc! { DEAD: true, SESSION: { "$type": ["object", "string"] } };
    let touched = doc! { DEAD: true, LAST_MODIFIED: { "$exists": true } };
    doc! { "$nor": [session, touched] }
}

/// The validator beside the one that is there; none if it is part of that already.
fn joined(there: Option<Document>) -> Option<Document> {
    let own = validator();
    match there {
        Some(there) if !there.is_empty() => {
            let parts = there.get_array("$and").cloned().unwrap_or_default();
            let is_part = there == own || parts.contains(&Bson::from(own.clone()));
            (!is_part).then(|| doc! { "$and": [there, own] })
        }
        _ => Some(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_validator_joins_the_one_that_is_there_and_only_once() {
        assert_eq!(joined(None), Some(validator()));
        assert_eq!(joined(Some(doc! {})), Some(validator()));
        assert_eq!(joined(Some(validator())), None);
        let theirs = doc! { "session": { "$exists": true } };
        let both = joined(Some(theirs.clone())).unwrap();
        assert_eq!(both, doc! { "$and": [theirs, validator()] });
        assert_eq!(joined(Some(both)), None);
    }
}
