//! What a store answered, in words.

use std::fmt;

use super::trial::{Fault, Verdict};
use crate::store::{Applied, Created, Loaded, Rotated};

/// What a store answered, in a word.
pub(super) trait Answer {
    fn word(&self) -> &'static str;

    /// Expects this answer.
    #[track_caller]
    fn must_be(&self, word: &'static str, of: impl fmt::Display) -> Verdict {
        if self.word() == word { Ok(()) } else { Err(Fault::expected(format!("{word} from {of}"), self.word())) }
    }
}

impl Answer for Loaded {
    fn word(&self) -> &'static str {
        match self {
            Loaded::Found(_) => "Found",
            Loaded::Superseded => "Superseded",
            Loaded::Missing => "Missing",
        }
    }
}

impl Answer for Created {
    fn word(&self) -> &'static str {
        match self {
            Created::Done { .. } => "Done",
            Created::Taken => "Taken",
        }
    }
}

impl Answer for Applied {
    fn word(&self) -> &'static str {
        match self {
            Applied::Done(_) => "Done",
            Applied::Gone => "Gone",
            Applied::Conflict => "Conflict",
            Applied::WrongType => "WrongType",
        }
    }
}

impl Answer for Rotated {
    fn word(&self) -> &'static str {
        match self {
            Rotated::Done { .. } => "Done",
            Rotated::Gone => "Gone",
            Rotated::Conflict => "Conflict",
            Rotated::Taken => "Taken",
            Rotated::WrongType => "WrongType",
        }
    }
}
