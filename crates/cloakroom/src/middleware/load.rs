//! From a request to its session: the first one that asks makes it load.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::request::Parts;
use http::{Extensions, HeaderMap, Request};

use super::config::Config;
use super::ticket::{self, Valid};
use crate::clock::Timestamp;
use crate::session::{Session, SessionError, SessionErrorKind, within};
use crate::store::{Answer, Loaded, StoreError, StoreErrorKind};

/// The place of a request's session, empty until somebody asks for it.
#[derive(Clone, Debug)]
pub(super) struct Slot(Arc<Place>);

#[derive(Debug)]
struct Place {
    config: Arc<Config>,
    ticket: OnceLock<Option<Valid>>,
    session: OnceLock<Session>,
    /// The response has left: a session that is loaded now can't be committed.
    closed: AtomicBool,
}

impl Slot {
    pub(super) fn new(config: Arc<Config>) -> Slot {
        Slot(Arc::new(Place {
            config,
            ticket: OnceLock::new(),
            session: OnceLock::new(),
            closed: AtomicBool::new(false),
        }))
    }

    pub(super) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The handler has answered. The session, if anybody has asked for it; who asks from now on gets a closed one.
    pub(super) fn leave(&self) -> Option<&Session> {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.session.get()
    }

    /// There is no response: nothing will be committed.
    pub(super) fn close(&self) {
        if let Some(session) = self.leave() {
            session.close();
        }
    }

    /// The session, loaded if nobody has asked for it before. Who asks at the same time may make the store load twice, but all
    /// get the same session.
    fn session<'a>(&'a self, headers: &HeaderMap) -> Answer<'a, Result<Session, SessionError>> {
        if let Some(session) = self.0.session.get() {
            return Answer::ready(Ok(self.give(session)));
        }
        let settings = &self.0.config.settings;
        let Some(ticket) = self.0.ticket.get_or_init(|| ticket::find(&self.0.config, headers)) else {
            return Answer::ready(Ok(self.keep(Session::empty(settings.clone(), false))));
        };
        let now = settings.clock.now();
        match settings.store.load(&ticket.key, now).into_answer() {
            Answer::Ready(loaded) => Answer::ready(self.loaded(ticket, loaded.into_inner(), now)),
            Answer::Boxed(loading) => Answer::wait_for(async move {
                let loaded = within(settings.deadline, pin!(loading)).await;
                let loaded = loaded.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Timeout)));
                self.loaded(ticket, loaded, now)
            }),
        }
    }

    fn loaded(
        &self,
        ticket: &Valid,
        loaded: Result<Loaded, StoreError>,
        now: Timestamp,
    ) -> Result<Session, SessionError> {
        let settings = self.0.config.settings.clone();
        Ok(self.keep(match loaded? {
            Loaded::Found(found) => Session::found(settings, ticket.key.clone(), found, ticket.outdated, now),
            Loaded::Superseded => Session::empty(settings, true),
            Loaded::Missing => Session::empty(settings, false),
        }))
    }

    fn keep(&self, session: Session) -> Session {
        self.give(self.0.session.get_or_init(|| session))
    }

    fn give(&self, session: &Session) -> Session {
        if self.0.closed.load(Ordering::SeqCst) {
            session.close();
        }
        session.clone()
    }
}

impl Session {
    /// The session of a request, loaded. The second call gives the same one.
    ///
    /// Handlers of axum simply take a `Session` as an argument. This is for extractors of your own, such as one of the
    /// logged-in user, and for services without axum (see [`from_request`](Session::from_request)).
    ///
    /// # Errors
    ///
    /// [`MissingLayer`](SessionErrorKind::MissingLayer) if no `SessionLayer` has seen the request,
    /// [`Store`](SessionErrorKind::Store) if the store fails.
    pub fn from_parts(parts: &Parts) -> impl Future<Output = Result<Session, SessionError>> + Send {
        find(&parts.extensions, &parts.headers)
    }

    /// The session of a whole request, as [`from_parts`](Session::from_parts).
    ///
    /// # Errors
    ///
    /// As [`from_parts`](Session::from_parts).
    pub fn from_request<B>(request: &Request<B>) -> impl Future<Output = Result<Session, SessionError>> + Send {
        find(request.extensions(), request.headers())
    }
}

fn find<'a>(extensions: &'a Extensions, headers: &HeaderMap) -> Answer<'a, Result<Session, SessionError>> {
    match extensions.get::<Slot>() {
        Some(slot) => slot.session(headers),
        None => Answer::ready(Err(SessionError::new(SessionErrorKind::MissingLayer))),
    }
}
