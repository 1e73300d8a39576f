//! When a store can't answer.

use std::error::Error;
use std::fmt;

/// A store could not answer. The opposite of an answer that nobody likes: that a session is missing is no error.
///
/// Its text names no key, id or value; nor may the source's.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store can't be reached, or refuses to serve. Nothing was changed, as far as one can know.
    Unavailable,
    /// No answer came in time. A write may have happened, or may still.
    Timeout,
    /// The store answers, but has no room for another session.
    Full,
    /// The store answered something that no record can be made of.
    Corrupt,
    /// Anything else.
    Other,
}

impl StoreError {
    /// An error of a kind, without a cause.
    pub fn new(kind: StoreErrorKind) -> StoreError {
        StoreError { kind, source: None }
    }

    /// With the error that caused it. It must name no key, id or value.
    pub fn with_source(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
        StoreError { kind, source: Some(source.into()) }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the store itself is away, rather than something wrong with what it was asked.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Timeout)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the session store is unavailable",
            StoreErrorKind::Timeout => "the session store did not answer in time",
            StoreErrorKind::Full => "the session store is full",
            StoreErrorKind::Corrupt => "the session store holds a record that can't be read",
            StoreErrorKind::Other => "the session store failed",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
