//! What went wrong, without the words of the driver or the server: these may quote keys and values.

use std::fmt;
use std::time::Duration;

use cloakroom::store::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The server refuses before it begins: it is no master, not ready, busy, or does not know us.
const REFUSED: [&str; 13] = [
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
    "DENIED",
    "NOMASTERLINK",
];

/// What was asked of the server when it failed: of a write that was sent, nobody knows whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// No connection: nothing was sent.
    NotSent(RedisError),
    /// The connection broke when it was sent, or may have been.
    Lost(RedisError),
}

impl Failure {
    pub(crate) fn of(self, call: Call) -> StoreError {
        let (kind, error) = match (self, call) {
            (Failure::NotSent(error), _) => (StoreErrorKind::Unavailable, error),
            (Failure::Lost(error), _) if error.kind() == ErrorKind::Parse => (StoreErrorKind::Corrupt, error),
            (Failure::Lost(error), Call::Read) => (StoreErrorKind::Unavailable, error),
            (Failure::Lost(error), Call::Write) => (StoreErrorKind::Timeout, error),
        };
        StoreError::with_source(kind, Fault::of(&error))
    }
}

/// The server itself says no. It says so before anything is changed.
pub(crate) fn refused(error: &RedisError) -> StoreError {
    let kind = match error.code() {
        Some("OOM") => StoreErrorKind::Full,
        Some("WRONGTYPE") => StoreErrorKind::Corrupt,
        Some(code) if REFUSED.contains(&code) => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Other,
    };
    StoreError::with_source(kind, Fault::of(error))
}

/// No answer within the deadline.
pub(crate) fn timeout(deadline: Duration) -> StoreError {
    StoreError::with_source(StoreErrorKind::Timeout, Fault::words(format!("no answer within {deadline:?}")))
}

/// Fewer replicas than asked have confirmed a write. The master has it.
pub(crate) fn too_few_replicas(asked: usize, confirmed: i64) -> StoreError {
    let words = format!("{confirmed} replicas have confirmed the write in time, not {asked}");
    StoreError::with_source(StoreErrorKind::Timeout, Fault::words(words))
}

/// The second half of a change that is not made in one step failed: the first half has happened.
pub(crate) fn half_done(error: StoreError) -> StoreError {
    StoreError::with_source(StoreErrorKind::Timeout, error)
}

/// A record that can't be read, or an answer that none of the scripts gives.
pub(crate) fn corrupt(what: &'static str) -> StoreError {
    StoreError::with_source(StoreErrorKind::Corrupt, Fault::words(format!("{what} is not as it should be")))
}

/// An address that can't be used.
pub(crate) fn bad_url(url: &str, error: &RedisError) -> StoreError {
    // It may hold a password then.
    let words = if url.contains('@') { "the address is not valid".to_owned() } else { Fault::of(error).0 };
    StoreError::with_source(StoreErrorKind::Other, Fault(words))
}

/// What can't be set up as it was asked.
pub(crate) fn bad_setting(words: &'static str) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, Fault::words(words))
}

/// The connection on which the server tells what happens has ended.
pub(crate) fn no_news() -> StoreError {
    StoreError::with_source(StoreErrorKind::Unavailable, Fault::words("the connection of the feed is lost"))
}

pub(crate) fn no_randomness(error: getrandom::Error) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, error)
}

/// No node of the cluster could tell which has which keys.
pub(crate) fn no_node() -> RedisError {
    RedisError::from((ErrorKind::ClusterConnectionNotFound, "no node of the cluster answers"))
}

/// What happened, in our own words.
#[derive(Debug)]
struct Fault(String);

impl Fault {
    fn words(words: impl fmt::Display) -> Fault {
        Fault(format!("Redis: {words}"))
    }

    fn of(error: &RedisError) -> Fault {
        let words = match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::CrossSlot) => {
                "the server is a part of a cluster, and this store was not connected to one".to_owned()
            }
            ErrorKind::Server(_) | ErrorKind::Extension => match error.code() {
                Some(code) if code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                    format!("the server refuses: {code}")
                }
                _ => "the server refuses".to_owned(),
            },
            ErrorKind::Io => {
                let source = std::error::Error::source(error);
                let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
                io.map_or("I/O error".to_owned(), |io| format!("I/O error: {}", io.kind()))
            }
            ErrorKind::AuthenticationFailed => "the server refuses the credentials".to_owned(),
            ErrorKind::InvalidClientConfig => "the configuration is not valid".to_owned(),
            ErrorKind::ClusterConnectionNotFound => "no node of the cluster answers".to_owned(),
            ErrorKind::RESP3NotSupported => "the server is too old: it does not know RESP3".to_owned(),
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => "no valid answer".to_owned(),
            _ => "the driver failed".to_owned(),
        };
        Fault::words(words)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
