#![doc = include_str!("../README.md")]

mod store;

mod express;

mod directory;
mod layout;
mod update;

mod escape;
mod value;

mod error;
mod index;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

pub use express::{WebCrypto, WebCryptoEncoding, WebCryptoError, WebCryptoOptions};
pub use store::MongoStore;
