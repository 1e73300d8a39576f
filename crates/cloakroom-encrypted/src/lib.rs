#![doc = include_str!("../README.md")]

mod store;

mod export;
mod patch;
mod seal;

mod error;
mod keys;

pub use keys::{DataKeyError, DataKeys};
pub use store::EncryptedStore;
