//! What went wrong, in words that quote no key, id or value.

use std::error::Error;
use std::fmt;

use cloakroom::record::ValueError;
use cloakroom::store::{StoreError, StoreErrorKind};

#[derive(Debug)]
pub(crate) enum Fault {
    NoCiphertext,
    OtherVersion,
    UnknownKey,
    NotAuthentic,
    NoValue(Option<ValueError>),
    NoKey,
    TooLong,
    Random(getrandom::Error),
    Overtaken,
}

impl Fault {
    fn kind(&self) -> StoreErrorKind {
        match self {
            Fault::NoCiphertext | Fault::OtherVersion | Fault::UnknownKey | Fault::NotAuthentic | Fault::NoValue(_) => {
                StoreErrorKind::Corrupt
            }
            Fault::NoKey | Fault::TooLong | Fault::Random(_) | Fault::Overtaken => StoreErrorKind::Other,
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> StoreError {
        StoreError::with_source(fault.kind(), fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::NoCiphertext => "a value is not encrypted",
            Fault::OtherVersion => "a value is encrypted in a way that this version does not know",
            Fault::UnknownKey => "a value was encrypted with a data key that is not at hand",
            Fault::NotAuthentic => "a value was changed, or belongs to another name or session, or to another data key",
            Fault::NoValue(_) => "a decrypted value is no JSON",
            Fault::NoKey => "no key could be derived",
            Fault::TooLong => "a value is too long to encrypt",
            Fault::Random(_) => "the operating system gives no random bytes",
            Fault::Overtaken => "other writes of the session were faster each time",
        })
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Fault::NoValue(source) => source.as_ref().map(|source| source as _),
            Fault::Random(source) => Some(source),
            _ => None,
        }
    }
}
