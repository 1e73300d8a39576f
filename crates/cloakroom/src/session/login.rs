//! Who is logged in, since when and how, and whether that was a moment ago.

use std::time::Duration;

use super::Session;
use super::error::{SessionError, SessionErrorKind as Kind};
use crate::clock::Timestamp;
use crate::record::facts::{Facts, cut};
use crate::record::{IdError, UserId};

/// The bytes that the name of a method of logging in may have.
const LONGEST_METHOD: usize = 64;

impl Session {
    /// Binds the session to a user: it keeps its data, gets a new id, and its absolute end and lifetime begin anew.
    ///
    /// The data of an anonymous visitor, such as a cart, becomes the user's. The data of *another* user does not: it is
    /// removed, with its label and the application's metadata.
    ///
    /// Where the layer has a [limit](crate::SessionLayerBuilder::session_limit), the log-in is checked when it is written: at
    /// commit, where a log-in that is denied is a 403 in place of the handler's response; or by [`save`](Session::save), for a
    /// handler that wants to answer itself.
    ///
    /// # Errors
    ///
    /// [`Id`](Kind::Id) if the user id is empty or longer than 256 bytes, and [`Closed`](Kind::Closed) after the response
    /// has left.
    pub fn log_in(&self, user: impl TryInto<UserId, Error: Into<IdError>>) -> Result<(), SessionError> {
        let user = user.try_into().map_err(|error| SessionError::from(error.into()))?;
        self.0.state().log_in(user, None)
    }

    /// [`log_in`](Session::log_in), and notes how that was done, in the application's own words, such as `password` or
    /// `passkey`. A devices page shows it ([`Entry::log_in_method`](crate::store::Entry::log_in_method)).
    ///
    /// # Errors
    ///
    /// As [`log_in`](Session::log_in), and [`TooLarge`](Kind::TooLarge) if the method is longer than 64 bytes.
    pub fn log_in_by(
        &self,
        user: impl TryInto<UserId, Error: Into<IdError>>,
        method: &str,
    ) -> Result<(), SessionError> {
        let user = user.try_into().map_err(|error| SessionError::from(error.into()))?;
        if method.len() > LONGEST_METHOD {
            return Err(SessionError::new(Kind::TooLarge));
        }
        self.0.state().log_in(user, cut(method, LONGEST_METHOD))
    }

    /// Whose session it is; none while nobody has logged in.
    pub fn user(&self) -> Option<UserId> {
        self.0.state().user().cloned()
    }

    /// When its user logged in; none while nobody has, or the log-in is not written yet.
    pub fn logged_in_at(&self) -> Option<Timestamp> {
        Facts(&self.0.state().metadata()).logged_in_at()
    }

    /// How its user logged in, where [`log_in_by`](Session::log_in_by) has said so; none while that is not written yet.
    pub fn log_in_method(&self) -> Option<String> {
        Facts(&self.0.state().metadata()).log_in_method()
    }

    /// When its user last proved who they are: by logging in, or by [`reauthenticated`](Session::reauthenticated). None where
    /// nobody has, or that is not written yet.
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        Facts(&self.0.state().metadata()).authenticated_at()
    }

    /// Notes that the user has just proved once more who they are, such as by the password. The session gets a new id. Both
    /// timeouts stay as they are; where a new log-in is meant, which begins them anew, call [`log_in`](Session::log_in).
    ///
    /// ```
    /// use cloakroom::{Session, SessionError};
    /// use std::time::Duration;
    ///
    /// async fn password_was_right(session: Session) -> Result<(), SessionError> {
    ///     session.reauthenticated()?;
    ///     assert!(session.is_fresh(Duration::from_secs(300)));
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotLoggedIn`](Kind::NotLoggedIn) if nobody is logged in, [`Closed`](Kind::Closed) after the response has left.
    pub fn reauthenticated(&self) -> Result<(), SessionError> {
        self.0.state().reauthenticate()
    }

    /// Whether its user proved who they are within the last `max_age`, or does so in this very request.
    pub fn is_fresh(&self, max_age: Duration) -> bool {
        if self.user().is_none() {
            return false;
        }
        let proved = self.authenticated_at();
        self.0.state().is_proof_under_way() || proved.is_some_and(|proved| self.now().since(proved) <= max_age)
    }

    /// That it [is fresh](Session::is_fresh), for what only a user may do who is certainly there: with axum, the extractor
    /// `Fresh` asks for it.
    ///
    /// # Errors
    ///
    /// [`NotFresh`](Kind::NotFresh), which is a 403, if it is not.
    pub fn require_fresh(&self, max_age: Duration) -> Result<(), SessionError> {
        if self.is_fresh(max_age) { Ok(()) } else { Err(SessionError::new(Kind::NotFresh)) }
    }

    /// Ends the session: what [`destroy`](Session::destroy) does.
    ///
    /// # Errors
    ///
    /// As [`destroy`](Session::destroy).
    pub fn log_out(&self) -> Result<(), SessionError> {
        self.destroy()
    }

    /// Ends all other sessions of this session's user and gives this one a new id, for when the password was changed: who knew
    /// the old one is out. Tells how many were ended.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError};
    ///
    /// async fn password_is_changed(session: Session) -> Result<String, SessionError> {
    ///     Ok(format!("{} other devices are logged out.", session.log_out_others().await?))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`revoke_others`](Session::revoke_others) and [`rotate`](Session::rotate).
    pub async fn log_out_others(&self) -> Result<u64, SessionError> {
        let ended = self.revoke_others().await?;
        self.rotate().await?;
        Ok(ended)
    }
}
