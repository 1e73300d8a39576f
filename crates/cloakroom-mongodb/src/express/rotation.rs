//! A new id for a session: `_id` can't be changed, so the old document is ended and a new one is made.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, StoreKey};
use cloakroom::store::{Guard, Rotated, StoreError};
use mongodb::ClientSession;
use mongodb::action::Action as _;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{ReadPreference, ReturnDocument, SelectionCriteria};

use super::ExpressStore;
use super::document::{self, SESSION};
use super::layout::ExpressLayout;
use super::store::{Refusal, Step};
use super::update::Update;
use crate::error::{self, Call, corrupt};

/// The document before, and what of it changes.
const BEFORE: &str = "before";
const NEXT: &str = "next";

/// What became of one attempt.
enum Turned {
    /// The new document.
    Done(RawDocumentBuf),
    /// No session let it through.
    Refused,
    /// The new id has a document.
    Taken,
    /// Another write got in between, and the server took all of it back.
    Again,
}

/// One rotation.
struct Turn<'a> {
    new: &'a StoreKey,
    update: Update,
    filter: Document,
    now: Timestamp,
}

impl ExpressStore {
    pub(super) async fn rotate_now(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Rotated, StoreError> {
        let in_transaction = self.has_transactions().await?;
        self.keep_dead().await;
        let _turn = self.turn(old).await;
        for attempt in 0_u64.. {
            let Step { mut update, filter } = match self.step(old, patch, guard, now).await? {
                Ok(step) => step,
                Err(Refusal::Gone) => return Ok(Rotated::Gone),
                Err(Refusal::Conflict) => return Ok(Rotated::Conflict),
                Err(Refusal::WrongType) => return Ok(Rotated::WrongType),
            };
            update.supersede(old, now);
            let turn = Turn { new, update, filter, now };
            let turned =
                if in_transaction { self.turn_at_once(&turn).await? } else { self.turn_in_steps(&turn).await? };
            match turned {
                Turned::Done(after) => {
                    let written = turn.update.written(&after, &self.layout)?;
                    return Ok(Rotated::Done { written, handle: document::handle(new) });
                }
                Turned::Taken => return Ok(Rotated::Taken),
                Turned::Again => {
                    pause(new, attempt).await;
                }
                // What was read has changed since.
                Turned::Refused if self.layout.is_text() => pause(new, attempt).await,
                Turned::Refused => match self.refusal(old, &turn.update, guard, now).await? {
                    Some(Refusal::Gone) => return Ok(Rotated::Gone),
                    Some(Refusal::Conflict) => return Ok(Rotated::Conflict),
                    Some(Refusal::WrongType) => return Ok(Rotated::WrongType),
                    None => {}
                },
            }
        }
        Ok(Rotated::Gone)
    }

    /// Both documents in one transaction: at no moment is there none, or two.
    async fn turn_at_once(&self, turn: &Turn<'_>) -> Result<Turned, StoreError> {
        // Until it is committed, nothing has happened.
        let failed = |error: Error| Call::Read.failed(&error);
        let mut session = self.place.database.client().start_session().await.map_err(failed)?;
        // A commit may be asked for again, and is done once: so one that hangs leaves time for another.
        let start = session.start_transaction().max_commit_time(self.place.deadline / 4);
        let start = start.selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let concern = self.place.documents.write_concern().cloned();
        start.optional(concern, |start, concern| start.write_concern(concern)).await.map_err(failed)?;
        let ended = match self.take(turn, Some(&mut session)).await {
            Ok(Some(ended)) => ended,
            Ok(None) => return Ok(Turned::Refused),
            Err(error) if is_passing(&error) => return Ok(Turned::Again),
            Err(error) => return Err(failed(error)),
        };
        let after = succeeding(&ended, turn, &self.layout)?;
        match self.place.documents.insert_one(&after).session(&mut session).await {
            Ok(_) => {}
            Err(error) if error::is_taken(&error, &self.layout.id_field) => return Ok(Turned::Taken),
            Err(error) if is_passing(&error) => return Ok(Turned::Again),
            Err(error) => return Err(failed(error)),
        }
        loop {
            match session.commit_transaction().await {
                Ok(()) => return Ok(Turned::Done(after)),
                Err(error) if is_passing(&error) => return Ok(Turned::Again),
                Err(error) if is_command(&error) && error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(Call::Write.failed(&error)),
            }
        }
    }

    /// One after the other, for a server that stands alone. It ends first: should this process die in between, the session is
    /// over, and never there twice.
    async fn turn_in_steps(&self, turn: &Turn<'_>) -> Result<Turned, StoreError> {
        let find = self.place.documents.find_one(document::with_key(turn.new, &self.layout));
        let there = find.projection(doc! { "_id": 1 }).max_time(self.place.deadline).await;
        if there.map_err(|error| Call::Read.failed(&error))?.is_some() {
            return Ok(Turned::Taken);
        }
        let Some(ended) = self.take(turn, None).await.map_err(|error| Call::Write.failed(&error))? else {
            return Ok(Turned::Refused);
        };
        let after = succeeding(&ended, turn, &self.layout)?;
        match self.place.documents.insert_one(&after).await {
            Ok(_) => Ok(Turned::Done(after)),
            Err(error) => Err(error::half_done(&error)),
        }
    }

    /// Ends the old document; tells it, and what of it changes.
    async fn take(
        &self,
        turn: &Turn<'_>,
        session: Option<&mut ClientSession>,
    ) -> Result<Option<RawDocumentBuf>, Error> {
        let documents = &self.place.documents;
        let filter = turn.filter.clone();
        let told = doc! { "_id": 0, BEFORE: "$$ROOT", NEXT: turn.update.fields().clone() };
        if self.layout.tombstones {
            let bury = documents.find_one_and_update(filter, self.tombstone(turn.now)).upsert(false);
            let bury = bury.return_document(ReturnDocument::Before).projection(told).max_time(self.place.deadline);
            match session {
                Some(session) => bury.session(session).await,
                None => bury.await,
            }
        } else {
            let delete = documents.find_one_and_delete(filter).projection(told).max_time(self.place.deadline);
            match session {
                Some(session) => delete.session(session).await,
                None => delete.await,
            }
        }
    }

    async fn has_transactions(&self) -> Result<bool, StoreError> {
        let ask = || async {
            let hello = self.place.database.run_command(doc! { "hello": 1 }).await;
            hello.map(|hello| knows_transactions(&hello)).map_err(|error| Call::Read.failed(&error))
        };
        self.transactions.get_or_try_init(ask).await.copied()
    }
}

/// So that two who got into each other's way don't meet again.
async fn pause(new: &StoreKey, attempt: u64) {
    let pause = 1 + attempt.min(20) * u64::from(new.digest()[0] % 16);
    tokio::time::sleep(Duration::from_millis(pause)).await;
}

/// A replica set knows them, and so does a sharded cluster.
fn knows_transactions(hello: &Document) -> bool {
    hello.contains_key("setName") || hello.get_str("msg") == Ok("isdbgrid")
}

/// The server gave up a transaction because of another, and may not do so again.
fn is_passing(error: &Error) -> bool {
    is_command(error) && error.contains_label(TRANSIENT_TRANSACTION_ERROR)
}

/// The server itself said so, and is not away.
fn is_command(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(_) | ErrorKind::Write(_))
}

/// The document under the new id: all of the one before, byte by byte, but for what changes.
fn succeeding(ended: &RawDocument, turn: &Turn<'_>, layout: &ExpressLayout) -> Result<RawDocumentBuf, StoreError> {
    let part = |name| ended.get_document(name).map_err(|_| corrupt(SESSION));
    let (before, next, changed) = (part(BEFORE)?, part(NEXT)?, turn.update.fields());
    let mut after = RawDocumentBuf::new();
    for field in before {
        let (name, value) = field.map_err(|_| corrupt(SESSION))?;
        if name == layout.id_field {
            after.append(name, turn.new.plain());
        } else if name == "_id" {
            after.append(name, ObjectId::new());
        } else if !changed.contains_key(name) {
            after.append_ref(name, value);
        } else if let Some(value) = next.get(name).map_err(|_| corrupt(SESSION))? {
            after.append_ref(name, value);
        }
    }
    for field in next {
        let (name, value) = field.map_err(|_| corrupt(SESSION))?;
        if before.get(name).map_err(|_| corrupt(SESSION))?.is_none() {
            after.append_ref(name, value);
        }
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_stands_alone_has_no_transactions() {
        assert!(!knows_transactions(&doc! { "isWritablePrimary": true, "maxWireVersion": 17 }));
        assert!(knows_transactions(&doc! { "setName": "rs0" }));
        assert!(knows_transactions(&doc! { "msg": "isdbgrid" }));
    }
}
