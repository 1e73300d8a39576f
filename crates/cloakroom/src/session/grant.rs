//! Leave to do one thing once.

use std::sync::Arc;
use std::time::Duration;

use super::error::{SessionError, SessionErrorKind as Kind};
use super::{Session, boxed};
use crate::clock::Timestamp;
use crate::record::Value;

/// What the keys of grants begin with. Each has a key of its own, so that requests that run at once do not meet.
const PREFIX: &str = "cloakroom:grant:";

/// The bytes that the name of a grant may have.
const LONGEST_NAME: usize = 64;

impl Session {
    /// Grants the session one thing once, within `ttl`: such as to delete the account, after the password was asked for. A
    /// second grant of the same name takes the place of the first.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError};
    /// use std::time::Duration;
    ///
    /// async fn password_was_right(session: Session) -> Result<(), SessionError> {
    ///     session.grant("delete-account", Duration::from_secs(300))
    /// }
    /// async fn delete_account(session: Session) -> Result<&'static str, SessionError> {
    ///     Ok(if session.take_grant("delete-account").await? { "deleted" } else { "your password, please" })
    /// }
    /// ```
    ///
    /// Grants are part of the session's data: they count to its size, end with it, go with `clear`, and what another user has
    /// been granted goes when somebody logs in.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](Kind::TooLarge) if the name is longer than 64 bytes; else as [`insert`](Session::insert).
    pub fn grant(&self, name: &str, ttl: Duration) -> Result<(), SessionError> {
        if name.len() > LONGEST_NAME {
            return Err(SessionError::new(Kind::TooLarge));
        }
        let until = self.now() + ttl;
        self.0.state().set(&key_of(name), Value::from(until.as_millis()))
    }

    /// Takes a grant, now: true exactly once for each, also where several requests ask at once, and false where there is none
    /// or its time is over. What else is pending is written with it.
    ///
    /// If the store's answer is lost, the grant may be gone though nobody was told true.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn take_grant(&self, name: &str) -> Result<bool, SessionError> {
        let key: Arc<str> = key_of(name).into();
        if self.0.state().value(&key)?.is_none() {
            return Ok(false);
        }
        let now = self.now();
        let take = move |until: Option<Value>| {
            let until = until.and_then(|until| until.as_i64()).map(Timestamp::from_millis);
            Ok((None, until.is_some_and(|until| now < until)))
        };
        boxed(self.0.replace(key, take)).await
    }
}

fn key_of(name: &str) -> String {
    format!("{PREFIX}{name}")
}
