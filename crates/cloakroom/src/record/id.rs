//! The names of a session: secret ones (the id, the store's key) and public ones (the handle, the user).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What the cookie carries. Whoever knows it has the session, so it can't be printed.
///
/// Cloakroom's own are 256 bits from the operating system, as 43 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// A new random id.
    ///
    /// # Errors
    ///
    /// If the operating system gives no random bytes.
    pub fn generate() -> Result<SessionId, IdError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|source| IdError(Reason::Random(source)))?;
        let mut text = [0_u8; 43];
        let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).unwrap_or(0);
        let text = std::str::from_utf8(&text[..written]).unwrap_or_default();
        Ok(SessionId(text.into()))
    }

    /// An id that a signed ticket has proved to be the server's own.
    pub(crate) fn from_ticket(id: &str) -> SessionId {
        SessionId(id.into())
    }

    /// The id itself: the credential. Only a cookie may carry it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// What a store finds a session by.
///
/// A store of one's own keeps the [`digest`](StoreKey::digest): who reads its disk then learns no id. The
/// [`plain`](StoreKey::plain) id is there for the layouts of other software, which keep it so.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreKey {
    id: SessionId,
    digest: [u8; 32],
}

impl StoreKey {
    /// SHA-256 of the session id.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The session id itself: a credential. Never log it.
    pub fn plain(&self) -> &str {
        self.id.expose()
    }

    /// The key of a new random id.
    ///
    /// # Errors
    ///
    /// If the operating system gives no random bytes.
    pub fn generate() -> Result<StoreKey, IdError> {
        SessionId::generate().map(StoreKey::from)
    }
}

impl From<SessionId> for StoreKey {
    fn from(id: SessionId) -> StoreKey {
        let digest = Sha256::digest(id.expose().as_bytes()).into();
        StoreKey { id, digest }
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

/// The public name of a session, for a devices page or an operator: it finds the session, but opens nothing.
///
/// The store chooses it; it is safe in a URL path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(Arc<str>);

impl Handle {
    /// A handle by its text, which may come from anywhere: one that no session has finds none.
    pub fn new(text: impl Into<Arc<str>>) -> Handle {
        Handle(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Handle {
    fn from(text: &str) -> Handle {
        Handle::new(text)
    }
}

impl From<String> for Handle {
    fn from(text: String) -> Handle {
        Handle::new(text)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose session it is, in the application's own terms: 1 to 256 bytes.
///
/// ```
/// use cloakroom::UserId;
///
/// assert_eq!(UserId::new("ada")?.as_str(), "ada");
/// assert!(UserId::new("").is_err());
/// # Ok::<(), cloakroom::record::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// A user id.
    ///
    /// # Errors
    ///
    /// If it is empty or longer than 256 bytes.
    pub fn new(text: impl Into<Arc<str>>) -> Result<UserId, IdError> {
        let text = text.into();
        if text.is_empty() || text.len() > 256 {
            Err(IdError(Reason::UserLength(text.len())))
        } else {
            Ok(UserId(text))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for UserId {
    type Error = IdError;

    fn try_from(text: &str) -> Result<UserId, IdError> {
        UserId::new(text)
    }
}

impl TryFrom<String> for UserId {
    type Error = IdError;

    fn try_from(text: String) -> Result<UserId, IdError> {
        UserId::new(text)
    }
}

impl TryFrom<&String> for UserId {
    type Error = IdError;

    fn try_from(text: &String) -> Result<UserId, IdError> {
        UserId::new(text.as_str())
    }
}

impl From<&UserId> for UserId {
    fn from(user: &UserId) -> UserId {
        user.clone()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why there is no such id.
#[derive(Debug)]
pub struct IdError(Reason);

#[derive(Debug)]
enum Reason {
    Random(getrandom::Error),
    UserLength(usize),
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reason::Random(_) => f.write_str("the operating system gives no random bytes"),
            Reason::UserLength(length) => write!(f, "a user id has 1 to 256 bytes, not {length}"),
        }
    }
}

impl From<std::convert::Infallible> for IdError {
    fn from(never: std::convert::Infallible) -> IdError {
        match never {}
    }
}

impl std::error::Error for IdError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Reason::Random(source) => Some(source),
            Reason::UserLength(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_43_characters_and_never_comes_twice() {
        let (one, two) = (SessionId::generate().unwrap(), SessionId::generate().unwrap());
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one, two);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let id = SessionId::from_ticket("the-secret-id");
        assert!(!format!("{id:?} {:?}", StoreKey::from(id.clone())).contains("the-secret"));
    }
}
