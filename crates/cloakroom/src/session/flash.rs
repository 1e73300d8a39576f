//! Messages for the visitor's next page.

use std::hash::{BuildHasher as _, Hasher as _};

use serde::{Deserialize, Serialize};

use super::Session;
use super::error::{SessionError, SessionErrorKind as Kind};
use crate::record::Value;

/// What the keys of messages begin with. Each has a key of its own, so that requests that run at once lose none of them.
const PREFIX: &str = "cloakroom:flash:";

/// The bytes that a message may have.
const LONGEST: usize = 1024;

/// How many wait at most.
const MOST: usize = 16;

/// A message that is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flash {
    /// What kind of message it is.
    pub kind: FlashKind,
    /// What it says; no markup.
    pub text: String,
}

/// The kinds of [`Flash`], for a page to show them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FlashKind {
    /// Something to know.
    Info,
    /// Something was done.
    Success,
    /// Something to take care of.
    Warning,
    /// Something was not done.
    Error,
}

impl Session {
    /// Leaves a message for the next page that [takes](Session::take_flashes) it, also behind a redirect.
    ///
    /// At most 16 wait; the oldest give way. Messages are part of the session's data. After [`log_out`](Session::log_out) the message begins a new session.
    ///
    /// ```
    /// use cloakroom::{FlashKind, Session, SessionError};
    ///
    /// async fn save(session: Session) -> Result<(), SessionError> {
    ///     session.flash(FlashKind::Success, "Saved.")
    /// }
    /// async fn page(session: Session) -> Result<String, SessionError> {
    ///     Ok(session.take_flashes()?.into_iter().map(|flash| flash.text + "\n").collect())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TooLarge`](Kind::TooLarge) if the text is longer than 1,024 bytes; else as [`insert`](Session::insert).
    pub fn flash(&self, kind: FlashKind, text: impl Into<String>) -> Result<(), SessionError> {
        let text = text.into();
        let mut state = self.0.state();
        if text.len() > LONGEST {
            return Err(SessionError::new(Kind::TooLarge));
        }
        let waiting: Vec<_> = state.keys().into_iter().filter(|key| key.starts_with(PREFIX)).collect();
        for oldest in waiting.iter().take((waiting.len() + 1).saturating_sub(MOST)) {
            state.unset(oldest)?;
        }
        let flash = Value::serialize(&Flash { kind, text })?;
        // Behind those that wait, and different from those of other requests.
        let last = waiting.last().and_then(|key| key.get(PREFIX.len()..PREFIX.len() + 15)?.parse::<i64>().ok());
        let now = self.0.settings.clock.now().as_millis();
        let millis = last.map_or(now, |last| now.max(last.saturating_add(1)));
        let random = std::hash::RandomState::new().build_hasher().finish() & 0xFFFF_FFFF;
        state.set(&format!("{PREFIX}{millis:015}{random:08x}"), flash)
    }

    /// The messages that wait, the oldest first; they are removed at commit. A response that can't be committed shows none, and
    /// leaves them. Two requests that run at once may both show a message.
    ///
    /// # Errors
    ///
    /// As [`take`](Session::take).
    pub fn take_flashes(&self) -> Result<Vec<Flash>, SessionError> {
        let mut state = self.0.state();
        let mut flashes = Vec::new();
        for key in state.keys().into_iter().filter(|key| key.starts_with(PREFIX)) {
            let Some(value) = state.value(&key)? else { continue };
            state.unset(&key)?;
            match value.deserialize() {
                Ok(flash) => flashes.push(flash),
                // Of another version of the library; it must not stand in the way of all pages.
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "a flash message can't be read"),
            }
        }
        Ok(flashes)
    }
}
