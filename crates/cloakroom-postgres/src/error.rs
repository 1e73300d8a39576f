//! What went wrong, without the words of the driver or the server: these quote keys and values.

use std::fmt;
use std::time::Duration;

use cloakroom::store::{StoreError, StoreErrorKind};
use tokio_postgres::Error;

/// `unique_violation`.
const DUPLICATE: &str = "23505";

/// What was asked of the server when it failed: of a write that was sent, nobody knows whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
}

impl Call {
    /// The driver's error as the contract has it.
    pub(crate) fn failed(self, error: &Error) -> StoreError {
        let kind = match error.code() {
            Some(code) => self.kind(code.code()),
            None if is_lost(error) => self.interrupted(),
            None => StoreErrorKind::Other,
        };
        StoreError::with_source(kind, Fault::of(error))
    }

    /// By the code of the server (PostgreSQL's manual, appendix A).
    fn kind(self, code: &str) -> StoreErrorKind {
        match code {
            // A standby, or a role that may not: the server refuses before it begins.
            "25006" | "42501" | "28000" | "28P01" | "3D000" => StoreErrorKind::Unavailable,
            // No room on the disk. Other resources that are short will do again.
            "53100" => StoreErrorKind::Full,
            _ if code.starts_with("53") => StoreErrorKind::Unavailable,
            // Cancelled by a time limit: of the statement, or of a lock.
            "57014" | "55P03" => StoreErrorKind::Timeout,
            // It is shutting down or starting up.
            "57P03" => StoreErrorKind::Unavailable,
            _ if code.starts_with("57P") || code.starts_with("08") || code.starts_with("58") => self.interrupted(),
            _ if code.starts_with("XX") => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Other,
        }
    }

    /// The server or its network gave up half-way.
    fn interrupted(self) -> StoreErrorKind {
        match self {
            Call::Read => StoreErrorKind::Unavailable,
            Call::Write => StoreErrorKind::Timeout,
        }
    }
}

/// Whether the connection was lost, and with it the answer.
pub(crate) fn is_lost(error: &Error) -> bool {
    if error.is_closed() {
        return true;
    }
    match error.code() {
        Some(code) => code.code().starts_with("57P") || code.code().starts_with("08"),
        None => std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>()),
    }
}

/// Whether the server has taken all of it back because of another transaction, and may not do so again:
/// `serialization_failure`, `deadlock_detected`.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(code(error), Some("40001" | "40P01"))
}

/// Whether a statement that was prepared is there no more, or means something else by now. It was not executed.
pub(crate) fn is_stale(error: &Error) -> bool {
    matches!(code(error), Some("26000" | "0A000"))
}

/// Whether a unique index has the key already.
pub(crate) fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE)
}

fn code(error: &Error) -> Option<&str> {
    error.code().map(|code| code.code())
}

/// There is no connection, so nothing was sent.
pub(crate) fn not_connected(error: &Error) -> StoreError {
    StoreError::with_source(StoreErrorKind::Unavailable, Fault::of(error))
}

/// There was no connection in time, so nothing was sent.
pub(crate) fn no_connection(why: impl fmt::Display) -> StoreError {
    StoreError::with_source(StoreErrorKind::Unavailable, Fault::words(why))
}

/// No answer within the deadline.
pub(crate) fn timeout(deadline: Duration) -> StoreError {
    StoreError::with_source(StoreErrorKind::Timeout, Fault::words(format!("no answer within {deadline:?}")))
}

/// A row that no record can be made of.
pub(crate) fn corrupt(column: &'static str) -> StoreError {
    let words = format!("the column `{column}` is not as it should be");
    StoreError::with_source(StoreErrorKind::Corrupt, Fault::words(words))
}

/// A connection string that can't be used. The driver quotes what it can't read, which may be a password.
pub(crate) fn bad_url(why: impl fmt::Display) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, Fault::words(format!("the connection string is not valid: {why}")))
}

/// A name that no table can have.
pub(crate) fn bad_name() -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, Fault::words("a table's name has 1 to 63 bytes, and no NUL"))
}

/// The operating system gives no random bytes.
pub(crate) fn no_random(source: getrandom::Error) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, source)
}

/// What is not to be said otherwise.
pub(crate) fn other(words: impl fmt::Display) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, Fault::words(words))
}

/// What happened, in our own words.
#[derive(Debug)]
struct Fault(String);

impl Fault {
    fn words(words: impl fmt::Display) -> Fault {
        Fault(format!("PostgreSQL: {words}"))
    }

    fn of(error: &Error) -> Fault {
        let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
        match (code(error), io) {
            (Some(code), _) => Fault::words(format!("the statement failed (SQLSTATE {code})")),
            (None, Some(io)) => match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(tls) => Fault::words(format!("TLS failed: {tls}")),
                None => Fault::words(format!("I/O error: {}", io.kind())),
            },
            (None, None) if error.is_closed() => Fault::words("the connection was lost"),
            // Without a source, it is the driver's own words, which quote nothing.
            (None, None) if std::error::Error::source(error).is_none() => Fault::words(error),
            (None, None) => Fault::words("the driver failed"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        for (code, read, write) in [
            ("25006", StoreErrorKind::Unavailable, StoreErrorKind::Unavailable),
            ("53100", StoreErrorKind::Full, StoreErrorKind::Full),
            ("53300", StoreErrorKind::Unavailable, StoreErrorKind::Unavailable),
            ("57014", StoreErrorKind::Timeout, StoreErrorKind::Timeout),
            ("57P01", StoreErrorKind::Unavailable, StoreErrorKind::Timeout),
            ("57P03", StoreErrorKind::Unavailable, StoreErrorKind::Unavailable),
            ("08006", StoreErrorKind::Unavailable, StoreErrorKind::Timeout),
            ("58030", StoreErrorKind::Unavailable, StoreErrorKind::Timeout),
            ("XX001", StoreErrorKind::Corrupt, StoreErrorKind::Corrupt),
            ("42P01", StoreErrorKind::Other, StoreErrorKind::Other),
        ] {
            assert_eq!((Call::Read.kind(code), Call::Write.kind(code)), (read, write), "{code}");
        }
    }
}
