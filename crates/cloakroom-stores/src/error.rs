//! Why a URL names no store, in words that quote nothing of it: it may hold a password.

use std::error::Error;
use std::fmt;

/// A URL names no store. Its text shows neither the URL nor a password.
#[derive(Debug)]
pub struct StoreUrlError {
    words: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreUrlError {
    pub(crate) fn words(words: impl Into<String>) -> StoreUrlError {
        StoreUrlError { words: words.into(), source: None }
    }

    #[cfg(any(feature = "mongodb", feature = "postgres", feature = "redis", feature = "sqlite"))]
    pub(crate) fn with_source(
        words: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> StoreUrlError {
        StoreUrlError { words: words.into(), source: Some(source.into()) }
    }
}

impl fmt::Display for StoreUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store URL: {}", self.words)
    }
}

impl Error for StoreUrlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
