//! What a store keeps: a [`Record`] under a [`StoreKey`], and the [`Patch`] that changes it.

mod data;
pub(crate) mod facts;
mod finite;
mod id;
mod patch;
mod text;
mod value;

pub use data::Data;
pub(crate) use id::random;
pub use id::{Handle, IdError, SessionId, StoreKey, UserId};
pub(crate) use patch::sum;
pub use patch::{Change, Expiry, Numbers, Patch, WrongType};
pub(crate) use value::JsonFault;
pub use value::{MAX_DEPTH, Value, ValueError, ValueErrorKind};

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;

/// One session as a store keeps it: the data, and beside it what the store itself needs to know.
///
/// A store writes all of it in [`create`](crate::store::Store::create), and gives all of it back in
/// [`load`](crate::store::Store::load). In between only a [`Patch`] changes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The application's keys and values. Shared, so that a load from memory copies nothing.
    pub data: Arc<Data>,
    /// Whose session it is; none while nobody has logged in.
    pub user: Option<UserId>,
    /// When the session began.
    pub created: Timestamp,
    /// When it was last touched. Touches are throttled, so it lags behind the last request by the touch interval.
    pub seen: Timestamp,
    /// From this instant on it has been idle for too long. Touches move it.
    pub idle_end: Timestamp,
    /// From this instant on it is over, however busy. Touches do not move it.
    pub absolute_end: Timestamp,
    /// How long this session lives, where that differs from the layer's own settings.
    pub lifetime: Lifetime,
    /// A few small facts about the session that are not the application's data, such as the user agent. Shared as well.
    pub metadata: Arc<Data>,
}

/// What is particular about one session's life, such as "remember me".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// Its own idle timeout, in whole milliseconds; none for the layer's.
    pub idle: Option<Duration>,
    /// Whether its cookie outlives the browser; none for the layer's setting.
    pub persistent: Option<bool>,
}

impl Record {
    /// An anonymous session without data that begins at `now`.
    pub fn new(now: Timestamp, idle_end: Timestamp, absolute_end: Timestamp) -> Record {
        Record {
            data: Data::none(),
            user: None,
            created: now,
            seen: now,
            idle_end,
            absolute_end,
            lifetime: Lifetime::default(),
            metadata: Data::none(),
        }
    }

    /// Whether the session lives at `now`.
    ///
    /// ```
    /// use cloakroom::{Timestamp, record::Record};
    ///
    /// let at = Timestamp::from_millis;
    /// let record = Record::new(at(0), at(10), at(20));
    /// assert!(record.is_live(at(9)));
    /// assert!(!record.is_live(at(10)));
    /// ```
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.times().is_live(now)
    }

    /// When it ends if nobody touches it: the earlier of the idle and the absolute end.
    pub fn end(&self) -> Timestamp {
        self.times().end()
    }

    pub(crate) fn times(&self) -> Times {
        let Record { created, seen, idle_end, absolute_end, .. } = *self;
        Times { created, seen, idle_end, absolute_end }
    }

    pub(crate) fn set_times(&mut self, times: Times) {
        let Times { created, seen, idle_end, absolute_end } = times;
        (self.created, self.seen, self.idle_end, self.absolute_end) = (created, seen, idle_end, absolute_end);
    }
}

/// The times of a record, which decide about its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created: Timestamp,
    pub(crate) seen: Timestamp,
    pub(crate) idle_end: Timestamp,
    pub(crate) absolute_end: Timestamp,
}

impl Times {
    /// The one place that decides about expiry.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        now < self.end()
    }

    pub(crate) fn end(&self) -> Timestamp {
        self.idle_end.min(self.absolute_end)
    }
}
