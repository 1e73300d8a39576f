//! [`MongoStore`]: each method of the contract as one command.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Handle, Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Feed, Finding, Guard, Loaded, Rotated, Store, StoreError,
    StoreErrorKind, StoreFuture, Token,
};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, ClientOptions, ReadPreference, ReturnDocument, SelectionCriteria};
use mongodb::{Client, Database};
use tokio::sync::OnceCell;

use crate::checkup;
use crate::error::{self, Call};
use crate::express::{self, ExpressLayout, ExpressStore};
use crate::index;
use crate::layout::{self, date, digest, live};
use crate::place::Place;
use crate::sweep::Sweeper;
use crate::update::Update;

const DATABASE: &str = "cloakroom";
const COLLECTION: &str = "cloakroom";
/// Less than the deadline, so that "no server" is told from "no answer": the first is known to have changed nothing.
const SERVER_SELECTION: Duration = Duration::from_millis(1_500);
/// The driver looks so often whether a server that was lost is back; it can't look more often.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// The driver waits so long for a connection, and together with a heartbeat for a sign of life. Until a server that is silent
/// is given up, connections that were half made keep the place of new ones, for which the driver knows no other limit. Less
/// would take a slow network or a busy machine for a dead server.
const CONNECT: Duration = Duration::from_secs(1);
/// As many connections as the drivers of other languages make. The ten of this one are a bottleneck as soon as an answer takes
/// long: 300 ms, and each server could do no more than 33 calls in a second.
const POOL: u32 = 100;

/// Keeps sessions in a MongoDB collection.
///
/// It connects when it is first needed, and again whenever the connection was lost. Clones share the driver's pool.
///
/// ```no_run
/// use cloakroom_mongodb::MongoStore;
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), cloakroom::store::StoreError> {
/// let store = MongoStore::connect("mongodb://127.0.0.1:27017/shop?replicaSet=rs0&w=majority")
///     .await?
///     .with_collection("sessions")
///     .with_deadline(Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MongoStore {
    pub(crate) place: Place,
    names_collection: bool,
    indexes: Arc<OnceCell<()>>,
    sweeper: Sweeper,
}

impl MongoStore {
    /// A store in the database that the connection string names, else in `cloakroom`.
    ///
    /// It does not wait for the server, which may come up later; only a `mongodb+srv` name is looked up at once. All
    /// options of the string count. Where it says nothing else, `serverSelectionTimeoutMS=1500`, `connectTimeoutMS=1000`
    /// and `heartbeatFrequencyMS=500` take the place of the driver's defaults, so that a server that is lost or back is
    /// soon known to be, and `maxPoolSize=100`, so that a slow network leaves calls enough connections.
    ///
    /// # Errors
    ///
    /// If the connection string is not valid, asks for `w=0`, or its name can't be resolved.
    pub async fn connect(uri: &str) -> Result<MongoStore, StoreError> {
        let parsed = ClientOptions::parse(uri).await;
        let mut options = parsed.map_err(|error| error::bad_uri(&error))?;
        if options.write_concern.as_ref().is_some_and(|concern| concern.w == Some(Acknowledgment::Nodes(0))) {
            return Err(error::unacknowledged());
        }
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        options.connect_timeout.get_or_insert(CONNECT);
        options.max_pool_size.get_or_insert(POOL);
        let client = Client::with_options(options).map_err(|error| error::bad_uri(&error))?;
        Ok(MongoStore::new(client.default_database().unwrap_or_else(|| client.database(DATABASE))))
    }

    /// A store in a database of the application's own client.
    ///
    /// Set the client's `server_selection_timeout` below the [deadline](MongoStore::with_deadline), so that a server that
    /// is not there is [`Unavailable`](cloakroom::store::StoreErrorKind::Unavailable) rather than a time-out, and its
    /// `connect_timeout` and `heartbeat_freq` as [`connect`](MongoStore::connect) does: with the driver's defaults a server
    /// that has fallen silent is missed after twenty seconds, and until then new connections may not be made. And give it more
    /// connections than the driver's ten (`max_pool_size`) if many requests are served at once.
    ///
    /// Writes wait for a majority of the servers and for their journals, unless the database has a write concern that says
    /// otherwise.
    ///
    /// ```no_run
    /// # async fn example() -> mongodb::error::Result<()> {
    /// let client = mongodb::Client::with_uri_str("mongodb://127.0.0.1:27017").await?;
    /// let store = cloakroom_mongodb::MongoStore::new(client.database("shop"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(database: Database) -> MongoStore {
        if let Some(SelectionCriteria::ReadPreference(preference)) = database.selection_criteria()
            && *preference != ReadPreference::Primary
        {
            tracing::warn!("sessions are read from secondaries: one that has ended may be seen for a while yet");
        }
        MongoStore::at(Place::new(database, COLLECTION))
    }

    /// Keeps the sessions in the collection `name`, not in `cloakroom`.
    #[must_use]
    pub fn with_collection(self, name: &str) -> MongoStore {
        MongoStore { names_collection: true, ..MongoStore::at(self.place.with_collection(name)) }
    }

    fn at(place: Place) -> MongoStore {
        MongoStore { place, names_collection: false, indexes: Arc::default(), sweeper: Sweeper::default() }
    }

    /// Waits at most so long for the answer to a call, all in all; 2 seconds unless set.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> MongoStore {
        MongoStore { place: Place { deadline, ..self.place }, ..self }
    }

    /// Keeps the sessions as a session store of Express does, so that Express and this application share them.
    ///
    /// In the collection `sessions`, as all these stores do, unless [`with_collection`](MongoStore::with_collection) names
    /// another.
    ///
    /// ```no_run
    /// use cloakroom_mongodb::{ExpressLayout, MongoStore};
    ///
    /// # async fn example() -> Result<(), cloakroom::store::StoreError> {
    /// let store = MongoStore::connect("mongodb://127.0.0.1:27017/shop?replicaSet=rs0")
    ///     .await?
    ///     .with_layout(ExpressLayout::connect_mongodb_session());
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_layout(self, layout: ExpressLayout) -> ExpressStore {
        let place = if self.names_collection { self.place } else { self.place.with_collection(express::COLLECTION) };
        ExpressStore::new(place, layout)
    }

    /// Creates the indexes where they are missing.
    ///
    /// The first [`create`](Store::create) does so too. Call it at the start to have it done by then; it waits for as long
    /// as the server builds them, whatever the deadline.
    ///
    /// # Errors
    ///
    /// If the server can't be reached, or if there can be no unique index on the key. Where another index stands in the
    /// way of one that only saves time or space, that is logged as a warning.
    pub async fn ensure_indexes(&self) -> Result<(), StoreError> {
        self.indexes
            .get_or_try_init(|| index::ensure(&self.place.documents, Some(layout::KEY), layout::indexes()))
            .await
            .map(drop)
    }

    async fn load_now(&self, key: &StoreKey, now: Timestamp) -> Result<Loaded, StoreError> {
        let find = self.place.documents.find_one(live(doc! { layout::KEY: digest(key) }, now));
        let unread = doc! { layout::KEY: 0, layout::PREVIOUS: 0, layout::PREVIOUS_UNTIL: 0 };
        let document = find.projection(unread).max_time(self.place.deadline).await;
        if let Some(document) = document.map_err(|error| Call::Read.failed(&error))? {
            return layout::found(&document).map(Loaded::Found);
        }
        let before = doc! { layout::PREVIOUS: digest(key), layout::PREVIOUS_UNTIL: { "$gt": date(now) } };
        let find = self.place.documents.find_one(live(before, now));
        let successor = find.projection(doc! { layout::ID: 1 }).max_time(self.place.deadline).await;
        let successor = successor.map_err(|error| Call::Read.failed(&error))?;
        Ok(if successor.is_some() { Loaded::Superseded } else { Loaded::Missing })
    }

    async fn create_now(&self, key: &StoreKey, record: &Record) -> Result<Created, StoreError> {
        self.ensure_indexes().await?;
        let id = ObjectId::new();
        let document = RawDocumentBuf::try_from(&layout::document(id, key, record)?).map_err(|_| error::no_bson())?;
        match self.place.documents.insert_one(&document).await {
            Ok(_) => {
                let token = Token::version(layout::FIRST_VERSION);
                Ok(Created::Done { token, handle: Handle::new(id.to_hex()) })
            }
            Err(error) if error::is_taken(&error, layout::KEY) => Ok(Created::Taken),
            Err(error) => Err(Call::Write.failed(&error)),
        }
    }

    /// Writes an update to the record of a key, or tells why not. Gives the fields that tell what became of it.
    async fn write(
        &self,
        key: &StoreKey,
        update: &Update,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Result<RawDocumentBuf, Refusal>, StoreError> {
        loop {
            let write = self.place.documents.find_one_and_update(update.filter(key, guard, now), update.document());
            let write = write.upsert(false).return_document(ReturnDocument::After).projection(update.projection());
            match write.max_time(self.place.deadline).await {
                Ok(Some(after)) => return Ok(Ok(after)),
                Ok(None) => {}
                Err(error) if error::is_taken(&error, layout::KEY) => return Ok(Err(Refusal::Taken)),
                Err(error) if update.adds() && error::is_wrong_type(&error) => return Ok(Err(Refusal::WrongType)),
                Err(error) => return Err(Call::Write.failed(&error)),
            }
            // If there is no reason by now, another request took it away in between, and the write may succeed.
            if let Some(refusal) = self.refusal(key, update, guard, now).await? {
                return Ok(Err(refusal));
            }
        }
    }

    /// Why no record let the update through.
    async fn refusal(
        &self,
        key: &StoreKey,
        update: &Update,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Option<Refusal>, StoreError> {
        if matches!(guard, Guard::Exists) && !update.adds() {
            return Ok(Some(Refusal::Gone));
        }
        let find = self.place.documents.find_one(live(doc! { layout::KEY: digest(key) }, now));
        let find = find.projection(update.projection()).max_time(self.place.deadline);
        // A secondary may not have seen yet what stood in the way.
        let document = find.selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary)).await;
        let Some(document) = document.map_err(|error| Call::Read.failed(&error))? else {
            return Ok(Some(Refusal::Gone));
        };
        Ok(match guard {
            Guard::Unchanged(token) if *token != layout::token(&document)? => Some(Refusal::Conflict),
            _ if !update.fits(&document)? => Some(Refusal::WrongType),
            _ => None,
        })
    }

    async fn destroy_now(&self, key: &StoreKey, now: Timestamp) -> Result<bool, StoreError> {
        let delete = self.place.documents.find_one_and_delete(doc! { layout::KEY: digest(key) });
        let ends = doc! { layout::ID: 0, layout::IDLE_END: 1, layout::ABSOLUTE_END: 1 };
        let removed = delete.projection(ends).max_time(self.place.deadline).await;
        match removed.map_err(|error| Call::Write.failed(&error))? {
            // It is gone in any case. If its times can't be read, nobody could load it either.
            Some(document) => Ok(layout::is_live(&document, now).unwrap_or(false)),
            None => Ok(false),
        }
    }
}

/// Why an update was not made.
enum Refusal {
    Gone,
    Conflict,
    Taken,
    WrongType,
}

impl Store for MongoStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(self.place.within(self.load_now(key, now)))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, _: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(self.place.within(self.create_now(key, record)))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(self.place.within(async move {
            let update = Update::new(patch, now)?;
            Ok(match self.write(key, &update, guard, now).await? {
                Ok(after) => Applied::Done(update.written(&after)?),
                Err(Refusal::Gone) => Applied::Gone,
                Err(Refusal::Conflict) => Applied::Conflict,
                // No key changes here.
                Err(Refusal::Taken) => return Err(StoreError::new(StoreErrorKind::Other)),
                Err(Refusal::WrongType) => Applied::WrongType,
            })
        }))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(self.place.within(async move {
            let mut update = Update::new(patch, now)?;
            update.rekey(old, new, now);
            Ok(match self.write(old, &update, guard, now).await? {
                Ok(after) => Rotated::Done { written: update.written(&after)?, handle: layout::handle(&after)? },
                Err(Refusal::Gone) => Rotated::Gone,
                Err(Refusal::Conflict) => Rotated::Conflict,
                Err(Refusal::Taken) => Rotated::Taken,
                Err(Refusal::WrongType) => Rotated::WrongType,
            })
        }))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.place.within(self.destroy_now(key, now)))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::new(self.place.within(self.sweeper.sweep(
            &self.place,
            [layout::IDLE_END, layout::ABSOLUTE_END],
            limit,
            now,
        )))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::least().rotating_in_place().remembering_previous_key()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    fn export(&self) -> Option<&dyn Export> {
        Some(self)
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        StoreFuture::new(self.place.within(async move {
            checkup::checkup(&self.place, Some(layout::KEY), &[layout::IDLE_END, layout::ABSOLUTE_END]).await
        }))
    }

    fn feed(&self) -> Option<&dyn Feed> {
        Some(self)
    }
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's own Debug may print what the connection string holds.
        let mut debug = f.debug_struct("MongoStore");
        debug.field("namespace", &self.place.namespace()).field("deadline", &self.place.deadline);
        debug.finish_non_exhaustive()
    }
}
