//! From a request to its session: the first one that asks makes it load.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::request::Parts;
use http::{Extensions, HeaderMap, Request};

use super::config::{Config, OnOutage};
use super::ticket::{self, Valid};
use crate::clock::Timestamp;
use crate::session::{Elapsed, Patience, Session, SessionError, SessionErrorKind};
use crate::store::{Answer, Loaded, StoreError};

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
            return Answer::ready(Ok(self.keep(Session::empty(settings.clone(), self.patience(), false))));
        };
        let now = settings.clock.now();
        let first = match settings.breaker.admit() {
            Ok(()) => settings.store.load(&ticket.key, now).into_answer(),
            Err(away) => return Answer::ready(self.failed(away, self.patience())),
        };
        match first {
            Answer::Ready(first) if ticket.next.is_none() => {
                let first = first.into_inner();
                settings.breaker.heard(&first);
                Answer::ready(match first {
                    Ok(loaded) => Ok(self.loaded(ticket, loaded, self.patience())),
                    Err(error) => self.failed(error, self.patience()),
                })
            }
            first => Answer::wait_for(async move {
                let patience = self.patience();
                let loading = patience.wait_for(pin!(self.load_first_living(ticket, first, now))).await;
                match loading.unwrap_or_else(|Elapsed| Err(settings.timed_out())) {
                    Ok((ticket, loaded)) => Ok(self.loaded(ticket, loaded, patience)),
                    Err(error) => self.failed(error, patience),
                }
            }),
        }
    }

    /// The first ticket whose session lives. If there is none, whether one was rotated away a moment ago.
    async fn load_first_living<'a>(
        &'a self,
        mut ticket: &'a Valid,
        first: Answer<'a, Result<Loaded, StoreError>>,
        now: Timestamp,
    ) -> Result<(&'a Valid, Loaded), StoreError> {
        let settings = &self.0.config.settings;
        let mut loaded = first.await;
        settings.breaker.heard(&loaded);
        let mut superseded = false;
        loop {
            let answer = loaded?;
            superseded |= matches!(answer, Loaded::Superseded);
            match (&answer, &ticket.next) {
                (Loaded::Superseded | Loaded::Missing, Some(next)) => ticket = next,
                (Loaded::Missing, None) if superseded => return Ok((ticket, Loaded::Superseded)),
                _ => return Ok((ticket, answer)),
            }
            loaded = settings.ask(|store| store.load(&ticket.key, now)).await;
        }
    }

    fn loaded(&self, ticket: &Valid, loaded: Loaded, patience: Patience) -> Session {
        let settings = self.0.config.settings.clone();
        self.keep(match loaded {
            Loaded::Found(found) => Session::found(settings, patience, ticket.key.clone(), found, ticket.outdated),
            Loaded::Superseded => Session::empty(settings, patience, true),
            Loaded::Missing => Session::empty(settings, patience, false),
        })
    }

    fn failed(&self, error: StoreError, patience: Patience) -> Result<Session, SessionError> {
        if self.0.config.on_outage == OnOutage::ReadAsAnonymous && error.is_outage() {
            tracing::debug!(error = &error as &dyn std::error::Error, "a session reads as empty");
            return Ok(self.keep(Session::read_only(self.0.config.settings.clone(), patience)));
        }
        Err(error.into())
    }

    fn patience(&self) -> Patience {
        Patience::new(self.0.config.settings.deadline)
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
