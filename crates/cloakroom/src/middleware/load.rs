//! From a request to its session: the first one that asks makes it load.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};

use http::request::Parts;
use http::{Extensions, HeaderMap, Request};

use super::config::{Config, OnOutage};
use super::ticket::{self, Tickets, Valid};
use crate::clock::Timestamp;
use crate::events::{Event, KeyHash, StoreCall, in_span};
use crate::session::{Elapsed, EndOfAll, Policy, Session, SessionError, SessionErrorKind, State};
use crate::store::{Answer, Loaded, StoreError};

/// The place of a request's session, which is made and loaded when somebody asks for it.
#[derive(Clone)]
pub(super) struct Slot(Arc<Place>);

struct Place {
    config: Arc<Config>,
    ticket: OnceLock<Option<Valid>>,
    /// Most requests of a site are for what knows no session, so that none is made for them.
    session: OnceLock<Session>,
    /// The response has left: a session that is loaded now can't be committed.
    has_left: AtomicBool,
}

impl Slot {
    pub(super) fn new(config: Arc<Config>) -> Slot {
        let place =
            Place { config, ticket: OnceLock::new(), session: OnceLock::new(), has_left: AtomicBool::new(false) };
        Slot(Arc::new(place))
    }

    pub(super) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The handler has answered. The session, if anybody has loaded it; who does so from now on gets a closed one.
    pub(super) fn leave(&self) -> Option<&Session> {
        if Arc::strong_count(&self.0) > 1 {
            // Who loads the session asks for this afterwards: either that is seen here, or this there.
            self.0.has_left.swap(true, Ordering::AcqRel);
        } else {
            // Nobody else has the slot, nor ever will; and what those have done who had it is seen.
            fence(Ordering::Acquire);
        }
        self.loaded_session()
    }

    /// There is no response: nothing will be committed.
    pub(super) fn close(&self) {
        if let Some(session) = self.leave() {
            session.close();
        }
    }

    /// The session in this state, unless it was loaded meanwhile.
    fn fill(&self, state: impl FnOnce(Policy) -> State) -> &Session {
        let settings = &self.config().settings;
        let mut state = Some(state(settings.policy));
        let session = self.0.session.get_or_init(|| Session::new(settings.clone(), state.take()));
        if let Some(state) = state {
            session.load(state);
        }
        // To write what is there already orders this and `leave`, as a load alone would not.
        if self.0.has_left.fetch_or(false, Ordering::AcqRel) {
            session.close();
        }
        session
    }

    /// Notes of the request what has to be known before its session is loaded, or written without.
    pub(super) fn look_at(&self, extensions: &Extensions, headers: &HeaderMap) {
        let config = self.config();
        if !config.notes.is_nothing() {
            self.session().note(|| config.notes.of(extensions, headers));
        }
        self.0.ticket.get_or_init(|| {
            let Tickets { valid, bad } = ticket::find(config, headers);
            if bad > 0 {
                config.settings.observers.tell(Event::BadTicket { count: bad });
            }
            valid
        });
    }

    /// The first of the request's good tickets, as far as somebody has looked.
    pub(super) fn known_ticket(&self) -> Option<&Valid> {
        self.0.ticket.get()?.as_ref()
    }

    fn loaded_session(&self) -> Option<&Session> {
        self.0.session.get().filter(|session| session.is_loaded())
    }

    /// The session, loaded or not.
    pub(super) fn session(&self) -> &Session {
        self.0.session.get_or_init(|| Session::new(self.config().settings.clone(), None))
    }

    /// Nobody needs to load it any more: it was destroyed.
    pub(super) fn load_destroyed(&self) {
        self.fill(State::destroyed_unread);
    }

    /// The session, loaded if nobody has asked for it before. Who asks at the same time may make the store load twice, but all
    /// get the same session. Somebody has looked at the request before.
    pub(super) fn load(&self) -> Answer<'_, Result<Session, SessionError>> {
        if let Some(session) = self.loaded_session() {
            return Answer::ready(Ok(session.clone()));
        }
        let settings = &self.config().settings;
        let Some(ticket) = self.known_ticket() else {
            return Answer::ready(Ok(self.fill(|policy| State::empty(policy, false)).clone()));
        };
        let now = settings.clock.now();
        let Some(end) = settings.known_end_of_all(now) else {
            return Answer::wait_for(self.wait_to_load(now, async move {
                let end = settings.end_of_all(now).await?;
                let first = settings.ask(StoreCall::Load, |store| store.load(&ticket.key, now)).await?;
                self.load_first_living(ticket, end, first, now).await
            }));
        };
        let asked = match settings.admit(StoreCall::Load) {
            Ok(asked) => asked,
            Err(away) => return Answer::ready(self.failed(away)),
        };
        let first = in_span(StoreCall::Load, settings.store.load(&ticket.key, now)).into_answer();
        match first {
            Answer::Ready(first) if ticket.next.is_none() => {
                let first = first.into_inner();
                settings.heard(&asked, &first);
                Answer::ready(match first {
                    Ok(loaded) => Ok(self.loaded(ticket, end.without_ended(loaded), now)),
                    Err(error) => self.failed(error),
                })
            }
            first => Answer::wait_for(self.wait_to_load(now, async move {
                let first = first.await;
                settings.heard(&asked, &first);
                self.load_first_living(ticket, end, first?, now).await
            })),
        }
    }

    async fn wait_to_load<'a>(
        &'a self,
        now: Timestamp,
        loading: impl Future<Output = Result<(&'a Valid, Loaded), StoreError>>,
    ) -> Result<Session, SessionError> {
        let loading = self.session().patience().wait_for(pin!(loading)).await;
        match loading.unwrap_or_else(|Elapsed| Err(self.config().settings.timed_out())) {
            Ok((ticket, loaded)) => Ok(self.loaded(ticket, loaded, now)),
            Err(error) => self.failed(error),
        }
    }

    /// The first ticket whose session lives. If there is none, whether one was rotated away a moment ago.
    async fn load_first_living<'a>(
        &'a self,
        mut ticket: &'a Valid,
        end: EndOfAll,
        mut loaded: Loaded,
        now: Timestamp,
    ) -> Result<(&'a Valid, Loaded), StoreError> {
        let settings = &self.config().settings;
        let mut superseded = None;
        loop {
            let answer = end.without_ended(loaded);
            if matches!(answer, Loaded::Superseded) {
                superseded = Some(ticket);
            }
            match (&answer, &ticket.next, superseded) {
                (Loaded::Superseded | Loaded::Missing, Some(next), _) => ticket = next,
                (Loaded::Missing, None, Some(superseded)) => return Ok((superseded, Loaded::Superseded)),
                _ => return Ok((ticket, answer)),
            }
            loaded = settings.ask(StoreCall::Load, |store| store.load(&ticket.key, now)).await?;
        }
    }

    fn loaded(&self, ticket: &Valid, loaded: Loaded, now: Timestamp) -> Session {
        let (observers, hash) = (&self.config().settings.observers, KeyHash::new(&ticket.key));
        let session = match loaded {
            Loaded::Found(found) => {
                observers.tell(Event::Loaded { handle: &found.handle, user: found.record.user.as_ref() });
                self.fill(|policy| State::found(policy, ticket.key.clone(), found, ticket.outdated, now))
            }
            Loaded::Superseded => {
                observers.tell(Event::Superseded { hash });
                self.fill(|policy| State::empty(policy, true))
            }
            Loaded::Missing => {
                observers.tell(Event::Missing { hash });
                self.fill(|policy| State::empty(policy, false))
            }
        };
        session.clone()
    }

    fn failed(&self, error: StoreError) -> Result<Session, SessionError> {
        if self.config().on_outage == OnOutage::ReadAsAnonymous && error.is_outage() {
            tracing::debug!(error = &error as &dyn std::error::Error, "a session reads as empty");
            return Ok(self.fill(State::read_only).clone());
        }
        Err(error.into())
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot(…)")
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
        Some(slot) => {
            slot.look_at(extensions, headers);
            slot.load()
        }
        None => Answer::ready(Err(SessionError::new(SessionErrorKind::MissingLayer))),
    }
}
