//! Small facts about a session that are not its data: a devices page sees them, for all sessions of a user.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use super::error::{SessionError, SessionErrorKind as Kind};
use crate::record::facts::{Facts, LABEL, OF_APPLICATION, application_key, cut};
use crate::record::{Data, Value};

/// The bytes that a label may have.
const LONGEST_LABEL: usize = 128;

/// The bytes that the application's metadata of one session may take: its keys, and its values as JSON.
const LARGEST: usize = 4096;

impl Session {
    /// What its user calls it, such as "the old laptop".
    pub fn label(&self) -> Option<String> {
        Facts(&self.metadata_now()).label()
    }

    /// Lets its user give it a name, at most 128 bytes; an empty one takes it away. It is the user's, and goes when somebody
    /// else logs in.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError};
    ///
    /// async fn rename(session: Session) -> Result<(), SessionError> {
    ///     session.set_label("the old laptop")?;
    ///     assert_eq!(session.label().as_deref(), Some("the old laptop"));
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TooLarge`](Kind::TooLarge) if it is longer, [`Closed`](Kind::Closed) after the response has left.
    pub fn set_label(&self, label: &str) -> Result<(), SessionError> {
        if label.len() > LONGEST_LABEL {
            return Err(SessionError::new(Kind::TooLarge));
        }
        let label = if label.is_empty() { None } else { cut(label, LONGEST_LABEL) };
        self.0.state().set_metadata(LABEL.into(), label)
    }

    /// A value that [`set_metadata`](Session::set_metadata) has set.
    ///
    /// # Errors
    ///
    /// [`Value`](Kind::Value) if it is of another type.
    pub fn metadata<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SessionError> {
        Facts(&self.metadata_now()).of_application(key).map_err(|error| SessionError::from(error).of_key(key))
    }

    /// Sets a small fact about the session that the directory tells of it: unlike the data, the user's other sessions and
    /// an operator see it ([`Entry::get`](crate::store::Entry::get)). It goes when another user logs in.
    /// It lies in the store as it is, also where the data is encrypted.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError};
    ///
    /// async fn note_place(session: Session) -> Result<(), SessionError> {
    ///     session.set_metadata("place", "Lisbon")?;
    ///     assert_eq!(session.metadata::<String>("place")?.as_deref(), Some("Lisbon"));
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Value`](Kind::Value) if the value can't be kept as it is, [`KeyRefused`](Kind::KeyRefused) if the store can't keep the
    /// key, [`TooLarge`](Kind::TooLarge) if all keys and values that were set so would take more than 4,096 bytes,
    /// [`Closed`](Kind::Closed) after the response has left.
    pub fn set_metadata<T: Serialize>(&self, key: &str, value: T) -> Result<(), SessionError> {
        let value = Value::serialize(&value).map_err(|error| SessionError::from(error).of_key(key))?;
        let rules = self.0.settings.policy.keys;
        if !rules.allow(key) || !rules.allow_in(&value) {
            return Err(SessionError::new(Kind::KeyRefused).of_key(key));
        }
        let mut state = self.0.state();
        let own = key.len() + value.size();
        if size_without(&state.metadata(), key) + own > LARGEST {
            return Err(SessionError::new(Kind::TooLarge).of_key(key));
        }
        state.set_metadata(application_key(key), Some(value))
    }

    /// Removes what [`set_metadata`](Session::set_metadata) has set; fine if it is not there.
    ///
    /// # Errors
    ///
    /// [`Closed`](Kind::Closed) after the response has left.
    pub fn remove_metadata(&self, key: &str) -> Result<(), SessionError> {
        self.0.state().set_metadata(application_key(key), None)
    }

    fn metadata_now(&self) -> Arc<Data> {
        self.0.state().metadata()
    }
}

/// What the application's metadata takes, but for one key.
fn size_without(metadata: &Data, key: &str) -> usize {
    let of_application = metadata.iter().filter_map(|(each, value)| Some((each.strip_prefix(OF_APPLICATION)?, value)));
    of_application.filter(|(each, _)| *each != key).map(|(each, value)| each.len() + value.size()).sum()
}
