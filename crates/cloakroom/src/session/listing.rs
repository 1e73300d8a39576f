//! What the store's directory tells and does, for the service and for a request's own devices.

use std::pin::pin;

use super::deadline::{Elapsed, Patience};
use super::epoch::{EndOfAll, is_reserved};
use super::error::{SessionError, SessionErrorKind as Kind};
use super::sessions::Page;
use super::settings::Settings;
use crate::events::{Event, RevokedBy, StoreCall};
use crate::record::{Handle, UserId};
use crate::store::{Directory, Entry, StoreError};

/// The directory of a layer's store, asked as patiently as a request is or a job.
pub(super) struct Listing<'a> {
    pub(super) settings: &'a Settings,
    /// None within a wait that is bounded already.
    pub(super) patience: Option<&'a Patience>,
}

impl<'a> Listing<'a> {
    /// A user's live sessions, the last seen first.
    pub(super) async fn list(&self, user: &UserId) -> Result<Vec<Entry>, SessionError> {
        let directory = self.directory()?;
        self.wait_for(async {
            let now = self.settings.clock.now();
            let end = self.settings.end_of_all(now).await?;
            let entries = self.settings.ask(StoreCall::List, |_| directory.list(user, now)).await?;
            Ok(entries.into_iter().filter(|entry| is_session(end, entry)).collect())
        })
        .await
    }

    pub(super) async fn count(&self, user: &UserId) -> Result<u64, SessionError> {
        let directory = self.directory()?;
        let counted = self.wait_for(async {
            let now = self.settings.clock.now();
            // The directory counts those too that have ended with all.
            if !self.settings.end_of_all(now).await?.is_none() {
                return Ok(None);
            }
            self.settings.ask(StoreCall::Count, |_| directory.count(user, now)).await.map(Some)
        });
        match counted.await? {
            Some(count) => Ok(count),
            None => Ok(self.list(user).await?.len() as u64),
        }
    }

    pub(super) async fn revoke(&self, user: &UserId, handle: &Handle, by: RevokedBy) -> Result<bool, SessionError> {
        let (directory, now) = (self.directory()?, self.settings.clock.now());
        let revoking = self.settings.ask(StoreCall::Revoke, |_| directory.revoke(user, handle, now));
        let was_there = self.wait_for(revoking).await?;
        if was_there {
            self.settings.observers.tell(Event::Revoked { handle, user, by });
        }
        Ok(was_there)
    }

    pub(super) async fn revoke_all(
        &self,
        user: &UserId,
        except: Option<&Handle>,
        by: RevokedBy,
    ) -> Result<u64, SessionError> {
        let (directory, now) = (self.directory()?, self.settings.clock.now());
        let revoking = self.settings.ask(StoreCall::RevokeAll, |_| directory.revoke_all(user, except, now));
        let count = self.wait_for(revoking).await?;
        if count > 0 {
            self.settings.observers.tell(Event::RevokedAll { user, except, count, by });
        }
        Ok(count)
    }

    /// Removes expired sessions, at most `limit`.
    pub(super) async fn sweep(&self, limit: usize) -> Result<usize, SessionError> {
        let now = self.settings.clock.now();
        let count = self.wait_for(self.settings.ask(StoreCall::Sweep, |store| store.sweep(limit, now))).await?;
        if count > 0 {
            self.settings.observers.tell(Event::Expired { count });
        }
        Ok(count)
    }

    pub(super) async fn page(&self, after: Option<&Handle>, limit: usize) -> Result<Page, SessionError> {
        let directory = self.directory()?;
        self.wait_for(async {
            let now = self.settings.clock.now();
            let end = self.settings.end_of_all(now).await?;
            let mut sessions = self.settings.ask(StoreCall::Page, |_| directory.page(after, limit, now)).await?;
            let is_full = limit > 0 && sessions.len() >= limit;
            let next = sessions.last().filter(|_| is_full).map(|last| last.handle.clone());
            sessions.retain(|entry| is_session(end, entry));
            Ok(Page { sessions, next })
        })
        .await
    }

    pub(super) async fn wait_for<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, SessionError> {
        let Some(patience) = self.patience else { return Ok(answer.await?) };
        match patience.wait_for(pin!(answer)).await {
            Ok(answer) => Ok(answer?),
            Err(Elapsed) => Err(self.settings.timed_out().into()),
        }
    }

    fn directory(&self) -> Result<&'a dyn Directory, SessionError> {
        self.settings.store.directory().ok_or_else(|| SessionError::new(Kind::NoDirectory))
    }
}

fn is_session(end: EndOfAll, entry: &Entry) -> bool {
    !is_reserved(entry) && !end.has_ended(entry.created, &entry.metadata)
}
