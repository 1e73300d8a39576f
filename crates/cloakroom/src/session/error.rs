//! What can go wrong with a session.

use std::error::Error;
use std::fmt;

use crate::record::{IdError, ValueError, WrongType};
use crate::store::StoreError;

/// Why a session could not be loaded, read or changed. Its text tells no id and no value.
///
/// As an axum rejection or response it is 503 with `Retry-After` where the store failed, 409 where the session is gone, 403
/// where the user may not ([`TooManySessions`](SessionErrorKind::TooManySessions), [`NotFresh`](SessionErrorKind::NotFresh),
/// [`NotLoggedIn`](SessionErrorKind::NotLoggedIn)) or a form token is wrong, and 500 otherwise. The response carries the kind as an extension, for a layer
/// that wants to answer otherwise.
#[derive(Debug)]
pub struct SessionError {
    kind: SessionErrorKind,
    key: Option<Box<str>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`SessionError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// No `SessionLayer` has seen the request: a mistake in the application's set-up.
    MissingLayer,
    /// The store failed; the source is its [`StoreError`].
    Store,
    /// Others kept changing the session for as long as the deadline lets `update` try.
    Contention,
    /// The session that the change was meant for is no longer there: it was destroyed, or its id was rotated away.
    Gone,
    /// The response has left, or leaves now: too late for a change that would need a cookie, or would wait for a commit.
    Closed,
    /// An earlier write of this session failed or was cancelled half-way, and with it the changes that it carried along.
    Unknown,
    /// The store was away when the session was to be loaded, and the layer lets requests go on without it
    /// ([`OnOutage::ReadAsAnonymous`](crate::OnOutage::ReadAsAnonymous)): nothing can be changed.
    ReadOnly,
    /// A value can't be kept, or is of another type than was asked for; the source is the `ValueError`.
    Value,
    /// A key of this name is the library's own (those that begin with `cloakroom:`), or the store can't keep it, or a value with such a key in it (see
    /// [`KeyRules`](crate::store::KeyRules)).
    KeyRefused,
    /// A number was to be added to what is no integer, or the sum would leave `i64`.
    WrongType,
    /// The session would grow beyond its size limit; or a name, a text or a label is longer than it may be.
    TooLarge,
    /// A user id, or a new session id, could not be made; the source is the `IdError`.
    Id,
    /// The store can't list or revoke sessions by user: it has no directory.
    NoDirectory,
    /// A log-in by a user who has as many sessions as may be
    /// ([`session_limit`](crate::SessionLayerBuilder::session_limit)). It is a 403 and no 409: to try again does not help before
    /// another session has ended.
    TooManySessions,
    /// Nobody is logged in, so nobody can have been authenticated again.
    NotLoggedIn,
    /// The user proved who they are too long ago.
    NotFresh,
    /// The layer does not look for the end of all sessions
    /// ([`global_revocation`](crate::SessionLayerBuilder::global_revocation)).
    NoGlobalRevocation,
    /// The request brought no form token of this session (see
    /// [`verify_form_token`](crate::Session::verify_form_token)).
    FormToken,
}

use SessionErrorKind as Kind;

impl SessionError {
    pub(crate) fn new(kind: SessionErrorKind) -> SessionError {
        SessionError { kind, key: None, source: None }
    }

    pub(crate) fn of_key(mut self, key: &str) -> SessionError {
        self.key = Some(key.into());
        self
    }

    fn with_source(kind: SessionErrorKind, source: impl Error + Send + Sync + 'static) -> SessionError {
        SessionError { kind, key: None, source: Some(Box::new(source)) }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> SessionErrorKind {
        self.kind
    }

    /// The session key that it is about, if it is about one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::MissingLayer => {
                "no SessionLayer has seen this request: add `.layer(SessionLayer::new(store, keys))` to the router, \
                 outside of the routes that use sessions"
            }
            Kind::Store => "the session store failed",
            Kind::Contention => "the session was changed by others again and again until the deadline",
            Kind::Gone => "the session is gone: it was destroyed, or has a new id",
            Kind::Closed => "the response has left: too late for this change of the session",
            Kind::Unknown => "an earlier write of this session has failed or was cancelled half-way",
            Kind::ReadOnly => "the session store is away: nothing of the session can be changed",
            Kind::Value => "a session value can't be kept or read",
            Kind::KeyRefused => "a session can't have a key of this name",
            Kind::WrongType => "only an integer of the session can be added to, within the range of i64",
            Kind::TooLarge => "the session, or a text of it, would grow beyond its size limit",
            Kind::Id => "an id could not be made",
            Kind::NoDirectory => "the session store can't look up sessions by user",
            Kind::TooManySessions => "the user has as many sessions as may be",
            Kind::NotLoggedIn => "nobody is logged in",
            Kind::NotFresh => "the user proved who they are too long ago",
            Kind::NoGlobalRevocation => "the layer does not look for the end of all sessions",
            Kind::FormToken => "the request has no form token of this session",
        })?;
        match &self.key {
            Some(key) => write!(f, " (key {key:?})"),
            None => Ok(()),
        }
    }
}

impl Error for SessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for SessionError {
    fn from(source: StoreError) -> SessionError {
        SessionError::with_source(Kind::Store, source)
    }
}

impl From<ValueError> for SessionError {
    fn from(source: ValueError) -> SessionError {
        SessionError::with_source(Kind::Value, source)
    }
}

impl From<WrongType> for SessionError {
    fn from(source: WrongType) -> SessionError {
        SessionError::with_source(Kind::WrongType, source)
    }
}

impl From<IdError> for SessionError {
    fn from(source: IdError) -> SessionError {
        SessionError::with_source(Kind::Id, source)
    }
}
