//! How many sessions a user may have at once.
//!
//! Each log-in is written first and looks then, so of log-ins that run at once the last one to be written sees all. Whoever
//! ends others keeps the same ones by the same order. Whoever may end none is let in only after a look that has found no
//! more than may be: the first by the order wait until the others have left, and give up where these don't.

use std::cmp::Reverse;
use std::time::Duration;

use super::Inner;
use super::deadline::pause;
use super::error::{SessionError, SessionErrorKind as Kind};
use super::listing::Listing;
use crate::clock::Timestamp;
use crate::events::{RevokedBy, StoreCall};
use crate::record::{Handle, UserId};
use crate::store::Entry;

/// What becomes of a log-in by a user who has as many sessions as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is denied, as an error of the kind [`TooManySessions`](crate::SessionErrorKind::TooManySessions): a 403.
    Deny,
    /// It ends the session whose log-in is the longest ago.
    EndOldest,
    /// It ends the session that was not used for the longest time, to within the touch interval.
    EndLongestIdle,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) most: usize,
    pub(crate) when_full: WhenFull,
}

/// How often a log-in looks again for each place that it is before the last.
const LOOKS: usize = 8;

const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

impl Inner {
    /// Before a log-in is written: that it is not denied anyway. It then leaves the session as it is.
    pub(super) async fn check_room_for(&self, user: &UserId) -> Result<(), SessionError> {
        let Some(Limit { most, when_full: WhenFull::Deny }) = self.settings.limit else { return Ok(()) };
        if self.state().is_stored_of(user) {
            return Ok(());
        }
        if self.listing().list(user).await?.len() < most {
            return Ok(());
        }
        self.state().log_in_is_denied();
        Err(SessionError::new(Kind::TooManySessions))
    }

    /// After a log-in is written: that the user has no more sessions than may be. If this one is too many, or nobody can tell, it
    /// ends.
    pub(super) async fn hold_to_limit(&self, user: &UserId) -> Result<(), SessionError> {
        let Some(limit) = self.settings.limit else { return Ok(()) };
        let Some((key, own)) = self.state().live().map(|live| (live.key.clone(), live.handle.clone())) else {
            return Ok(());
        };
        let mut unchecked = Unchecked { inner: self, is_checked: false };
        let checked = match limit.when_full {
            WhenFull::Deny => self.wait_for_room(limit.most, user, &own).await,
            WhenFull::EndOldest | WhenFull::EndLongestIdle => self.make_room(limit, user, &own).await,
        };
        let Err(error) = checked else {
            unchecked.is_checked = true;
            return Ok(());
        };
        let now = self.settings.clock.now();
        if let Err(error) = self.settings.ask(StoreCall::Destroy, |store| store.destroy(&key, now)).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a session that is one too many could not be ended"
            );
            return Err(error.into());
        }
        unchecked.is_checked = true;
        self.state().ended_by_limit();
        Err(error)
    }

    async fn make_room(&self, limit: Limit, user: &UserId, own: &Handle) -> Result<(), SessionError> {
        loop {
            let mut entries = self.listing().list(user).await?;
            sort(&mut entries, limit.when_full);
            let mut all_ended = true;
            for entry in entries.iter().skip(limit.most).filter(|entry| entry.handle != *own) {
                all_ended &= self.listing().revoke(user, &entry.handle, RevokedBy::Limit).await?;
            }
            // It may have been ended by others already.
            if !entries.iter().take(limit.most).any(|entry| entry.handle == *own) {
                return Err(SessionError::new(Kind::TooManySessions));
            }
            // Somebody else has ended it, or it has another handle since.
            if all_ended {
                return Ok(());
            }
        }
    }

    async fn wait_for_room(&self, most: usize, user: &UserId, own: &Handle) -> Result<(), SessionError> {
        let mut looks = 0;
        loop {
            let mut entries = self.listing().list(user).await?;
            if entries.len() <= most {
                return Ok(());
            }
            sort(&mut entries, WhenFull::Deny);
            let rank = entries.iter().position(|entry| entry.handle == *own).unwrap_or(usize::MAX);
            if rank >= most || looks >= LOOKS * (most - rank).min(LOOKS) {
                return Err(SessionError::new(Kind::TooManySessions));
            }
            looks += 1;
            pause(BETWEEN_LOOKS).await;
        }
    }

    /// Within the patience of the write that it belongs to.
    fn listing(&self) -> Listing<'_> {
        Listing { settings: &self.settings, patience: None }
    }
}

/// Those who stay first.
fn sort(entries: &mut [Entry], when_full: WhenFull) {
    let began = |entry: &Entry| entry.logged_in_at().unwrap_or(entry.created);
    let order = |entry: &Entry| -> (Timestamp, Timestamp) {
        match when_full {
            WhenFull::EndLongestIdle => (entry.seen, began(entry)),
            WhenFull::Deny | WhenFull::EndOldest => (began(entry), entry.created),
        }
    };
    match when_full {
        WhenFull::Deny => entries.sort_by_cached_key(|entry| (order(entry), entry.handle.clone())),
        WhenFull::EndOldest | WhenFull::EndLongestIdle => {
            entries.sort_by_cached_key(|entry| Reverse((order(entry), entry.handle.clone())));
        }
    }
}

/// A log-in of which nobody knows yet whether it may stay. Dropped so, as at the deadline, its ticket is not handed out.
struct Unchecked<'a> {
    inner: &'a Inner,
    is_checked: bool,
}

impl Drop for Unchecked<'_> {
    fn drop(&mut self) {
        if !self.is_checked {
            self.inner.state().is_unchecked();
        }
    }
}
