//! [`ExpressStore`]: sessions that Express reads and writes too.

use std::fmt;
use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::record::{Expiry, Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Finding, Guard, Loaded, Rotated, Store, StoreError, StoreFuture,
    Written,
};
use tokio_postgres::Row;

use super::extras::{Extras, hex};
use super::layout::ExpressLayout;
use super::max_age;
use super::row::{self, Live, Reading, Stored};
use super::statements::{self, Statements};
use super::text::{self, KEYS};
use super::turnstile::{Turnstiles, pause};
use crate::checkup;
use crate::error::Call;
use crate::layout::{FIRST_VERSION, column};
use crate::name::TableName;
use crate::parameter::Parameter;
use crate::server::{Failed, Server};
use crate::setup::Setup;

/// A call has a deadline.
const SWEPT_AT_ONCE: i64 = 10_000;

/// Keeps sessions in a PostgreSQL table in the layout of Express' `connect-pg-simple`, and shares them with it.
///
/// Made by [`PostgresStore::with_layout`](crate::PostgresStore::with_layout). Clones share the pool.
#[derive(Clone)]
pub struct ExpressStore {
    pub(super) server: Server,
    name: TableName,
    pub(super) layout: Arc<ExpressLayout>,
    pub(super) statements: Arc<Statements>,
    setup: Setup,
    turnstiles: Turnstiles,
}

impl ExpressStore {
    pub(crate) fn new(server: Server, name: TableName, layout: ExpressLayout, makes_table: bool) -> ExpressStore {
        let setup = statements::setup(&name);
        ExpressStore {
            server,
            statements: Arc::new(Statements::new(&name, &layout)),
            setup: if makes_table { setup } else { setup.without() },
            name,
            layout: Arc::new(layout),
            turnstiles: Turnstiles::default(),
        }
    }

    /// The SQL that makes the table, if the package has not made it, and adds our column with its indexes: for those who run
    /// their own migrations.
    pub fn migrations(&self) -> &[String] {
        &self.setup.steps
    }

    /// Makes the table where it is missing, and adds the column `cloakroom` with its indexes.
    ///
    /// The first call of the store does so too. Call this at the start to have it done by then. Several processes may do so at
    /// once. Where the table is in use, it waits at most a second for it.
    ///
    /// # Errors
    ///
    /// If the server can't be reached, or does not let this user change the table.
    pub async fn ensure_table(&self) -> Result<(), StoreError> {
        self.check()?;
        self.setup.ensure(&mut self.server.connection().await?).await
    }

    fn check(&self) -> Result<(), StoreError> {
        self.name.check()?;
        self.layout.check()
    }

    pub(super) async fn execute(
        &self,
        call: Call,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failed> {
        self.check()?;
        self.server.execute(&self.setup, call, statement, parameters).await
    }

    async fn load_now(&self, key: &StoreKey, now: Timestamp) -> Result<Loaded, StoreError> {
        let (id, digest) = (key.plain(), hex(key.digest()));
        let mut rows = self.execute(Call::Read, &self.statements.load, &[&id, &digest]).await?;
        if let Some(row) = rows.first()
            && column(row, 5, "sid")?
        {
            match Stored::of(row)?.read(&self.layout, now)? {
                Reading::Live(live) => return Ok(Loaded::Found(live.found)),
                Reading::Over => {}
                Reading::Broken => {
                    let handle = row::handle(key);
                    tracing::warn!(%handle, "a session that Express could not read counts as missing");
                }
            }
            rows = self.execute(Call::Read, &self.statements.successor, &[&digest]).await?;
        }
        for row in &rows {
            if let Reading::Live(live) = Stored::of(row)?.read(&self.layout, now)?
                && live.extras.previous_until()?.is_some_and(|until| now < until)
            {
                return Ok(Loaded::Superseded);
            }
        }
        Ok(Loaded::Missing)
    }

    async fn create_now(&self, key: &StoreKey, record: &Record) -> Result<Created, StoreError> {
        let max_age = max_age::wanted(record.lifetime, record.idle_end, record.seen);
        let session = text::new(record, max_age, &self.layout)?;
        let extras = Extras::of(record, max_age, FIRST_VERSION, &self.layout);
        let parameters: [Parameter<'_>; 4] =
            [&key.plain(), &session.to_string(), &row::seconds(record.idle_end), &extras.text()];
        let inserted = self.execute(Call::Write, &self.statements.create, &parameters).await?;
        if inserted.is_empty() {
            return Ok(Created::Taken);
        }
        Ok(Created::Done { token: row::token(&session, FIRST_VERSION), handle: row::handle(key) })
    }

    /// Makes a write of what was read, and again until nobody has written in between; or tells why not.
    async fn write(
        &self,
        key: &StoreKey,
        new: Option<&StoreKey>,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Result<Written, Refusal>, StoreError> {
        let _turn = self.turnstiles.pass(key).await;
        for attempt in 0_u32.. {
            let rows = self.execute(Call::Read, &self.statements.read, &[&key.plain()]).await?;
            let Some(row) = rows.first() else { return Ok(Err(Refusal::Gone)) };
            let stored = Stored::of(row)?;
            let Reading::Live(live) = stored.read(&self.layout, now)? else { return Ok(Err(Refusal::Gone)) };
            if let Guard::Unchanged(token) = guard
                && *token != live.found.token
            {
                return Ok(Err(Refusal::Conflict));
            }
            if self.layout.disables_touch && new.is_none() && patch.is_touch() {
                return Ok(Ok(Written::new(live.found.token, Vec::new())));
            }
            let Some(next) = self.next(&live, key, new, patch, now)? else { return Ok(Err(Refusal::WrongType)) };
            let parameters: [Parameter<'_>; 9] = [
                &key.plain(),
                &stored.text,
                &stored.end,
                &stored.extras,
                &new.unwrap_or(key).plain(),
                &next.text,
                &(patch.expiry != Expiry::Keep),
                &next.seconds,
                &next.extras,
            ];
            match self.execute(Call::Write, &self.statements.write, &parameters).await {
                Ok(rows) if !rows.is_empty() => return Ok(Ok(next.written)),
                Ok(_) => pause(key, attempt).await,
                Err(failed) if failed.is_duplicate => return Ok(Err(Refusal::Taken)),
                Err(failed) => return Err(failed.into()),
            }
        }
        Err(row::missing())
    }

    /// What a patch makes of a session; none if a key is no number.
    fn next(
        &self,
        live: &Live,
        key: &StoreKey,
        new: Option<&StoreKey>,
        patch: &Patch,
        now: Timestamp,
    ) -> Result<Option<Next>, StoreError> {
        let mut record = live.found.record.clone();
        text::apply_times(patch, &mut record, now);
        let Ok(patched) = text::patched(&live.session, patch, &record, &self.layout)? else { return Ok(None) };
        let session = patched.session;
        if let Some(user) = &patch.user {
            record.user = Some(user.clone());
        }
        let metadata = Arc::make_mut(&mut record.metadata);
        for (name, value) in patch.metadata() {
            match value {
                Some(value) => drop(metadata.insert(name.clone(), value.clone())),
                None => drop(metadata.remove(name)),
            }
        }
        let version = live.extras.version()?.saturating_add(i64::from(patch.changes_data()));
        let mut extras = Extras::of(&record, session.original_max_age(), version, &self.layout);
        match new {
            Some(_) => extras.supersede(key, now),
            None => extras.keep_previous(&live.extras),
        }
        Ok(Some(Next {
            text: patched.is_changed.then(|| session.to_string()),
            seconds: row::seconds(record.idle_end),
            extras: extras.text(),
            written: Written::new(row::token(&session, version), patched.numbers),
        }))
    }

    async fn destroy_now(&self, key: &StoreKey, now: Timestamp) -> Result<bool, StoreError> {
        let rows = self.execute(Call::Write, &self.statements.destroy, &[&key.plain()]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        // It is gone in any case. If it can't be read, nobody could load it either.
        Ok(Stored::of(row).and_then(|row| row.read(&self.layout, now)).is_ok_and(|row| matches!(row, Reading::Live(_))))
    }

    async fn sweep_now(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX).min(SWEPT_AT_ONCE);
        Ok(self.execute(Call::Write, &self.statements.sweep, &[&limit, &now.as_millis()]).await?.len())
    }
}

/// A write that is ready to be sent, and what it tells once it is made.
struct Next {
    text: Option<String>,
    seconds: f64,
    extras: String,
    written: Written,
}

/// Why a write was not made.
enum Refusal {
    Gone,
    Conflict,
    Taken,
    WrongType,
}

impl Store for ExpressStore {
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
            Ok(match self.write(key, None, patch, guard, now).await? {
                Ok(written) => Applied::Done(written),
                Err(Refusal::Gone) => Applied::Gone,
                Err(Refusal::Conflict) => Applied::Conflict,
                // No key changes here.
                Err(Refusal::Taken) => return Err(row::missing()),
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
            Ok(match self.write(old, Some(new), patch, guard, now).await? {
                Ok(written) => Rotated::Done { written, handle: row::handle(new) },
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
        Capabilities::least().remembering_previous_key().with_keys(&KEYS)
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
}

impl fmt::Debug for ExpressStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's own Debug prints what the connection string holds.
        let mut debug = f.debug_struct("ExpressStore");
        debug.field("table", &self.name.to_string()).field("deadline", &self.server.deadline);
        debug.field("layout", &self.layout).finish_non_exhaustive()
    }
}
