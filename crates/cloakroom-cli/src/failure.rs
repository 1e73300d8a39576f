//! How the command ends, and why.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use cloakroom::store::StoreError;

/// The exit codes. They are a part of what scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is done.
    Done = 0,
    /// It failed, or a part of it did.
    Failed = 1,
    /// It was not asked for rightly: as clap has it, too.
    Usage = 2,
    /// There was nothing of the kind.
    Nothing = 3,
    /// It was looked at, and something is wrong.
    Found = 4,
    /// It was to be confirmed, and was not.
    Unconfirmed = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

pub(crate) type Outcome<T = Exit> = Result<T, Failure>;

/// Why it did not go on. It quotes no id, no secret and no URL.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    words: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// It failed.
    pub(crate) fn words(words: impl Into<String>) -> Failure {
        Failure { exit: Exit::Failed, words: words.into(), source: None }
    }

    /// It failed because of another error.
    pub(crate) fn because(words: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure { source: Some(source.into()), ..Failure::words(words) }
    }

    /// It was not asked for rightly.
    pub(crate) fn usage(words: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, ..Failure::words(words) }
    }

    /// It was to be confirmed, and was not.
    pub(crate) fn unconfirmed(words: impl Into<String>) -> Failure {
        Failure { exit: Exit::Unconfirmed, ..Failure::words(words) }
    }

    /// Tells people on standard error.
    pub(crate) fn show(&self) -> ExitCode {
        let text = format!("cloakroom: {}", self.with_sources());
        // Where standard error is gone, nobody can be told.
        writeln!(io::stderr(), "{}", crate::output::printable(&text)).ok();
        self.exit.into()
    }

    /// What happened, and why, and why that.
    pub(crate) fn with_sources(&self) -> String {
        let (mut text, mut source) = (self.words.clone(), self.source());
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::because("the store", error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::because("standard output", error)
    }
}
