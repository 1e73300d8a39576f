//! What went wrong, in words that quote no key, id or value.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use cloakroom::store::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;

/// What happened, and what it means for the connection that it happened on.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    kind: StoreErrorKind,
    words: Cow<'static, str>,
    code: Option<ErrorCode>,
}

impl Fault {
    pub(crate) fn new(kind: StoreErrorKind, words: impl Into<Cow<'static, str>>) -> Fault {
        Fault { kind, words: words.into(), code: None }
    }

    /// A row that no record can be made of.
    pub(crate) fn corrupt(column: &'static str) -> Fault {
        Fault::new(StoreErrorKind::Corrupt, format!("the column `{column}` is not as it should be"))
    }

    /// Nobody has begun with it, and nobody will.
    pub(crate) fn late() -> Fault {
        Fault::new(StoreErrorKind::Unavailable, "too many calls are waiting")
    }

    pub(crate) fn closed() -> Fault {
        Fault::new(StoreErrorKind::Unavailable, "the store was closed")
    }

    pub(crate) fn gone() -> Fault {
        Fault::new(StoreErrorKind::Unavailable, "the file was removed or replaced")
    }

    pub(crate) fn timeout(deadline: Duration) -> Fault {
        Fault::new(StoreErrorKind::Timeout, format!("no answer within {deadline:?}"))
    }

    /// An error of the operating system about the file.
    pub(crate) fn io(error: &std::io::Error) -> Fault {
        Fault::new(StoreErrorKind::Unavailable, format!("I/O error: {}", error.kind()))
    }

    /// The error of a commit: where it failed on the way to the disk, a crash may still turn it into a success.
    pub(crate) fn of_commit(error: &rusqlite::Error) -> Fault {
        let fault = Fault::from(error);
        match fault.code {
            Some(ErrorCode::SystemIoFailure) => Fault { kind: StoreErrorKind::Timeout, ..fault },
            _ => fault,
        }
    }

    pub(crate) fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether another process has the lock.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(
            self.code,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed)
        )
    }

    /// Whether the connection had better be made anew: what it knows of the file may be wrong.
    pub(crate) fn spoils_connection(&self) -> bool {
        self.code.is_some_and(|code| {
            !matches!(
                code,
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::ConstraintViolation
                    | ErrorCode::TooBig
            )
        })
    }
}

impl From<&rusqlite::Error> for Fault {
    fn from(error: &rusqlite::Error) -> Fault {
        // A failed statement's message may quote the statement, never its parameters; but the code says enough.
        match error.sqlite_error() {
            Some(failure) => {
                Fault { kind: kind(failure.code), words: failure.to_string().into(), code: Some(failure.code) }
            }
            None => match error {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..) => {
                    Fault::new(StoreErrorKind::Corrupt, "a column is not of the type that it should be")
                }
                rusqlite::Error::SqlInputError { error, .. } => Fault {
                    kind: kind(error.code),
                    words: "the file lacks a table or a column".into(),
                    code: Some(error.code),
                },
                _ => Fault::new(StoreErrorKind::Other, "the driver failed"),
            },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::from(&error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> StoreError {
        StoreError::with_source(fault.kind, fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLite: {}", self.words)
    }
}

impl std::error::Error for Fault {}

fn kind(code: ErrorCode) -> StoreErrorKind {
    match code {
        ErrorCode::DiskFull => StoreErrorKind::Full,
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::PermissionDenied
        | ErrorCode::AuthorizationForStatementDenied
        | ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory => StoreErrorKind::Unavailable,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreErrorKind::Corrupt,
        ErrorCode::OperationInterrupted => StoreErrorKind::Timeout,
        _ => StoreErrorKind::Other,
    }
}
