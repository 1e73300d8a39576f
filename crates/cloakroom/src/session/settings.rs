//! What all sessions of a layer share.

use std::sync::Arc;
use std::time::Duration;

use super::breaker::Breaker;
use super::epoch::Epoch;
use super::form_token::FormKeys;
use super::limit::Limit;
use super::policy::Policy;
use super::queue::Queues;
use crate::clock::Clock;
use crate::record::Data;
use crate::store::{Store, StoreError, StoreErrorKind, StoreFuture};

/// The store and the rules of a layer's sessions.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    /// What new records have as their metadata.
    pub(crate) metadata: Arc<Data>,
    /// How long one request may wait for the store, all in all.
    pub(crate) deadline: Duration,
    pub(crate) breaker: Breaker,
    pub(crate) queues: Queues,
    /// Where the end of all sessions is looked for.
    pub(crate) epoch: Option<Epoch>,
    /// How many sessions a user may have at once.
    pub(crate) limit: Option<Limit>,
    pub(crate) form_keys: FormKeys,
}

impl Settings {
    /// Asks the store, unless it is known to be away.
    pub(crate) async fn ask<'a, T>(
        &'a self,
        call: impl FnOnce(&'a dyn Store) -> StoreFuture<'a, T>,
    ) -> Result<T, StoreError> {
        self.breaker.admit()?;
        let answer = call(&*self.store).await;
        self.breaker.heard(&answer);
        answer
    }

    /// The store has not answered while anybody waited for it.
    pub(crate) fn timed_out(&self) -> StoreError {
        self.breaker.failed();
        StoreError::new(StoreErrorKind::Timeout)
    }
}
