#![doc = include_str!("../README.md")]

mod store;

mod express;

mod checkup;
mod directory;
mod export;
mod feed;
mod layout;
mod update;

mod escape;
mod style;
mod value;

mod error;
mod index;
mod place;
mod sweep;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

pub use express::{ExpressLayout, ExpressStore, WebCrypto, WebCryptoEncoding, WebCryptoError, WebCryptoOptions};
pub use store::MongoStore;
