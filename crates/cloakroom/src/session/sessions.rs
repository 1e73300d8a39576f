//! Sessions seen from outside of a request.

use std::sync::Arc;

use super::deadline::Patience;
use super::error::{SessionError, SessionErrorKind as Kind};
use super::listing::Listing;
use super::settings::Settings;
use crate::events::{Event, RevokedBy};
use crate::record::{Handle, IdError, UserId};
use crate::store::Entry;

/// The sessions of a layer, without a request: for jobs, websockets and admin pages. Clones are cheap.
///
/// [`SessionLayer::sessions`](crate::SessionLayer::sessions) gives it. Each call waits for the store as long as the layer's
/// deadline lets it. The store needs a [`Directory`](crate::store::Directory), as all first-party stores have.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, body::Body, extract::Request, routing::post};
/// use cloakroom::{Session, SessionLayer, cookie::KeyRing, store::MemoryStore};
/// use tower::ServiceExt as _;
///
/// let layer = SessionLayer::new(MemoryStore::new(), KeyRing::generate()?)?;
/// let log_in = async |session: Session| session.log_in_by("ada", "password");
/// let app: Router = Router::new().route("/log-in", post(log_in)).layer(layer.clone());
/// app.oneshot(Request::post("/log-in").body(Body::empty())?).await?;
///
/// let sessions = layer.sessions();
/// let hers = sessions.of_user("ada").await?;
/// assert_eq!(hers[0].log_in_method().as_deref(), Some("password"));
/// assert_eq!(sessions.revoke_all("ada").await?, 1);
/// assert_eq!(sessions.count("ada").await?, 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Of all methods: [`Store`](Kind::Store) if the store fails, [`NoDirectory`](Kind::NoDirectory) if it can't tell,
/// [`Id`](Kind::Id) if there can be no such user id.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Settings>);

/// Some of all sessions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// In the order of their handles. They can be fewer than were asked for, though there are more behind them.
    pub sessions: Vec<Entry>,
    /// Asks for the next page; none if this is the last.
    pub next: Option<Handle>,
}

impl Sessions {
    pub(crate) fn new(settings: Arc<Settings>) -> Sessions {
        Sessions(settings)
    }

    /// A user's sessions, the last seen first.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn of_user(&self, user: impl TryInto<UserId, Error: Into<IdError>>) -> Result<Vec<Entry>, SessionError> {
        self.listing(&self.patience()).list(&id(user)?).await
    }

    /// One session of a user by its handle; none if the user has no such session.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn get(
        &self,
        user: impl TryInto<UserId, Error: Into<IdError>>,
        handle: &Handle,
    ) -> Result<Option<Entry>, SessionError> {
        let entries = self.listing(&self.patience()).list(&id(user)?).await?;
        Ok(entries.into_iter().find(|entry| entry.handle == *handle))
    }

    /// How many sessions a user has.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn count(&self, user: impl TryInto<UserId, Error: Into<IdError>>) -> Result<u64, SessionError> {
        self.listing(&self.patience()).count(&id(user)?).await
    }

    /// Ends one session of a user; tells whether the user had it.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn revoke(
        &self,
        user: impl TryInto<UserId, Error: Into<IdError>>,
        handle: &Handle,
    ) -> Result<bool, SessionError> {
        self.listing(&self.patience()).revoke(&id(user)?, handle, RevokedBy::Operator).await
    }

    /// Ends all sessions of a user, as when the account is closed; tells how many. Refuse that account's log-ins first.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn revoke_all(&self, user: impl TryInto<UserId, Error: Into<IdError>>) -> Result<u64, SessionError> {
        self.listing(&self.patience()).revoke_all(&id(user)?, None, RevokedBy::Operator).await
    }

    /// Ends all sessions of a user but one; tells how many.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn revoke_all_but(
        &self,
        user: impl TryInto<UserId, Error: Into<IdError>>,
        handle: &Handle,
    ) -> Result<u64, SessionError> {
        self.listing(&self.patience()).revoke_all(&id(user)?, Some(handle), RevokedBy::Operator).await
    }

    /// At most `limit` sessions of anybody, visitors too, behind the handle `after` or from the beginning. A session that
    /// lives all the while is on exactly one page.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
    ///
    /// let sessions = SessionLayer::new(MemoryStore::new(), KeyRing::generate()?)?.sessions();
    /// let (mut all, mut after) = (Vec::new(), None);
    /// loop {
    ///     let page = sessions.page(after.as_ref(), 100).await?;
    ///     all.extend(page.sessions);
    ///     after = page.next;
    ///     if after.is_none() {
    ///         break;
    ///     }
    /// }
    /// assert!(all.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn page(&self, after: Option<&Handle>, limit: usize) -> Result<Page, SessionError> {
        self.listing(&self.patience()).page(after, limit).await
    }

    /// Ends all sessions of everybody that began, or were last logged in to, up to now: users and visitors alike. Every
    /// process with a layer of the same store that has
    /// [`global_revocation`](crate::SessionLayerBuilder::global_revocation) knows it within a second of its clock.
    ///
    /// The records stay in the store until they expire, but no request finds them. A request that had loaded its session
    /// before goes on with it to its end. Clocks of processes that differ, differ about what was before.
    ///
    /// # Errors
    ///
    /// [`NoGlobalRevocation`](Kind::NoGlobalRevocation) if the layer does not look for it, [`Store`](Kind::Store) if the store
    /// fails: it may be done or not, and can be done again.
    pub async fn revoke_everything(&self) -> Result<(), SessionError> {
        let Some(epoch) = &self.0.epoch else { return Err(SessionError::new(Kind::NoGlobalRevocation)) };
        let (patience, now) = (self.patience(), self.0.clock.now());
        self.listing(&patience).wait_for(self.0.end_all(epoch, now)).await?;
        self.0.observers.tell(Event::EverythingRevoked);
        Ok(())
    }

    /// Removes expired sessions from the store, at most `limit` of them; tells how many. Only space depends on it: an expired
    /// session is found by nobody. For a job that runs now and then, where the store does not collect its garbage by itself.
    ///
    /// # Errors
    ///
    /// See [`Sessions`]; it needs no directory.
    pub async fn sweep(&self, limit: usize) -> Result<usize, SessionError> {
        self.listing(&self.patience()).sweep(limit).await
    }

    fn patience(&self) -> Patience {
        Patience::new(self.0.deadline)
    }

    fn listing<'a>(&'a self, patience: &'a Patience) -> Listing<'a> {
        Listing { settings: &self.0, patience: Some(patience) }
    }
}

fn id(user: impl TryInto<UserId, Error: Into<IdError>>) -> Result<UserId, SessionError> {
    user.try_into().map_err(|error| SessionError::from(error.into()))
}
