//! From a request to its session: the first one that asks makes it load.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::{Extensions, HeaderMap, Request};
use tokio::sync::OnceCell;

use super::config::Config;
use super::ticket;
use crate::session::{Session, SessionError, SessionErrorKind, within};
use crate::store::{Loaded, StoreError, StoreErrorKind};

/// The place of a request's session, empty until somebody asks for it.
#[derive(Clone, Debug)]
pub(super) struct Slot(Arc<Place>);

#[derive(Debug)]
struct Place {
    config: Arc<Config>,
    session: OnceCell<Session>,
    /// The response has left: a session that is loaded now can't be committed.
    closed: AtomicBool,
}

impl Slot {
    pub(super) fn new(config: Arc<Config>) -> Slot {
        Slot(Arc::new(Place { config, session: OnceCell::new(), closed: AtomicBool::new(false) }))
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

    async fn load(&self, headers: &HeaderMap) -> Result<Session, SessionError> {
        let session = match self.0.session.get() {
            Some(session) => session,
            // Boxed, since the futures of the handlers that wait for it hold it, and those are moved about.
            None => Box::pin(self.0.session.get_or_try_init(|| load(&self.0.config, headers))).await?,
        };
        if self.0.closed.load(Ordering::SeqCst) {
            session.close();
        }
        Ok(session.clone())
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
    pub async fn from_parts(parts: &Parts) -> Result<Session, SessionError> {
        find(&parts.extensions, &parts.headers).await
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

async fn find(extensions: &Extensions, headers: &HeaderMap) -> Result<Session, SessionError> {
    let slot = extensions.get::<Slot>().ok_or_else(|| SessionError::new(SessionErrorKind::MissingLayer))?;
    slot.load(headers).await
}

async fn load(config: &Config, headers: &HeaderMap) -> Result<Session, SessionError> {
    let settings = &config.settings;
    let Some(ticket) = ticket::find(config, headers) else { return Ok(Session::empty(settings.clone(), false)) };
    let answer = within(settings.deadline, pin!(settings.store.load(&ticket.key, settings.clock.now()))).await;
    let loaded = match answer {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Err(StoreError::new(StoreErrorKind::Timeout).into()),
    };
    Ok(match loaded {
        Loaded::Found(found) => Session::found(settings.clone(), ticket.key, found, ticket.outdated),
        Loaded::Superseded => Session::empty(settings.clone(), true),
        Loaded::Missing => Session::empty(settings.clone(), false),
    })
}
