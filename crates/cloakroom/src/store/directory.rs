//! Whose sessions there are.

use std::fmt::Debug;
use std::sync::Arc;

use super::StoreFuture;
use crate::clock::Timestamp;
use crate::record::{Data, Handle, UserId};

/// Finds sessions by their user, for a devices page and for operators.
///
/// It sees live records only, and its answers hold no data of the application and no id.
pub trait Directory: Debug + Send + Sync {
    /// A user's sessions, the last seen first.
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>>;

    /// How many sessions a user has.
    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64>;

    /// Ends one session of a user; tells whether the user had it.
    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool>;

    /// Ends all sessions of a user, but for the one with the handle `except`; tells how many.
    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64>;

    /// At most `limit` sessions of anybody, in the order of their handles, beginning behind `after`.
    ///
    /// The last entry's handle asks for the next page. A session that lives all the while is on exactly one page.
    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>>;
}

/// What a directory tells of a session.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Its public name.
    pub handle: Handle,
    /// Whose it is.
    pub user: Option<UserId>,
    /// When it began.
    pub created: Timestamp,
    /// When it was last touched (see [`Record::seen`](crate::record::Record::seen)).
    pub seen: Timestamp,
    /// When it ends if nobody touches it.
    pub end: Timestamp,
    /// Its metadata.
    pub metadata: Arc<Data>,
}

impl Entry {
    /// An entry of a record that has this handle.
    pub fn new(handle: Handle, record: &crate::record::Record) -> Entry {
        Entry {
            handle,
            user: record.user.clone(),
            created: record.created,
            seen: record.seen,
            end: record.end(),
            metadata: record.metadata.clone(),
        }
    }
}
