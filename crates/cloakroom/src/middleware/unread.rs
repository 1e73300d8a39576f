//! A request's session that is written without being read.

use std::fmt;
use std::future::Future;
use std::pin::pin;

use http::request::Parts;
use http::{Extensions, HeaderMap, Request};
use serde::Serialize;

use super::load::Slot;
use super::ticket::Valid;
use crate::clock::Timestamp;
use crate::events::{Event, KeyHash, StoreCall};
use crate::record::Patch;
use crate::session::{AsKey, Elapsed, EndOfAll, Session, SessionError, SessionErrorKind};
use crate::store::{Applied, Guard, StoreError, Written};

/// A request's session that is written without being read: each call is one step of the store, where a [`Session`] is loaded
/// first, which is another.
///
/// For handlers that leave something behind and don't look at what is there: a counter, a choice, a log-out. What they write is
/// written at once, and stays even if the handler is cancelled later.
///
/// Where one step can't do it the session is loaded after all, and the outcome is that of a [`Session`]: where there is none yet
/// and one has to begin, where the ticket's has ended or has a new id, where the browser sent several tickets or one that an older
/// key has signed, where this request has loaded its session already, and for a while after
/// [`revoke_everything`](crate::Sessions::revoke_everything).
///
/// What it has not read it can't know. So a request that only writes does not put off the idle end, nor does it exchange an old
/// id; and the size limit is held against each value alone, not against all of the session.
///
/// ```
/// use cloakroom::{SessionError, UnreadSession};
///
/// async fn choose_theme(session: UnreadSession) -> Result<(), SessionError> {
///     session.insert("theme", "dark").await
/// }
/// async fn count_visit(session: UnreadSession) -> Result<String, SessionError> {
///     Ok(format!("visit number {}", session.increment("visits", 1).await?))
/// }
/// async fn log_out(session: UnreadSession) -> Result<(), SessionError> {
///     session.log_out().await
/// }
/// ```
#[derive(Clone)]
pub struct UnreadSession(Slot);

impl UnreadSession {
    /// The session of a request, as yet untouched. Handlers of axum simply take an `UnreadSession` as an argument.
    ///
    /// # Errors
    ///
    /// [`MissingLayer`](SessionErrorKind::MissingLayer) if no `SessionLayer` has seen the request.
    pub fn from_parts(parts: &Parts) -> Result<UnreadSession, SessionError> {
        find(&parts.extensions, &parts.headers)
    }

    /// The session of a whole request, as [`from_parts`](UnreadSession::from_parts).
    ///
    /// # Errors
    ///
    /// As [`from_parts`](UnreadSession::from_parts).
    pub fn from_request<B>(request: &Request<B>) -> Result<UnreadSession, SessionError> {
        find(request.extensions(), request.headers())
    }

    /// Loads it. What this request has written before is there.
    ///
    /// # Errors
    ///
    /// As [`Session::from_parts`].
    pub async fn read(&self) -> Result<Session, SessionError> {
        self.0.load().await
    }

    /// Sets a key, now.
    ///
    /// # Errors
    ///
    /// As [`Session::insert`] and [`Session::save`].
    pub async fn insert<T: Serialize>(&self, key: impl AsKey<T>, value: T) -> Result<(), SessionError> {
        let name = key.name();
        let mut patch = Patch::default();
        patch.set(name, self.0.session().value_alone(name, &value)?);
        if self.apply(&patch).await?.is_none() {
            let session = self.read().await?;
            session.insert(name, value)?;
            session.save().await?;
        }
        Ok(())
    }

    /// Removes a key, now; fine if it is not there.
    ///
    /// # Errors
    ///
    /// As [`Session::remove`] and [`Session::save`].
    pub async fn remove(&self, key: impl AsRef<str>) -> Result<(), SessionError> {
        let name = key.as_ref();
        let mut patch = Patch::default();
        if self.0.session().allows(name) {
            patch.unset(name);
        }
        if !patch.is_empty() && self.apply(&patch).await?.is_none() {
            let session = self.read().await?;
            session.remove(name)?;
            session.save().await?;
        }
        Ok(())
    }

    /// Adds to the integer of a key, now, and tells the true new number. A missing key counts as 0.
    ///
    /// # Errors
    ///
    /// As [`Session::increment`].
    pub async fn increment(&self, key: impl AsRef<str>, by: i64) -> Result<i64, SessionError> {
        let name = key.as_ref();
        let mut patch = Patch::default();
        // The longest number: its size is known to fit, whatever is there.
        self.0.session().value_alone(name, &i64::MIN)?;
        patch.add(name, by)?;
        match self.apply(&patch).await.map_err(|error| error.of_key(name))? {
            Some(written) => {
                let number = written.numbers.first().map(|(_, number)| *number);
                number.ok_or_else(|| SessionError::new(SessionErrorKind::WrongType).of_key(name))
            }
            None => self.read().await?.increment(name, by).await,
        }
    }

    /// Ends the session, now: it leaves the store, and the browser is told to drop its ticket.
    ///
    /// # Errors
    ///
    /// As [`Session::destroy`] and [`Session::save`].
    pub async fn destroy(&self) -> Result<(), SessionError> {
        if self.is_destroyed_unread().await? {
            self.0.load_destroyed();
            return Ok(());
        }
        let session = self.read().await?;
        session.destroy()?;
        session.save().await
    }

    /// Ends the session: what [`destroy`](UnreadSession::destroy) does.
    ///
    /// # Errors
    ///
    /// As [`destroy`](UnreadSession::destroy).
    pub async fn log_out(&self) -> Result<(), SessionError> {
        self.destroy().await
    }

    /// Applies a patch to a record that nobody has looked at; none where it has to be read first.
    async fn apply(&self, patch: &Patch) -> Result<Option<Written>, SessionError> {
        let Some(ticket) = self.only_ticket() else { return Ok(None) };
        let settings = &self.0.config().settings;
        let applied = self.unread(|now| {
            settings.ask(StoreCall::Apply, move |store| store.apply(&ticket.key, patch, &Guard::Exists, now))
        });
        match applied.await? {
            Some(Applied::Done(written)) => Ok(Some(written)),
            Some(Applied::WrongType) => Err(SessionError::new(SessionErrorKind::WrongType)),
            Some(Applied::Gone | Applied::Conflict) | None => Ok(None),
        }
    }

    /// Destroys a record that nobody has looked at. Tells whether it was there.
    async fn is_destroyed_unread(&self) -> Result<bool, SessionError> {
        // Express keeps with each session what its cookie is like, which has to be known to take it back.
        let Some(ticket) = self.only_ticket().filter(|_| !self.0.config().is_express) else { return Ok(false) };
        let settings = &self.0.config().settings;
        let destroyed = self
            .unread(|now| settings.ask(StoreCall::Destroy, move |store| store.destroy(&ticket.key, now)))
            .await?
            .unwrap_or(false);
        if destroyed {
            settings.observers.tell(Event::DestroyedUnread { hash: KeyHash::new(&ticket.key) });
        }
        Ok(destroyed)
    }

    /// The request's ticket, if there is no more to it.
    fn only_ticket(&self) -> Option<&Valid> {
        let ticket = self.0.known_ticket().filter(|_| !self.0.session().is_loaded())?;
        (ticket.next.is_none() && !ticket.outdated).then_some(ticket)
    }

    /// What a store makes of a call, within the request's deadline; none while sessions may have ended of which the store does not
    /// know.
    async fn unread<T, F>(&self, call: impl FnOnce(Timestamp) -> F) -> Result<Option<T>, SessionError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let settings = &self.0.config().settings;
        let now = settings.clock.now();
        let calling = pin!(async {
            if settings.end_of_all(now).await? != EndOfAll::default() {
                return Ok(None);
            }
            call(now).await.map(Some)
        });
        let answer = self.0.session().patience().wait_for(calling).await;
        Ok(answer.unwrap_or_else(|Elapsed| Err(settings.timed_out()))?)
    }
}

fn find(extensions: &Extensions, headers: &HeaderMap) -> Result<UnreadSession, SessionError> {
    let slot = extensions.get::<Slot>().ok_or_else(|| SessionError::new(SessionErrorKind::MissingLayer))?;
    slot.look_at(extensions, headers);
    Ok(UnreadSession(slot.clone()))
}

impl fmt::Debug for UnreadSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnreadSession(…)")
    }
}
