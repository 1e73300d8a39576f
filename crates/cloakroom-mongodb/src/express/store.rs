//! [`ExpressStore`]: sessions that Express reads and writes too.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Feed, Finding, Guard, Loaded, Rotated, Store, StoreError,
    StoreFuture,
};
use mongodb::IndexModel;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{ReadPreference, ReturnDocument, SelectionCriteria};
use tokio::sync::{MutexGuard, OnceCell};

use super::document::{self, DEAD, Reading, SESSION};
use super::extras::{self, EXTRAS, VERSION};
use super::filter;
use super::layout::{CREATED_AT, ExpressLayout};
use super::session::{COOKIE, KEYS};
use super::text::TEXT_KEYS;
use super::turnstile::{Turnstiles, pause};
use super::update::Update;
use crate::checkup;
use crate::error::{self, Call};
use crate::index::{self, GRACE, garbage, partial};
use crate::place::Place;
use crate::sweep::Sweeper;

/// Keeps sessions in a MongoDB collection in the layout of one of Express' session stores, and shares them with it.
///
/// Made by [`MongoStore::with_layout`](crate::MongoStore::with_layout). Clones share the driver's pool. It needs MongoDB 5.0
/// or newer.
#[derive(Clone)]
pub struct ExpressStore {
    pub(super) place: Place,
    pub(super) layout: Arc<ExpressLayout>,
    pub(super) transactions: Arc<OnceCell<bool>>,
    indexes: Arc<OnceCell<()>>,
    pub(super) validator: Arc<OnceCell<()>>,
    turnstiles: Turnstiles,
    sweeper: Sweeper,
}

impl ExpressStore {
    pub(crate) fn new(place: Place, layout: ExpressLayout) -> ExpressStore {
        ExpressStore {
            place,
            layout: Arc::new(layout),
            transactions: Arc::default(),
            indexes: Arc::default(),
            validator: Arc::default(),
            turnstiles: Turnstiles::default(),
            sweeper: Sweeper::default(),
        }
    }

    /// Creates the indexes where they are missing, and the validator that [tombstones](ExpressLayout::tombstones) need.
    ///
    /// The first [`create`](Store::create) does so too. Call it at the start to have it done by then; it waits for as long
    /// as the server builds them, whatever the deadline.
    ///
    /// # Errors
    ///
    /// If the server can't be reached, if there can be no unique index on the id, or no validator where one is needed. Where
    /// another index stands in the way of one that only saves time or space, that is logged as a warning.
    pub async fn ensure_indexes(&self) -> Result<(), StoreError> {
        self.layout.check()?;
        let ensure = || async {
            index::ensure(&self.place.documents, self.layout.own_id_field(), self.other_indexes()).await?;
            self.ensure_validator().await
        };
        self.indexes.get_or_try_init(ensure).await.map(drop)
    }

    fn other_indexes(&self) -> Vec<IndexModel> {
        let user = filter::user_field(&self.layout).unwrap_or_else(|| extras::path(extras::USER));
        vec![
            // The very index of Express' own: with another time it would stand in the way of theirs.
            garbage(&self.layout.expires_key, Duration::ZERO),
            garbage(&extras::path(extras::ABSOLUTE_END), GRACE),
            partial(doc! { extras::path(extras::PREVIOUS): 1 }),
            partial(doc! { user: 1 }),
        ]
    }

    /// Bounds a call by the deadline.
    pub(super) async fn within<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.layout.check()?;
        self.place.within(call).await
    }

    async fn load_now(&self, key: &StoreKey, now: Timestamp) -> Result<Loaded, StoreError> {
        let find = self.place.documents.find_one(document::with_key(key, &self.layout));
        let found = find.max_time(self.place.deadline).await.map_err(|error| Call::Read.failed(&error))?;
        if let Some(found) = found {
            match document::read(&found, &self.layout, now)? {
                Reading::Live(found) => return Ok(Loaded::Found(found)),
                Reading::Over => {}
                Reading::Broken => {
                    let handle = document::handle(key);
                    tracing::warn!(%handle, "a session that Express could not read counts as missing");
                }
            }
        }
        let before = filter::live(document::with_previous(key, now), &self.layout, now);
        let find = self.place.documents.find_one(before).projection(doc! { "_id": 1 });
        let successor = find.max_time(self.place.deadline).await.map_err(|error| Call::Read.failed(&error))?;
        Ok(if successor.is_some() { Loaded::Superseded } else { Loaded::Missing })
    }

    async fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        self.ensure_indexes().await?;
        let document = document::new(key, record, &self.layout, now)?;
        match self.place.documents.insert_one(&document).await {
            Ok(_) => {
                Ok(Created::Done { token: document::token(&document, &self.layout)?, handle: document::handle(key) })
            }
            Err(error) if error::is_taken(&error, &self.layout.id_field) => Ok(Created::Taken),
            Err(error) => Err(Call::Write.failed(&error)),
        }
    }

    async fn apply_now(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let told = doc! { "_id": 0, SESSION: 1, extras::path(VERSION): 1 };
        let _turn = self.turn(key).await;
        let mut attempt = 0;
        loop {
            let Step { update, filter } = match self.step(key, patch, guard, now).await? {
                Ok(step) => step,
                Err(Refusal::Gone) => return Ok(Applied::Gone),
                Err(Refusal::Conflict) => return Ok(Applied::Conflict),
                Err(Refusal::WrongType) => return Ok(Applied::WrongType),
            };
            let write = self.place.documents.find_one_and_update(filter, update.pipeline()).upsert(false);
            let write = write.return_document(ReturnDocument::After).projection(told.clone());
            let after = write.max_time(self.place.deadline).await.map_err(|error| Call::Write.failed(&error))?;
            if let Some(after) = after {
                return update.written(&after, &self.layout).map(Applied::Done);
            }
            if self.layout.is_text() {
                pause(key, attempt).await;
                attempt += 1;
                continue;
            }
            // If there is no reason by now, another request took it away in between, and the write may succeed.
            match self.refusal(key, &update, guard, now).await? {
                Some(Refusal::Gone) => return Ok(Applied::Gone),
                Some(Refusal::Conflict) => return Ok(Applied::Conflict),
                Some(Refusal::WrongType) => return Ok(Applied::WrongType),
                None => {}
            }
        }
    }

    /// Waits for other writes of this process where only one of them can succeed.
    pub(super) async fn turn(&self, key: &StoreKey) -> Option<MutexGuard<'_, ()>> {
        if self.layout.is_text() { Some(self.turnstiles.pass(key).await) } else { None }
    }

    /// A write, and what it asks of the document. For a text it is made of what was read, and only that lets it through.
    pub(super) async fn step(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Result<Step, Refusal>, StoreError> {
        if !self.layout.is_text() {
            let update = Update::new(patch, &self.layout, now)?;
            let filter = filter::writable(key, update.adds(), guard, &self.layout, now);
            return Ok(Ok(Step { update, filter }));
        }
        let Some(document) = self.newest(key).await? else { return Ok(Err(Refusal::Gone)) };
        let (Reading::Live(found), Some(text)) =
            (document::read(&document, &self.layout, now)?, document::text(&document, &self.layout)?)
        else {
            return Ok(Err(Refusal::Gone));
        };
        let is_guarded = match guard {
            Guard::Exists => false,
            Guard::Unchanged(token) if *token == found.token => true,
            Guard::Unchanged(_) => return Ok(Err(Refusal::Conflict)),
        };
        let Ok(patched) = text.patched(patch, &found.record, &self.layout, now)? else {
            return Ok(Err(Refusal::WrongType));
        };
        let depends = is_guarded || patched.stored.is_some();
        let version = document::version(&document)?;
        let filter = filter::writable_text(key, depends.then_some((text.stored, version)), &self.layout, now);
        let update = Update::of_text(patched, patch, &self.layout, now)?;
        Ok(Ok(Step { update, filter }))
    }

    /// The document of a key, as the primary has it: a secondary may not have seen yet what stood in the way.
    async fn newest(&self, key: &StoreKey) -> Result<Option<RawDocumentBuf>, StoreError> {
        let find = self.place.documents.find_one(document::with_key(key, &self.layout));
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let find = find.max_time(self.place.deadline).selection_criteria(primary);
        find.await.map_err(|error| Call::Read.failed(&error))
    }

    /// Why no session let the update through.
    pub(super) async fn refusal(
        &self,
        key: &StoreKey,
        update: &Update,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Option<Refusal>, StoreError> {
        if matches!(guard, Guard::Exists) && update.adds().is_empty() {
            return Ok(Some(Refusal::Gone));
        }
        let Some(document) = self.newest(key).await? else { return Ok(Some(Refusal::Gone)) };
        let Reading::Live(found) = document::read(&document, &self.layout, now)? else {
            return Ok(Some(Refusal::Gone));
        };
        Ok(match guard {
            Guard::Unchanged(token) if *token != found.token => Some(Refusal::Conflict),
            _ if !update.fits(&document)? => Some(Refusal::WrongType),
            _ => None,
        })
    }

    async fn destroy_now(&self, key: &StoreKey, now: Timestamp) -> Result<bool, StoreError> {
        let before = self.end(document::with_key(key, &self.layout), self.summary(), now).await?;
        let Some(before) = before else { return Ok(false) };
        // It is gone in any case. If it can't be read, nobody could load it either.
        Ok(matches!(document::read(&before, &self.layout, now), Ok(Reading::Live(_))))
    }

    /// All of a document but the application's keys.
    pub(super) fn summary(&self) -> Document {
        let mut fields = doc! { "_id": 1, &self.layout.id_field: 1, &self.layout.expires_key: 1 };
        let session = if self.layout.is_text() { SESSION.to_owned() } else { format!("{SESSION}.{COOKIE}") };
        fields.extend(doc! { DEAD: 1, CREATED_AT: 1, EXTRAS: 1, session: 1 });
        if let Some(user) = filter::user_field(&self.layout) {
            fields.insert(user, 1);
        }
        fields
    }
}

/// A write that is ready to be sent.
pub(super) struct Step {
    pub(super) update: Update,
    pub(super) filter: Document,
}

/// Why an update was not made.
pub(super) enum Refusal {
    Gone,
    Conflict,
    WrongType,
}

impl Store for ExpressStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(self.within(self.load_now(key, now)))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(self.within(self.create_now(key, record, now)))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(self.within(self.apply_now(key, patch, guard, now)))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(self.within(self.rotate_now(old, new, patch, guard, now)))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.within(self.destroy_now(key, now)))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::new(self.within(async move {
            let absolute_end = extras::path(extras::ABSOLUTE_END);
            self.sweeper.sweep(&self.place, [&self.layout.expires_key, &absolute_end], limit, now).await
        }))
    }

    fn capabilities(&self) -> Capabilities {
        let keys = if self.layout.is_text() { &TEXT_KEYS } else { &KEYS };
        Capabilities::least().remembering_previous_key().with_keys(keys)
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    fn export(&self) -> Option<&dyn Export> {
        Some(self)
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        StoreFuture::new(self.within(async move {
            checkup::checkup(&self.place, self.layout.own_id_field(), &[self.layout.expires_key.as_str()]).await
        }))
    }

    fn feed(&self) -> Option<&dyn Feed> {
        // Where the id stands in a field of its own, a deletion does not tell it.
        self.layout.own_id_field().is_none().then_some(self as &dyn Feed)
    }
}

impl fmt::Debug for ExpressStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's own Debug may print what the connection string holds.
        let mut debug = f.debug_struct("ExpressStore");
        debug.field("namespace", &self.place.namespace()).field("deadline", &self.place.deadline);
        debug.field("layout", &self.layout).finish_non_exhaustive()
    }
}
