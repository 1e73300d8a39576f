//! The names of a session: secret ones (the id, the store's key) and public ones (the handle, the user).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::text::Text;

/// What the cookie carries. Whoever knows it has the session, so it can't be printed.
///
/// Cloakroom's own are 256 bits from the operating system, as 43 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(Text<LENGTH>);

/// How many characters Cloakroom's own ids have. Each request has one, so they are kept in place.
const LENGTH: usize = 43;

impl SessionId {
    /// A new random id.
    ///
    /// # Errors
    ///
    /// If the operating system gives no random bytes.
    pub fn generate() -> Result<SessionId, IdError> {
        let mut bytes = [0_u8; LENGTH];
        // Never fails: 32 bytes are 43 characters.
        let _written = URL_SAFE_NO_PAD.encode_slice(random::<32>()?, &mut bytes);
        Ok(SessionId(Text::InPlace { bytes, length: LENGTH as u8 }))
    }

    /// An id that a signed ticket has proved to be the server's own.
    pub(crate) fn from_ticket(id: &str) -> SessionId {
        SessionId(id.into())
    }

    /// The id itself: the credential. Only a cookie may carry it.
    pub(crate) fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// The bytes of the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], IdError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|source| IdError(Reason::Random(source)))?;
    Ok(bytes)
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
///
/// Clones share the id and the digest.
#[derive(Clone)]
pub struct StoreKey(Arc<Named>);

struct Named {
    id: SessionId,
    /// Computed when it is first asked for.
    digest: OnceLock<[u8; 32]>,
}

impl StoreKey {
    /// SHA-256 of the session id.
    pub fn digest(&self) -> &[u8; 32] {
        self.0.digest.get_or_init(|| Sha256::digest(self.as_bytes()).into())
    }

    /// The session id itself: a credential. Never log it.
    ///
    /// Empty where a record is moved that was known by its digest alone. Only a store that keeps
    /// [digests](crate::store::Names::Digests) is asked with such a key.
    pub fn plain(&self) -> &str {
        self.0.id.expose()
    }

    /// A key by its digest alone.
    pub(crate) fn from_digest(digest: [u8; 32]) -> StoreKey {
        StoreKey(Arc::new(Named { id: SessionId::from_ticket(""), digest: OnceLock::from(digest) }))
    }

    /// Whether it knows more than a digest: no id is empty.
    pub(crate) fn has_id(&self) -> bool {
        !self.as_bytes().is_empty()
    }

    /// The key of a new random id.
    ///
    /// # Errors
    ///
    /// If the operating system gives no random bytes.
    pub fn generate() -> Result<StoreKey, IdError> {
        SessionId::generate().map(StoreKey::from)
    }

    /// The session id.
    pub(crate) fn id(&self) -> &SessionId {
        &self.0.id
    }

    /// The bytes of the session id.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.id.as_bytes()
    }
}

impl From<SessionId> for StoreKey {
    fn from(id: SessionId) -> StoreKey {
        StoreKey(Arc::new(Named { id, digest: OnceLock::new() }))
    }
}

impl PartialEq for StoreKey {
    fn eq(&self, other: &StoreKey) -> bool {
        self.0.id == other.0.id && (self.has_id() || self.digest() == other.digest())
    }
}

impl Eq for StoreKey {}

/// By the last characters of the id: if it was drawn, they are as random as all of them.
impl Hash for StoreKey {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.as_bytes().last_chunk().map_or(0, |last| u64::from_le_bytes(*last)));
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
#[derive(Clone, PartialEq, Eq)]
pub struct Handle(Text<16>);

impl Handle {
    /// A handle by its text, which may come from anywhere: one that no session has finds none.
    pub fn new(text: impl Into<Arc<str>>) -> Handle {
        Handle(text.into().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<&str> for Handle {
    fn from(text: &str) -> Handle {
        Handle(text.into())
    }
}

impl From<String> for Handle {
    fn from(text: String) -> Handle {
        Handle::from(text.as_str())
    }
}

impl PartialOrd for Handle {
    fn partial_cmp(&self, other: &Handle) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Handle {
    fn cmp(&self, other: &Handle) -> Ordering {
        self.0.as_bytes().cmp(other.0.as_bytes())
    }
}

impl Hash for Handle {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.as_str().hash(hasher);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
    Empty,
}

impl IdError {
    pub(crate) fn empty() -> IdError {
        IdError(Reason::Empty)
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reason::Random(_) => f.write_str("the operating system gives no random bytes"),
            Reason::UserLength(length) => write!(f, "a user id has 1 to 256 bytes, not {length}"),
            Reason::Empty => f.write_str("a session id is not empty"),
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
            Reason::UserLength(_) | Reason::Empty => None,
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
    fn an_id_of_any_length_is_what_the_ticket_says() {
        let own = SessionId::generate().unwrap();
        let long = "é".repeat(30);
        for text in [own.expose(), "", "short", &long] {
            let id = SessionId::from_ticket(text);
            assert_eq!((id.expose(), id.as_bytes()), (text, text.as_bytes()));
            assert_eq!(id, SessionId::from_ticket(text));
            assert_eq!(StoreKey::from(id).digest()[..], Sha256::digest(text)[..]);
        }
        assert_eq!(SessionId::from_ticket(own.expose()), own);
    }

    #[test]
    fn a_key_of_a_digest_alone_is_told_from_others() {
        let whole = StoreKey::generate().unwrap();
        let key = StoreKey::from_digest(*whole.digest());
        assert_eq!((key.digest(), key.plain(), key.has_id(), whole.has_id()), (whole.digest(), "", false, true));
        assert!(key == StoreKey::from_digest(*whole.digest()) && key != StoreKey::from_digest([0; 32]));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let id = SessionId::from_ticket("the-secret-id");
        assert!(!format!("{id:?} {:?}", StoreKey::from(id.clone())).contains("the-secret"));
    }
}
