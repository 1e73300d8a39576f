//! [`PostgresStore`]: each method of the contract as one statement.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Handle, Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Feed, Finding, Guard, Loaded, Rotated, Store, StoreError,
    StoreErrorKind, StoreFuture, Token, Written,
};
use deadpool_postgres::Pool;
use tokio_postgres::Row;

use crate::checkup;
use crate::connect::Address;
use crate::error::Call;
use crate::escape::escape;
use crate::express::{ExpressLayout, ExpressStore};
use crate::feed;
use crate::layout::{self, FIRST_VERSION, column, millis, object};
use crate::name::TableName;
use crate::parameter::Parameter;
use crate::server::{Failed, Server};
use crate::setup::Setup;
use crate::statements::{self, CONFLICT, DONE, Statements, WRONG_TYPE};
use crate::update::Update;

const TABLE: &str = "cloakroom_sessions";
/// A call has a deadline.
const SWEPT_AT_ONCE: i64 = 10_000;

/// Keeps sessions in a PostgreSQL table.
///
/// It connects when it is first needed, and again whenever the connection was lost. Clones share the pool.
///
/// ```no_run
/// use cloakroom_postgres::PostgresStore;
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), cloakroom::store::StoreError> {
/// let store = PostgresStore::connect("postgres://shop@127.0.0.1/shop")
///     .await?
///     .with_table("sessions")
///     .with_deadline(Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) server: Server,
    pub(crate) name: TableName,
    pub(crate) statements: Arc<Statements>,
    setup: Setup,
    pub(crate) makes_table: bool,
    has_feed: bool,
    names_table: bool,
}

impl PostgresStore {
    /// A store in the database that the connection string names, with a pool of its own of up to 16 connections.
    ///
    /// It does not wait for the server, which may come up later. The string is that of libpq, as `postgres://…` or as
    /// `host=… user=…`. In a URL, `sslmode` and `sslrootcert` are understood as the crate's documentation says. Where the
    /// string says nothing else, standbys are passed over (`target_session_attrs=read-write`) and the server gives up a
    /// statement after the [deadline](PostgresStore::with_deadline) (`statement_timeout`).
    ///
    /// # Errors
    ///
    /// If the connection string is not valid, or the file of `sslrootcert` can't be read.
    // Like the other stores' own; looking up a service's record may take a while one day.
    #[allow(clippy::unused_async, reason = "a store may have to wait here one day, and the others' do")]
    pub async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
        Ok(PostgresStore::on(Server::at(Address::parse(url)?)?))
    }

    /// A store on a pool of the application's own.
    ///
    /// Let its connections have a `statement_timeout` near the [deadline](PostgresStore::with_deadline), so that the server
    /// gives up what the store has given up; and let them lead to the primary. The store leaves the connections'
    /// settings as they are, and closes those on which an answer is pending still.
    ///
    /// ```no_run
    /// use cloakroom_postgres::deadpool_postgres::{Manager, Pool, tokio_postgres::NoTls};
    ///
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Pool::builder(Manager::new("host=127.0.0.1 user=shop".parse()?, NoTls)).max_size(8).build()?;
    /// let store = cloakroom_postgres::PostgresStore::new(pool);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(pool: Pool) -> PostgresStore {
        PostgresStore::on(Server::with_pool(pool))
    }

    fn on(server: Server) -> PostgresStore {
        let name = TableName::new(TABLE);
        let (statements, setup) = (Arc::new(Statements::new(&name)), statements::setup(&name));
        PostgresStore { server, name, statements, setup, makes_table: true, has_feed: false, names_table: false }
    }

    /// Keeps the sessions in the table `name`, not in `cloakroom_sessions`. The name is taken as it is, capitals and all.
    ///
    /// Of 1 to 63 bytes without NUL: with any other, each call of the store is an error.
    #[must_use]
    pub fn with_table(self, name: &str) -> PostgresStore {
        let name = TableName { table: name.to_owned(), ..self.name.clone() };
        PostgresStore { names_table: true, ..self.named(name) }
    }

    /// Keeps the sessions in a table of this schema, which has to be there. Otherwise the connection's `search_path` decides.
    ///
    /// A name as that of the [table](PostgresStore::with_table).
    #[must_use]
    pub fn with_schema(self, name: &str) -> PostgresStore {
        let name = TableName { schema: Some(name.to_owned()), ..self.name.clone() };
        self.named(name)
    }

    fn named(self, name: TableName) -> PostgresStore {
        let (statements, setup) = (Arc::new(Statements::new(&name)), statements::setup(&name));
        let setup = if self.makes_table { setup } else { setup.without() };
        PostgresStore { name, statements, setup, ..self }
    }

    /// Waits at most so long for the answer to a call, all in all; 2 seconds unless set.
    ///
    /// To be called before the store is used: a pool that is the store's own is made anew.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> PostgresStore {
        PostgresStore { server: self.server.with_deadline(deadline), ..self }
    }

    /// Keeps the sessions as `connect-pg-simple` does, so that Express and this application share them.
    ///
    /// ```no_run
    /// use cloakroom_postgres::{ExpressLayout, PostgresStore};
    ///
    /// # async fn example() -> Result<(), cloakroom::store::StoreError> {
    /// let store = PostgresStore::connect("postgres://shop@127.0.0.1/shop")
    ///     .await?
    ///     .with_layout(ExpressLayout::connect_pg_simple());
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_layout(self, layout: ExpressLayout) -> ExpressStore {
        let name = layout.table(&self.name, self.names_table);
        ExpressStore::new(self.server, name, layout, self.makes_table)
    }

    /// Tells what happens to sessions ([`Feed`]), for a [`NearCache`](cloakroom::store::NearCache) on each server.
    ///
    /// Who listens first adds a trigger to the table, which tells (`NOTIFY`) of each row that any program changes; it stays. That
    /// is not free: PostgreSQL lets transactions that tell something commit one after the other, in the whole database, since
    /// the order of what is told is that of the commits. Each listener holds a connection beside the pool.
    ///
    /// A store on a [pool of the application's own](PostgresStore::new) knows no address for that connection, and has no feed.
    #[must_use]
    pub fn with_feed(self) -> PostgresStore {
        PostgresStore { has_feed: true, ..self }
    }

    /// The SQL that makes the trigger of the [feed](PostgresStore::with_feed), for those who run their own migrations.
    pub fn feed_migrations(&self) -> Vec<String> {
        feed::setup(&self.name).steps
    }

    /// Leaves it to the application to make the table, as [`migrations`](PostgresStore::migrations) says.
    #[must_use]
    pub fn without_migrations(self) -> PostgresStore {
        PostgresStore { setup: self.setup.without(), makes_table: false, ..self }
    }

    /// The SQL that makes the table and its indexes, piece by piece, for those who run their own migrations.
    ///
    /// Later versions of this crate add to the end.
    pub fn migrations(&self) -> &[String] {
        &self.setup.steps
    }

    /// Makes the table where it is missing.
    ///
    /// The first call of the store does so too. Call this at the start to have it done by then. Several processes may do so at
    /// once.
    ///
    /// # Errors
    ///
    /// If the server can't be reached, or does not let this user make a table.
    pub async fn ensure_table(&self) -> Result<(), StoreError> {
        self.name.check()?;
        self.setup.ensure(&mut self.server.connection().await?).await
    }

    pub(crate) async fn execute(
        &self,
        call: Call,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failed> {
        self.name.check()?;
        self.server.execute(&self.setup, call, statement, parameters).await
    }

    async fn load_now(&self, key: &StoreKey, now: Timestamp) -> Result<Loaded, StoreError> {
        let (key, now) = (&key.digest()[..], now.as_millis());
        let rows = self.execute(Call::Read, &self.statements.load, &[&key, &now]).await?;
        let Some(row) = rows.first() else { return Ok(Loaded::Missing) };
        Ok(layout::found(row)?.map_or(Loaded::Superseded, Loaded::Found))
    }

    async fn create_now(&self, key: &StoreKey, record: &Record) -> Result<Created, StoreError> {
        let handle = layout::new_handle(record.created)?;
        let parameters: [Parameter<'_>; 12] = [
            &handle,
            &&key.digest()[..],
            &record.user.as_ref().map(|user| escape(user.as_str())),
            &record.created.as_millis(),
            &record.seen.as_millis(),
            &record.idle_end.as_millis(),
            &record.absolute_end.as_millis(),
            &record.lifetime.idle.map(millis),
            &record.lifetime.persistent,
            &FIRST_VERSION,
            &object(record.metadata.iter()),
            &object(record.data.iter()),
        ];
        let inserted = self.execute(Call::Write, &self.statements.create, &parameters).await?;
        if inserted.is_empty() {
            return Ok(Created::Taken);
        }
        Ok(Created::Done { token: Token::version(FIRST_VERSION), handle: Handle::new(handle) })
    }

    /// Makes an update, or tells why not.
    async fn write(&self, update: &Update<'_>) -> Result<Result<(Written, Handle), Refusal>, StoreError> {
        loop {
            let (statement, parameters) = update.statement(&self.statements);
            let rows = match self.execute(Call::Write, statement, &parameters).await {
                Ok(rows) => rows,
                Err(failed) if failed.is_duplicate => return Ok(Err(Refusal::Taken)),
                Err(failed) => return Err(failed.into()),
            };
            let Some(row) = rows.first() else { return Ok(Err(Refusal::Gone)) };
            match column::<i32>(row, 0, "version")? {
                DONE => {
                    let handle: &str = column(row, 2, "handle")?;
                    return Ok(Ok((update.written(row)?, Handle::new(handle))));
                }
                CONFLICT => return Ok(Err(Refusal::Conflict)),
                WRONG_TYPE => return Ok(Err(Refusal::WrongType)),
                _ => {}
            }
        }
    }

    async fn destroy_now(&self, key: &StoreKey, now: Timestamp) -> Result<bool, StoreError> {
        let (key, now) = (&key.digest()[..], now.as_millis());
        let rows = self.execute(Call::Write, &self.statements.destroy, &[&key, &now]).await?;
        rows.first().map_or(Ok(false), |row| column(row, 0, "idle_end"))
    }

    async fn sweep_now(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX).min(SWEPT_AT_ONCE);
        Ok(self.execute(Call::Write, &self.statements.sweep, &[&limit, &now.as_millis()]).await?.len())
    }
}

/// Why an update was not made.
enum Refusal {
    Gone,
    Conflict,
    Taken,
    WrongType,
}

impl Store for PostgresStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(self.server.within(self.load_now(key, now)))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, _: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(self.server.within(self.create_now(key, record)))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(self.server.within(async move {
            Ok(match self.write(&Update::new(key, patch, guard, now)).await? {
                Ok((written, _)) => Applied::Done(written),
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
        StoreFuture::new(self.server.within(async move {
            let mut update = Update::new(old, patch, guard, now);
            update.rekey(new);
            Ok(match self.write(&update).await? {
                Ok((written, handle)) => Rotated::Done { written, handle },
                Err(Refusal::Gone) => Rotated::Gone,
                Err(Refusal::Conflict) => Rotated::Conflict,
                Err(Refusal::Taken) => Rotated::Taken,
                Err(Refusal::WrongType) => Rotated::WrongType,
            })
        }))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.server.within(self.destroy_now(key, now)))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::new(self.server.within(self.sweep_now(limit, now)))
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
        StoreFuture::new(self.server.within(checkup::checkup(&self.server, &self.name)))
    }

    fn feed(&self) -> Option<&dyn Feed> {
        (self.has_feed && self.server.can_hear()).then_some(self as &dyn Feed)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's own Debug prints what the connection string holds.
        let mut debug = f.debug_struct("PostgresStore");
        debug.field("table", &self.name.to_string()).field("deadline", &self.server.deadline).finish_non_exhaustive()
    }
}
