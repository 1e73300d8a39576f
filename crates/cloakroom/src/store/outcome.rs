//! What a store answers. Nothing here is an error: each is a thing that happens to sessions.
//!
//! The answers and [`Guard`] can be matched to the end, as can [`Change`](crate::record::Change) and
//! [`Expiry`](crate::record::Expiry), and that is on purpose: a store must handle or produce each of them, so that
//! another one breaks stores and must not compile unseen.

use std::sync::Arc;

use crate::record::{Handle, Numbers, Record, Value};

/// The answer of [`Store::load`](super::Store::load).
#[derive(Clone, Debug)]
pub enum Loaded {
    /// The live record.
    Found(Found),
    /// The record was rotated away from this key a moment ago, and lives under another.
    Superseded,
    /// There is no live record: never was, or it was destroyed, or has expired.
    Missing,
}

/// A record that was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// The record.
    pub record: Record,
    /// The state that the record is in, for [`Guard::Unchanged`].
    pub token: Token,
    /// The record's public name.
    pub handle: Handle,
}

impl Found {
    /// A record with its token and its handle.
    pub fn new(record: Record, token: Token, handle: Handle) -> Found {
        Found { record, token, handle }
    }
}

/// The answer of [`Store::create`](super::Store::create).
#[derive(Clone, Debug)]
pub enum Created {
    /// The record is stored.
    Done {
        /// The state that it is in.
        token: Token,
        /// The public name that the store gave it.
        handle: Handle,
    },
    /// Another record has the key.
    Taken,
}

/// The answer of [`Store::apply`](super::Store::apply).
#[derive(Clone, Debug)]
pub enum Applied {
    /// The patch is stored.
    Done(Written),
    /// There is no live record.
    Gone,
    /// There is one, but not in the state that the guard asked for. Nothing was changed.
    Conflict,
    /// A key that the patch adds to holds no integer, or the sum would leave `i64`. Nothing was changed.
    WrongType,
}

/// The answer of [`Store::rotate`](super::Store::rotate).
#[derive(Clone, Debug)]
pub enum Rotated {
    /// The record has the new key, and the patch is stored.
    Done {
        /// What became of the patch.
        written: Written,
        /// The record's public name from now on: the same as before where a rotation happens in place.
        handle: Handle,
    },
    /// There is no live record with the old key.
    Gone,
    /// There is one, but not in the state that the guard asked for. Nothing was changed.
    Conflict,
    /// Another record has the new key. Nothing was changed.
    Taken,
    /// A key that the patch adds to holds no integer, or the sum would leave `i64`. Nothing was changed.
    WrongType,
}

/// What a store tells of a patch that it has stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Written {
    /// The state that the record is in now.
    pub token: Token,
    /// The new number of each key that the patch added to.
    pub numbers: Numbers,
}

impl Written {
    /// The state after a patch, and the numbers that it counted.
    pub fn new(token: Token, numbers: Numbers) -> Written {
        Written { token, numbers }
    }
}

/// What a write asks of the record that it finds.
#[derive(Clone, Debug)]
pub enum Guard {
    /// That it lives.
    Exists,
    /// That it lives, and that nothing but touches happened to it since this token.
    Unchanged(Token),
}

/// The state of a record, as its store tells states apart. Opaque to all others.
///
/// A token must differ once the data, the user, the lifetime or the metadata has changed; a touch may leave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(State);

#[derive(Clone, PartialEq, Eq)]
enum State {
    Version(i64),
    Body(Arc<[u8]>),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            State::Version(version) => write!(f, "{version}"),
            State::Body(body) => write!(f, "{} bytes", body.len()),
        }
    }
}

impl Token {
    /// A version number, where the store counts them.
    pub fn version(version: i64) -> Token {
        Token(State::Version(version))
    }

    /// The old body, where a foreign writer knows no versions.
    pub fn body(body: impl Into<Arc<[u8]>>) -> Token {
        Token(State::Body(body.into()))
    }

    /// The number of a token made by [`version`](Token::version).
    pub fn as_version(&self) -> Option<i64> {
        match &self.0 {
            State::Version(version) => Some(*version),
            State::Body(_) => None,
        }
    }

    /// The body of a token made by [`body`](Token::body).
    pub fn as_body(&self) -> Option<&[u8]> {
        match &self.0 {
            State::Version(_) => None,
            State::Body(body) => Some(body),
        }
    }
}

/// What a store declares about itself; the conformance suite holds it to that.
///
/// A store names each that it has, so that one which is thought of later is none that it has declared unawares.
///
/// ```
/// use cloakroom::store::Capabilities;
///
/// let capabilities = Capabilities::least().rotating_in_place();
/// assert!(capabilities.rotates_in_place && !capabilities.remembers_previous_key);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// A rotation changes the key of the record in place: the handle stays, and at no moment is the session away.
    /// Otherwise the old record is ended before the new one is made.
    pub rotates_in_place: bool,
    /// A rotated record remembers its previous key, so that [`Loaded::Superseded`] is told.
    pub remembers_previous_key: bool,
    /// Which keys of the application it can't keep.
    pub keys: &'static KeyRules,
}

/// Which keys a store can't keep, in a format that is not its own choice. Sessions refuse them at `insert`, so that the store
/// never sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRules {
    /// Names of session keys that mean something else there.
    pub reserved: &'static [&'static str],
    /// Whether a key may hold the character NUL, also a key of an object inside a value.
    pub nul: bool,
}

impl KeyRules {
    /// Any key at all.
    pub const ANY: KeyRules = KeyRules { reserved: &[], nul: true };

    /// Whether a session can have a key of this name.
    pub fn allow(&self, key: &str) -> bool {
        !self.reserved.contains(&key) && (self.nul || !key.contains('\0'))
    }

    /// Whether a session can have this value: that is, the keys in it.
    pub fn allow_in(&self, value: &Value) -> bool {
        self.nul || !value.has_nul_in_a_key()
    }
}

impl Capabilities {
    /// None of it: the least that the contract asks.
    pub fn least() -> Capabilities {
        Capabilities { rotates_in_place: false, remembers_previous_key: false, keys: &KeyRules::ANY }
    }

    /// And that it [rotates in place](Capabilities::rotates_in_place).
    #[must_use]
    pub fn rotating_in_place(self) -> Capabilities {
        Capabilities { rotates_in_place: true, ..self }
    }

    /// And that it [remembers previous keys](Capabilities::remembers_previous_key).
    #[must_use]
    pub fn remembering_previous_key(self) -> Capabilities {
        Capabilities { remembers_previous_key: true, ..self }
    }

    /// And that it can keep [no other keys](Capabilities::keys) than these.
    #[must_use]
    pub fn with_keys(self, keys: &'static KeyRules) -> Capabilities {
        Capabilities { keys, ..self }
    }
}
