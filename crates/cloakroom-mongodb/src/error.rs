//! What went wrong, without the words of the driver or the server: these quote keys and values.

use std::fmt;
use std::time::Duration;

use cloakroom::store::{StoreError, StoreErrorKind};
use mongodb::error::{Error, ErrorKind, NO_WRITES_PERFORMED, SYSTEM_OVERLOADED_ERROR, WriteFailure};

/// E11000: a unique index has the key already.
const DUPLICATE_KEY: i32 = 11000;
/// `$inc` on what is no number.
const TYPE_MISMATCH: i32 = 14;
/// `$inc` that leaves the range, among other things.
const BAD_VALUE: i32 = 2;
/// Location40573: `$changeStream` on a server that stands alone.
const NO_REPLICA_SET: i32 = 40573;

/// The server refuses before it begins: no primary, or no permission.
const REFUSED: [i32; 7] = [10058, 10107, 13435, 13436, 13, 18, 8];
/// The server or its network gave up half-way.
const INTERRUPTED: [i32; 10] = [6, 7, 89, 91, 134, 189, 9001, 11600, 11602, 262];
/// A time limit was reached, or the write was not acknowledged by enough servers in time.
const TOO_LATE: [i32; 3] = [50, 64, 100];

/// What was asked of the server when it failed: of a write that was sent, nobody knows whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
}

impl Call {
    /// The driver's error as the contract has it.
    pub(crate) fn failed(self, error: &Error) -> StoreError {
        StoreError::with_source(self.kind(error), Fault::of(error))
    }

    fn kind(self, error: &Error) -> StoreErrorKind {
        let interrupted = if self == Call::Read || error.contains_label(NO_WRITES_PERFORMED) {
            StoreErrorKind::Unavailable
        } else {
            StoreErrorKind::Timeout
        };
        match error.kind.as_ref() {
            ErrorKind::ServerSelection { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Shutdown => StoreErrorKind::Unavailable,
            // The driver marks so what failed while it made the connection: nothing was sent.
            ErrorKind::Io(_) if error.contains_label(SYSTEM_OVERLOADED_ERROR) => StoreErrorKind::Unavailable,
            // While it waited for a connection, or for the answer: the driver does not tell.
            ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => interrupted,
            // It did happen, on fewer servers than the write concern asks.
            ErrorKind::Write(WriteFailure::WriteConcernError(_)) => StoreErrorKind::Timeout,
            ErrorKind::InvalidResponse { .. } | ErrorKind::BsonDeserialization(_) => StoreErrorKind::Corrupt,
            _ => match code(error) {
                Some(code) if REFUSED.contains(&code) => StoreErrorKind::Unavailable,
                Some(code) if INTERRUPTED.contains(&code) => interrupted,
                Some(code) if TOO_LATE.contains(&code) => StoreErrorKind::Timeout,
                _ => StoreErrorKind::Other,
            },
        }
    }
}

/// Whether another record has the key, which is in the field `key`. A duplicate in another index is something else.
pub(crate) fn is_taken(error: &Error, key: &str) -> bool {
    let message = match error.kind.as_ref() {
        ErrorKind::Command(error) if error.code == DUPLICATE_KEY => &error.message,
        ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY => &error.message,
        _ => return false,
    };
    // Only the message tells which fields the index has: of an insert's answer, the driver keeps nothing else.
    let fields = message.split_once("dup key: { ").map(|(_, fields)| fields);
    fields.and_then(|fields| fields.strip_prefix(key)).map_or(fields.is_none(), |rest| rest.starts_with(':'))
}

/// Whether there are no change streams, for the server stands alone.
pub(crate) fn is_no_replica_set(error: &Error) -> bool {
    code(error) == Some(NO_REPLICA_SET)
}

/// Nothing can be heard of what happens to sessions.
pub(crate) fn no_feed(why: &'static str) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, Fault::words(format!("there is no feed: {why}")))
}

/// Whether a number was to be added to what is none, or left the range.
pub(crate) fn is_wrong_type(error: &Error) -> bool {
    matches!(code(error), Some(TYPE_MISMATCH | BAD_VALUE))
}

/// The server's code for the error.
pub(crate) fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        _ => None,
    }
}

/// No answer within the deadline.
pub(crate) fn timeout(deadline: Duration) -> StoreError {
    StoreError::with_source(StoreErrorKind::Timeout, Fault::words(format!("no answer within {deadline:?}")))
}

/// The second half of a change that is not made in one step: the first half has happened.
pub(crate) fn half_done(error: &Error) -> StoreError {
    StoreError::with_source(StoreErrorKind::Timeout, Fault::of(error))
}

/// A document that no record can be made of.
pub(crate) fn corrupt(field: &'static str) -> StoreError {
    StoreError::with_source(
        StoreErrorKind::Corrupt,
        Fault::words(format!("the field `{field}` is not as it should be")),
    )
}

/// A value that is JSON, but that BSON has no word for.
pub(crate) fn no_bson() -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, Fault::words("a text is not valid Unicode"))
}

/// A key or a value that the layout of other software has no place for.
pub(crate) fn no_place(what: &'static str) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, Fault::words(format!("the layout has no place for {what}")))
}

/// A connection string that can't be used. The driver's own words quote it, and with it perhaps a password.
pub(crate) fn bad_uri(error: &Error) -> StoreError {
    let fault = match error.kind.as_ref() {
        ErrorKind::InvalidArgument { .. } => Fault::words("the connection string is not valid"),
        _ => Fault::of(error),
    };
    StoreError::with_source(Call::Read.kind(error), fault)
}

/// A connection string that asks for no confirmation of writes.
pub(crate) fn unacknowledged() -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, Fault::words("w=0 would lose writes unseen"))
}

/// What happened, in our own words.
#[derive(Debug)]
struct Fault(String);

impl Fault {
    fn words(words: impl fmt::Display) -> Fault {
        Fault(format!("MongoDB: {words}"))
    }

    fn of(error: &Error) -> Fault {
        let words = match error.kind.as_ref() {
            ErrorKind::Command(error) => format!("the command failed: {} (code {})", error.code_name, error.code),
            ErrorKind::Write(WriteFailure::WriteError(error)) => format!("the write failed (code {})", error.code),
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
                format!("the write concern was not satisfied: {} (code {})", error.code_name, error.code)
            }
            ErrorKind::Io(error) => format!("I/O error: {}", error.kind()),
            ErrorKind::ServerSelection { .. } => "no suitable server answers".to_owned(),
            ErrorKind::ConnectionPoolCleared { .. } => "the connections to the server were lost".to_owned(),
            ErrorKind::Authentication { .. } => "the server refuses the credentials".to_owned(),
            ErrorKind::DnsResolve { .. } => "the server's name can't be resolved".to_owned(),
            ErrorKind::InvalidTlsConfig { .. } => "the TLS configuration is not valid".to_owned(),
            ErrorKind::InvalidArgument { .. } => "the driver refuses an option or a document".to_owned(),
            ErrorKind::InvalidResponse { .. } | ErrorKind::BsonDeserialization(_) => "no valid answer".to_owned(),
            ErrorKind::IncompatibleServer { .. } => "the server lacks a feature that is needed".to_owned(),
            ErrorKind::Shutdown => "the client was shut down".to_owned(),
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
