//! Events as `tracing` has them: under the target `cloakroom`, with the fields `event` and `session`, and without the user.

use tracing::field::display;
use tracing::{Instrument as _, Level, debug, info, trace, warn};

use super::{Event, StoreCall};
use crate::store::StoreFuture;

impl Event<'_> {
    /// Tells `tracing`. What anybody can cause at will is told at a level that no flood fills.
    pub(super) fn trace(&self) {
        let event = self.name();
        match *self {
            Event::Created { handle, user } => {
                debug!(target: "cloakroom", event, session = %handle, user = user.is_some(), "a session began");
            }
            Event::Loaded { handle, user } => {
                trace!(target: "cloakroom", event, session = %handle, user = user.is_some(), "a session was loaded");
            }
            Event::Missing { hash } => {
                debug!(target: "cloakroom", event, key = %hash, "a ticket was good, and its session is no more");
            }
            Event::Superseded { hash } => {
                debug!(target: "cloakroom", event, key = %hash, "a ticket is that of a session with a new id");
            }
            Event::BadTicket { count } => {
                info!(target: "cloakroom", event, count, "a session cookie is signed by none of the keys");
            }
            Event::Rotated { handle, .. } => {
                debug!(target: "cloakroom", event, session = %handle, "a session has a new id");
            }
            Event::LoggedIn { handle, method, .. } => {
                info!(target: "cloakroom", event, session = %handle, method, "a user has logged in");
            }
            Event::Reauthenticated { handle, .. } => {
                info!(target: "cloakroom", event, session = %handle, "a user has proved again who they are");
            }
            Event::LogInDenied { .. } => {
                info!(target: "cloakroom", event, "a log-in was denied: the user has as many sessions as may be");
            }
            Event::LoggedOut { handle, .. } => {
                info!(target: "cloakroom", event, session = %handle, "a user has logged out");
            }
            Event::Destroyed { handle } => {
                debug!(target: "cloakroom", event, session = %handle, "a visitor's session was ended");
            }
            Event::DestroyedUnread { hash } => {
                info!(target: "cloakroom", event, key = %hash, "a session was ended that nobody had read");
            }
            Event::Revoked { handle, by, .. } => {
                info!(target: "cloakroom", event, session = %handle, by = by.as_str(), "a session was revoked");
            }
            Event::RevokedAll { except, count, by, .. } => {
                let except = except.map(display);
                info!(target: "cloakroom", event, except, count, by = by.as_str(), "a user's sessions were revoked");
            }
            Event::EverythingRevoked => warn!(target: "cloakroom", event, "everybody's sessions were revoked"),
            Event::Expired { count } => debug!(target: "cloakroom", event, count, "expired sessions were removed"),
            Event::Evicted { handle, user: Some(_) } => {
                warn!(target: "cloakroom", event, session = %handle, user = true, "the memory store is full: a session was evicted");
            }
            Event::Evicted { handle, user: None } => {
                debug!(target: "cloakroom", event, session = %handle, user = false, "the memory store is full: a session was evicted");
            }
            Event::Gone { handle, .. } => {
                let session = handle.map(display);
                debug!(target: "cloakroom", event, session, "a session was gone when it was to be changed");
            }
            Event::Conflict { handle, .. } => {
                let session = handle.map(display);
                debug!(target: "cloakroom", event, session, "an update was overtaken, and is tried again");
            }
            Event::Contention { handle, .. } => {
                let session = handle.map(display);
                debug!(target: "cloakroom", event, session, "an update was overtaken until the deadline");
            }
            Event::StoreAnswered { call, took } => {
                trace!(target: "cloakroom", event, call = call.as_str(), ?took, "the session store has answered");
            }
            Event::StoreFailed { call, took, error } => {
                let (call, took) = (call.map(StoreCall::as_str), took.map(tracing::field::debug));
                let error = error as &dyn std::error::Error;
                // The request that it was for tells of the error, and says what became of it.
                debug!(target: "cloakroom", event, call, took, error, "the session store has failed");
            }
            Event::StoreNotAsked { call } => {
                debug!(target: "cloakroom", event, call = call.as_str(), "the session store is away, and was not asked");
            }
            Event::StoreAway => {
                warn!(target: "cloakroom", event, "the session store is away: requests fail at once until it is back");
            }
            Event::StoreBack => info!(target: "cloakroom", event, "the session store is back"),
        }
    }
}

/// The answer of a store within a span of its own, where somebody looks at spans of that level; else just as it is.
pub(crate) fn in_span<'a, T: Send + 'a>(call: StoreCall, answer: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
    if !tracing::span_enabled!(target: "cloakroom", Level::TRACE) {
        return answer;
    }
    let span = tracing::trace_span!(target: "cloakroom", "store", call = call.as_str());
    StoreFuture::new(answer.instrument(span))
}
