//! An observer that remembers.

use std::sync::{Arc, Mutex};

use axum::Router;
use cloakroom::SessionLayerBuilder;
use cloakroom::events::{Event, Observer};

use crate::support::{Site, routes};

#[derive(Clone, Default)]
pub(crate) struct Seen {
    told: Arc<Mutex<Vec<String>>>,
    /// The answers of the store too.
    all: bool,
}

impl Seen {
    pub(crate) fn with_answers() -> Seen {
        Seen { all: true, ..Seen::default() }
    }

    /// What was told since the last time: the name of each event, the user, and what is its own.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

impl Observer for Seen {
    fn observe(&self, event: &Event<'_>) {
        if self.all || !matches!(event, Event::StoreAnswered { .. }) {
            self.told.lock().unwrap().push(told(event));
        }
    }
}

pub(crate) fn told(event: &Event<'_>) -> String {
    let own = match *event {
        Event::BadTicket { count, .. } | Event::Expired { count, .. } => count.to_string(),
        Event::LoggedIn { method, .. } => method.unwrap_or_default().into(),
        Event::Revoked { by, .. } => by.as_str().into(),
        Event::RevokedAll { count, by, except, .. } => {
            format!("{count} {}{}", by.as_str(), if except.is_some() { " but one" } else { "" })
        }
        Event::StoreAnswered { call, .. } | Event::StoreNotAsked { call, .. } => call.to_string(),
        Event::StoreFailed { call, error, .. } => {
            format!("{} {:?}", call.map_or("-", |call| call.as_str()), error.kind())
        }
        _ => String::new(),
    };
    let user = event.user().map(|user| user.to_string()).unwrap_or_default();
    [event.name(), &user, &own].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A site that is watched.
pub(crate) fn watched() -> (Site, Seen) {
    watched_with(routes(), |builder| builder)
}

pub(crate) fn watched_with(
    routes: Router,
    settings: impl FnOnce(SessionLayerBuilder) -> SessionLayerBuilder,
) -> (Site, Seen) {
    let seen = Seen::default();
    let site = Site::with(routes, |builder| settings(builder.observer(seen.clone())));
    (site, seen)
}
