//! Whose sessions there are.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::StoreFuture;
use crate::clock::Timestamp;
use crate::record::facts::Facts;
use crate::record::{Data, Handle, UserId, ValueError};

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
    /// Its metadata, by the names that it is kept under; the methods tell what they mean.
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

    /// What its browser calls itself, at most 256 bytes of it. It is the browser's own word: escape it, and believe nothing of
    /// it. None unless the layer [keeps it](crate::SessionLayerBuilder::keep_user_agent).
    pub fn user_agent(&self) -> Option<String> {
        self.facts().user_agent()
    }

    /// Where its last touch came from, or the network of it. None unless the layer
    /// [keeps it](crate::SessionLayerBuilder::keep_address).
    pub fn address(&self) -> Option<IpAddr> {
        self.facts().address()
    }

    /// When its user logged in; none while nobody has.
    pub fn logged_in_at(&self) -> Option<Timestamp> {
        self.facts().logged_in_at()
    }

    /// How its user logged in, where [`log_in_by`](crate::Session::log_in_by) has said so.
    pub fn log_in_method(&self) -> Option<String> {
        self.facts().log_in_method()
    }

    /// When its user last proved who they are, by logging in or in the midst of the session.
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.facts().authenticated_at()
    }

    /// What its user calls it ([`set_label`](crate::Session::set_label)).
    pub fn label(&self) -> Option<String> {
        self.facts().label()
    }

    /// A value of the application's own ([`set_metadata`](crate::Session::set_metadata)).
    ///
    /// # Errors
    ///
    /// If it is of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ValueError> {
        self.facts().of_application(key)
    }

    fn facts(&self) -> Facts<'_> {
        Facts(&self.metadata)
    }
}
