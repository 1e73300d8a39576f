//! The layouts of Express' session stores.

mod layout;
mod store;

mod directory;
mod export;
mod feed;
mod rotation;
mod tombstone;
mod turnstile;

mod document;
mod extras;
mod session;

mod crypto;
mod text;

mod expression;
mod filter;
mod times;
mod update;

#[cfg(test)]
mod vectors;

pub use crypto::{WebCrypto, WebCryptoEncoding, WebCryptoError, WebCryptoOptions};
#[cfg(feature = "fuzzing")]
pub(crate) use document::{Reading, new, read};
pub(crate) use layout::COLLECTION;
pub use layout::ExpressLayout;
pub use store::ExpressStore;
