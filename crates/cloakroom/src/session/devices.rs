//! A user's other sessions, seen from one of them.

use super::Session;
use super::error::{SessionError, SessionErrorKind as Kind};
use super::listing::Listing;
use crate::events::{RevokedBy, StoreCall};
use crate::record::{Handle, UserId};
use crate::store::{Entry, Loaded};

/// One of a user's sessions, as a devices page shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Device {
    /// What the store tells of the session. Its last visit may have been later than it says, by at most the touch
    /// interval: a tenth of the idle timeout, or five minutes.
    pub entry: Entry,
    /// Whether it is the session that asks.
    pub is_current: bool,
}

impl Session {
    /// The sessions of this session's user, the last seen first; empty while nobody has logged in.
    ///
    /// # Errors
    ///
    /// [`NoDirectory`](super::SessionErrorKind::NoDirectory) if the store can't tell,
    /// [`Store`](super::SessionErrorKind::Store) if it fails; and those of [`save`](Session::save), since a log-in that is
    /// pending is written first.
    pub async fn devices(&self) -> Result<Vec<Device>, SessionError> {
        let Some(user) = self.settled_user().await? else { return Ok(Vec::new()) };
        let entries = self.listing().list(&user).await?;
        let mine = self.handle();
        let device = |entry: Entry| Device { is_current: Some(&entry.handle) == mine.as_ref(), entry };
        Ok(entries.into_iter().map(device).collect())
    }

    /// Ends another session of this session's user; tells whether there was one with this handle. The session that asks is
    /// no other: [`log_out`](Session::log_out) ends it.
    ///
    /// # Errors
    ///
    /// As [`devices`](Session::devices), and [`Gone`](super::SessionErrorKind::Gone) if the session that asks was itself ended
    /// meanwhile.
    pub async fn revoke(&self, handle: &Handle) -> Result<bool, SessionError> {
        let Some(user) = self.settled_user().await? else { return Ok(false) };
        if Some(handle) == self.handle().as_ref() {
            return Ok(false);
        }
        self.check_live().await?;
        self.listing().revoke(&user, handle, RevokedBy::Device).await
    }

    /// Ends all other sessions of this session's user; tells how many.
    ///
    /// # Errors
    ///
    /// As [`revoke`](Session::revoke).
    pub async fn revoke_others(&self) -> Result<u64, SessionError> {
        let Some(user) = self.settled_user().await? else { return Ok(0) };
        let mine = self.handle();
        self.check_live().await?;
        self.listing().revoke_all(&user, mine.as_ref(), RevokedBy::Device).await
    }

    /// The user that the stored session is bound to. A log-in or a log-out that is still pending is written first: until then
    /// the store knows another user of this session, or none.
    async fn settled_user(&self) -> Result<Option<UserId>, SessionError> {
        if self.user() != self.stored_user() {
            self.save().await?;
        }
        Ok(self.stored_user())
    }

    /// That nobody has ended this session meanwhile: who was signed out must not sign out others.
    async fn check_live(&self) -> Result<(), SessionError> {
        let Some(key) = self.0.state().live().map(|live| live.key.clone()) else { return Ok(()) };
        let settings = &self.0.settings;
        let loading = async {
            let now = settings.clock.now();
            let end = settings.end_of_all(now).await?;
            Ok(end.without_ended(settings.ask(StoreCall::Load, |store| store.load_fresh(&key, now)).await?))
        };
        match self.listing().wait_for(loading).await? {
            Loaded::Found(_) => Ok(()),
            Loaded::Superseded | Loaded::Missing => Err(self.0.told_if_gone(SessionError::new(Kind::Gone))),
        }
    }

    fn stored_user(&self) -> Option<UserId> {
        self.0.state().live()?.record.user.clone()
    }

    fn listing(&self) -> Listing<'_> {
        Listing { settings: &self.0.settings, patience: Some(self.patience()) }
    }
}
