//! What all sessions of a layer share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::{Breaker, Transition};
use super::epoch::Epoch;
use super::form_token::FormKeys;
use super::limit::Limit;
use super::policy::Policy;
use super::queue::Queues;
use crate::clock::Clock;
use crate::events::{Event, Observers, StoreCall, in_span};
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
    /// Who is told of what happens.
    pub(crate) observers: Observers,
}

/// A call of the store that is not answered yet.
#[derive(Debug)]
pub(crate) struct Asked {
    call: StoreCall,
    /// None where nobody wants to know how long it takes.
    since: Option<Instant>,
}

impl Settings {
    /// Asks the store, unless it is known to be away.
    pub(crate) async fn ask<'a, T: Send + 'a>(
        &'a self,
        call: StoreCall,
        ask: impl FnOnce(&'a dyn Store) -> StoreFuture<'a, T>,
    ) -> Result<T, StoreError> {
        let asked = self.admit(call)?;
        let answer = in_span(call, ask(&*self.store)).await;
        self.heard(&asked, &answer);
        answer
    }

    /// That the store may be asked. What it answers has to be [`heard`](Settings::heard).
    ///
    /// # Errors
    ///
    /// If it is known to be away.
    pub(crate) fn admit(&self, call: StoreCall) -> Result<Asked, StoreError> {
        match self.breaker.admit() {
            Ok(()) => Ok(Asked { call, since: self.observers.start() }),
            Err(away) => {
                self.observers.tell(Event::StoreNotAsked { call });
                Err(away)
            }
        }
    }

    /// The store has answered.
    pub(crate) fn heard<T>(&self, asked: &Asked, answer: &Result<T, StoreError>) {
        let took = asked.since.map(|since| since.elapsed());
        match (answer, took) {
            (Ok(_), Some(took)) => self.observers.tell(Event::StoreAnswered { call: asked.call, took }),
            (Ok(_), None) => {}
            (Err(error), took) => self.observers.tell(Event::StoreFailed { call: Some(asked.call), took, error }),
        }
        self.tell_of(self.breaker.heard(answer));
    }

    /// The store has not answered while anybody waited for it.
    pub(crate) fn timed_out(&self) -> StoreError {
        let error = StoreError::new(StoreErrorKind::Timeout);
        self.observers.tell(Event::StoreFailed { call: None, took: None, error: &error });
        self.tell_of(self.breaker.failed());
        error
    }

    fn tell_of(&self, transition: Option<Transition>) {
        match transition {
            Some(Transition::Away) => self.observers.tell(Event::StoreAway),
            Some(Transition::Back) => self.observers.tell(Event::StoreBack),
            None => {}
        }
    }
}
