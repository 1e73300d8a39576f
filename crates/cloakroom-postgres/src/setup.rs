//! The table, made where it is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cloakroom::store::StoreError;
use tokio_postgres::Error;

use crate::error::Call;
use crate::server::Connection;

/// Whoever sets up a table of ours holds this advisory lock: the first 60 bits of SHA-256 of "cloakroom".
const LOCK: i64 = 0x0f0_8c85_0624_aaff;

/// How a table is looked for, and made.
#[derive(Clone)]
pub(crate) struct Setup {
    /// Tells by one row with a true or a false whether all is there.
    look: String,
    /// The name that the look is given.
    name: String,
    /// What makes it, piece by piece.
    pub(crate) steps: Vec<String>,
    is_done: Arc<AtomicBool>,
}

impl Setup {
    pub(crate) fn new(look: String, name: String, steps: Vec<String>) -> Setup {
        Setup { look, name, steps, is_done: Arc::default() }
    }

    /// The same, but nothing is looked for and made.
    pub(crate) fn without(self) -> Setup {
        Setup { is_done: Arc::new(AtomicBool::new(true)), ..self }
    }

    /// Looks for the table once, and makes it if it is missing. Processes that do so at once wait for each other.
    pub(crate) async fn ensure(&self, connection: &mut Connection) -> Result<(), StoreError> {
        if self.is_done.load(Ordering::Acquire) {
            return Ok(());
        }
        let failed = |error: Error| Call::Read.failed(&error);
        if !self.is_there(connection).await.map_err(failed)? {
            self.make(connection).await.inspect_err(|_| connection.discard()).map_err(failed)?;
        }
        self.is_done.store(true, Ordering::Release);
        Ok(())
    }

    async fn is_there(&self, connection: &mut Connection) -> Result<bool, Error> {
        let rows = connection.execute(&self.look, &[&self.name]).await?;
        rows.first().map_or(Ok(false), |row| row.try_get(0))
    }

    async fn make(&self, connection: &mut Connection) -> Result<(), Error> {
        connection
            .batch(&format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({LOCK})"))
            .await?;
        if !self.is_there(connection).await? {
            connection.batch(&self.steps.join(";\n")).await?;
        }
        connection.batch("COMMIT").await
    }
}
