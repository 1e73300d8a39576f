//! Something that has happened.

use std::time::Duration;

use super::{KeyHash, StoreCall};
use crate::record::{Handle, UserId};
use crate::store::StoreError;

/// Something that has happened to a session, to a user's sessions, or to the store.
///
/// A session is named by its handle, which opens nothing; or, where the library knows none, by a [hash](KeyHash) of its id. The
/// user is there where the library knows one: that is personal data, and `tracing` is not told it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A session began: the store has it.
    #[non_exhaustive]
    Created {
        /// The session.
        handle: &'a Handle,
        /// Its user, where it began with a log-in.
        user: Option<&'a UserId>,
    },
    /// A request has loaded its session.
    #[non_exhaustive]
    Loaded {
        /// The session.
        handle: &'a Handle,
        /// Its user, if somebody has logged in.
        user: Option<&'a UserId>,
    },
    /// A request brought a good ticket whose session is no more: it has expired, or was ended. Every old tab does that; so does
    /// who has a stolen ticket of a session that was ended.
    #[non_exhaustive]
    Missing {
        /// What the ticket was for.
        hash: KeyHash<'a>,
    },
    /// A request brought a ticket that was good a moment ago, and has a successor: it was under way while the session got
    /// its new id.
    #[non_exhaustive]
    Superseded {
        /// What the ticket was for.
        hash: KeyHash<'a>,
    },
    /// A request brought cookies of the session cookie's name that none of our keys has signed: somebody has tried, or
    /// the key is no longer in the ring. Told once for a request that asks for its session, even if a good one was among them.
    #[non_exhaustive]
    BadTicket {
        /// How many cookies.
        count: usize,
    },
    /// A session has a new id.
    #[non_exhaustive]
    Rotated {
        /// The session, by the handle that it has now.
        handle: &'a Handle,
        /// Its user, if somebody has logged in.
        user: Option<&'a UserId>,
    },
    /// A user has logged in, and that is stored.
    #[non_exhaustive]
    LoggedIn {
        /// The session.
        handle: &'a Handle,
        /// Who.
        user: &'a UserId,
        /// How, where [`log_in_by`](crate::Session::log_in_by) has said so.
        method: Option<&'a str>,
    },
    /// A user has proved once more who they are ([`reauthenticated`](crate::Session::reauthenticated)), and that is stored.
    #[non_exhaustive]
    Reauthenticated {
        /// The session.
        handle: &'a Handle,
        /// Who.
        user: &'a UserId,
    },
    /// A log-in was denied, since the user has as many sessions as may be
    /// ([`session_limit`](crate::SessionLayerBuilder::session_limit)). A wrong password is the application's to tell.
    #[non_exhaustive]
    LogInDenied {
        /// Who.
        user: &'a UserId,
    },
    /// A user's session was ended from within ([`log_out`](crate::Session::log_out), [`destroy`](crate::Session::destroy)).
    #[non_exhaustive]
    LoggedOut {
        /// The session.
        handle: &'a Handle,
        /// Whose it was.
        user: &'a UserId,
    },
    /// A visitor's session was ended from within.
    #[non_exhaustive]
    Destroyed {
        /// The session.
        handle: &'a Handle,
    },
    /// A session was ended from within by a request that has not read it ([`UnreadSession`](crate::UnreadSession)), so that nobody
    /// knows whose it was.
    #[non_exhaustive]
    DestroyedUnread {
        /// What its ticket was for.
        hash: KeyHash<'a>,
    },
    /// One of a user's sessions was ended from elsewhere.
    #[non_exhaustive]
    Revoked {
        /// The session.
        handle: &'a Handle,
        /// Whose it was.
        user: &'a UserId,
        /// From where.
        by: RevokedBy,
    },
    /// A user's sessions were ended from elsewhere, all or all but one.
    #[non_exhaustive]
    RevokedAll {
        /// Whose they were.
        user: &'a UserId,
        /// The one that was left.
        except: Option<&'a Handle>,
        /// How many have ended; at least one.
        count: u64,
        /// From where.
        by: RevokedBy,
    },
    /// Everybody's sessions were ended ([`revoke_everything`](crate::Sessions::revoke_everything)), from this process.
    EverythingRevoked,
    /// Sessions had expired and were removed: by [`Sessions::sweep`](crate::Sessions::sweep), or by the memory store for a new
    /// one.
    #[non_exhaustive]
    Expired {
        /// How many; at least one.
        count: usize,
    },
    /// A live session had to leave a memory store that is full. Only the store's own observers are told
    /// ([`MemoryStore::with_observer`](crate::store::MemoryStore::with_observer)).
    #[non_exhaustive]
    Evicted {
        /// The session.
        handle: &'a Handle,
        /// Whose it was, if somebody had logged in.
        user: Option<&'a UserId>,
    },
    /// A request's changes met a session that had ended or got a new id meanwhile: they were not written, and the answer is a 409.
    /// Told once for a request.
    #[non_exhaustive]
    Gone {
        /// The session as the request had loaded it.
        handle: Option<&'a Handle>,
        /// Its user then.
        user: Option<&'a UserId>,
    },
    /// An [`update`](crate::Session::update) was overtaken by another change, and is tried again.
    #[non_exhaustive]
    Conflict {
        /// The session.
        handle: Option<&'a Handle>,
        /// Its user, if somebody has logged in.
        user: Option<&'a UserId>,
    },
    /// An [`update`](crate::Session::update) was overtaken until the deadline, and given up.
    #[non_exhaustive]
    Contention {
        /// The session.
        handle: Option<&'a Handle>,
        /// Its user, if somebody has logged in.
        user: Option<&'a UserId>,
    },
    /// The store has answered.
    #[non_exhaustive]
    StoreAnswered {
        /// What it was asked for.
        call: StoreCall,
        /// How long that took.
        took: Duration,
    },
    /// The store has failed, or let the deadline pass.
    #[non_exhaustive]
    StoreFailed {
        /// What it was asked for; none at the deadline, which is for all calls of a request together.
        call: Option<StoreCall>,
        /// How long that took; none at the deadline.
        took: Option<Duration>,
        /// Why. It names no id and no value.
        error: &'a StoreError,
    },
    /// The store was not asked, since it is known to be away: the request fails at once.
    #[non_exhaustive]
    StoreNotAsked {
        /// What it would have been asked for.
        call: StoreCall,
    },
    /// The store has failed so often in a row that requests fail at once, but for a few that find out whether it is back.
    StoreAway,
    /// The store is back.
    StoreBack,
}

/// From where a session was ended that is not the one that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokedBy {
    /// From another session of the same user, such as on a devices page.
    Device,
    /// From outside of any session, by [`Sessions`](crate::Sessions): an administrator, or a job.
    Operator,
    /// By a log-in, to make room for it ([`session_limit`](crate::SessionLayerBuilder::session_limit)).
    Limit,
}

impl<'a> Event<'a> {
    /// Its name for logs and tables, such as `logged_in`. It does not change between versions.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Created { .. } => "created",
            Event::Loaded { .. } => "loaded",
            Event::Missing { .. } => "missing",
            Event::Superseded { .. } => "superseded",
            Event::BadTicket { .. } => "bad_ticket",
            Event::Rotated { .. } => "rotated",
            Event::LoggedIn { .. } => "logged_in",
            Event::Reauthenticated { .. } => "reauthenticated",
            Event::LogInDenied { .. } => "log_in_denied",
            Event::LoggedOut { .. } => "logged_out",
            Event::Destroyed { .. } => "destroyed",
            Event::DestroyedUnread { .. } => "destroyed_unread",
            Event::Revoked { .. } => "revoked",
            Event::RevokedAll { .. } => "revoked_all",
            Event::EverythingRevoked => "everything_revoked",
            Event::Expired { .. } => "expired",
            Event::Evicted { .. } => "evicted",
            Event::Gone { .. } => "gone",
            Event::Conflict { .. } => "conflict",
            Event::Contention { .. } => "contention",
            Event::StoreAnswered { .. } => "store_answered",
            Event::StoreFailed { .. } => "store_failed",
            Event::StoreNotAsked { .. } => "store_not_asked",
            Event::StoreAway => "store_away",
            Event::StoreBack => "store_back",
        }
    }

    /// The session that it is about, where that has a handle.
    pub fn handle(&self) -> Option<&'a Handle> {
        match *self {
            Event::Created { handle, .. }
            | Event::Loaded { handle, .. }
            | Event::Rotated { handle, .. }
            | Event::LoggedIn { handle, .. }
            | Event::Reauthenticated { handle, .. }
            | Event::LoggedOut { handle, .. }
            | Event::Destroyed { handle }
            | Event::Revoked { handle, .. }
            | Event::Evicted { handle, .. } => Some(handle),
            Event::Gone { handle, .. } | Event::Conflict { handle, .. } | Event::Contention { handle, .. } => handle,
            _ => None,
        }
    }

    /// The user that it is about, where the library knows one.
    pub fn user(&self) -> Option<&'a UserId> {
        match *self {
            Event::LoggedIn { user, .. }
            | Event::Reauthenticated { user, .. }
            | Event::LogInDenied { user }
            | Event::LoggedOut { user, .. }
            | Event::Revoked { user, .. }
            | Event::RevokedAll { user, .. } => Some(user),
            Event::Created { user, .. }
            | Event::Loaded { user, .. }
            | Event::Rotated { user, .. }
            | Event::Evicted { user, .. }
            | Event::Gone { user, .. }
            | Event::Conflict { user, .. }
            | Event::Contention { user, .. } => user,
            _ => None,
        }
    }
}

impl RevokedBy {
    /// Its name for logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            RevokedBy::Device => "device",
            RevokedBy::Operator => "operator",
            RevokedBy::Limit => "limit",
        }
    }
}
