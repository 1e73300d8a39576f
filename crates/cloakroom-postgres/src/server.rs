//! A server: connections from a pool, each call within the deadline, and what may be tried again.

use std::future::Future;
use std::time::Duration;

use cloakroom::store::StoreError;
use deadpool_postgres::{Object, Pool, PoolError};
use tokio_postgres::{Client, Error, Row};

use crate::connect::Address;
use crate::error::{self, Call};
use crate::feed::Ear;
use crate::parameter::{Hidden, Parameter};
use crate::setup::Setup;

const DEADLINE: Duration = Duration::from_secs(2);

/// The longest pause before another attempt, in milliseconds.
const LONGEST_PAUSE: u64 = 50;

/// A pool, and how long a call may take.
#[derive(Clone)]
pub(crate) struct Server {
    pool: Pool,
    /// Where its connections lead, if they are our own.
    address: Option<Address>,
    pub(crate) deadline: Duration,
}

/// Why a statement failed.
pub(crate) struct Failed {
    /// The key is taken.
    pub(crate) is_duplicate: bool,
    error: StoreError,
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> StoreError {
        failed.error
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        Failed { is_duplicate: false, error }
    }
}

impl Server {
    pub(crate) fn at(address: Address) -> Result<Server, StoreError> {
        Ok(Server { pool: address.pool(DEADLINE)?, address: Some(address), deadline: DEADLINE })
    }

    pub(crate) fn with_pool(pool: Pool) -> Server {
        Server { pool, address: None, deadline: DEADLINE }
    }

    /// The same with another deadline, which the server is told as well where the connections are our own.
    pub(crate) fn with_deadline(self, deadline: Duration) -> Server {
        let own = self.address.as_ref().and_then(|address| address.pool(deadline).ok());
        Server { pool: own.unwrap_or(self.pool), deadline, ..self }
    }

    /// Bounds a call by the deadline.
    pub(crate) async fn within<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::time::timeout(self.deadline, call).await.unwrap_or_else(|_| Err(error::timeout(self.deadline)))
    }

    /// Executes a statement, with what it needs set up first.
    pub(crate) async fn execute(
        &self,
        setup: &Setup,
        call: Call,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failed> {
        let mut is_second = false;
        for attempt in 0_u32.. {
            let mut connection = self.connection().await?;
            setup.ensure(&mut connection).await?;
            let error = match connection.execute(statement, parameters).await {
                Ok(rows) => return Ok(rows),
                Err(error) => error,
            };
            drop(connection);
            // Nothing of it was done, or there is nothing in it that could be done twice.
            let is_harmless = error::is_stale(&error) || call == Call::Read && error::is_lost(&error);
            if error::is_passing(&error) {
                pause(attempt).await;
            } else if is_harmless && !is_second {
                is_second = true;
            } else {
                return Err(Failed { is_duplicate: error::is_duplicate(&error), error: call.failed(&error) });
            }
        }
        Err(error::timeout(self.deadline).into())
    }

    /// Whether a connection can be made beside the pool.
    pub(crate) fn can_hear(&self) -> bool {
        self.address.is_some()
    }

    /// A connection beside the pool, and what is told on it.
    pub(crate) async fn hear(&self) -> Result<(Client, Ear), StoreError> {
        match &self.address {
            Some(address) => address.hear().await,
            None => Err(error::no_connection("the address is not known")),
        }
    }

    /// A connection that nobody else uses.
    ///
    /// It is waited for a little less than for the answer, so that "nothing was sent" is told from "nobody knows".
    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        match tokio::time::timeout(self.deadline * 3 / 4, self.pool.get()).await {
            Ok(Ok(object)) => Ok(Connection { object: Some(object), is_busy: false }),
            Ok(Err(PoolError::Backend(error))) => Err(error::not_connected(&error)),
            Ok(Err(PoolError::Closed)) => Err(error::no_connection("the pool was closed")),
            Ok(Err(PoolError::Timeout(_))) | Err(_) => Err(error::no_connection("no connection could be had in time")),
            Ok(Err(PoolError::PostCreateHook(_) | PoolError::NoRuntimeSpecified)) => {
                Err(error::no_connection("the pool gives no connection"))
            }
        }
    }
}

/// So that two who got into each other's way don't meet again.
async fn pause(attempt: u32) {
    let mut byte = [0];
    // Without random bytes, all wait for the same time.
    let dice = getrandom::fill(&mut byte).map_or(127, |()| u64::from(byte[0]));
    let millis = 1 + dice % (4_u64 << attempt.min(4)).min(LONGEST_PAUSE);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// A connection of the pool, which gets it back only if it is known that no answer is pending on it.
pub(crate) struct Connection {
    object: Option<Object>,
    is_busy: bool,
}

impl Connection {
    /// Executes a statement, which is prepared once for each connection.
    pub(crate) async fn execute(&mut self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let Some(object) = &self.object else { return Ok(Vec::new()) };
        let hidden: Vec<_> = parameters.iter().map(|parameter| Hidden(*parameter)).collect();
        let hidden: Vec<_> = hidden.iter().map(|hidden| hidden as Parameter<'_>).collect();
        self.is_busy = true;
        let outcome = match object.prepare_cached(statement).await {
            Ok(statement) => object.query(&statement, &hidden).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome
            && error::is_stale(error)
        {
            object.statement_cache.clear();
        }
        self.is_busy = outcome.as_ref().is_err_and(|error| error.code().is_none() || error::is_lost(error));
        outcome
    }

    /// Executes several statements that have no parameters.
    pub(crate) async fn batch(&mut self, statements: &str) -> Result<(), Error> {
        let Some(object) = &self.object else { return Ok(()) };
        self.is_busy = true;
        // After an error a transaction may be open.
        object.batch_execute(statements).await?;
        self.is_busy = false;
        Ok(())
    }

    /// Closes it when it is dropped, whatever its state.
    pub(crate) fn discard(&mut self) {
        self.is_busy = true;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take_if(|_| self.is_busy) {
            drop(Object::take(object));
        }
    }
}
