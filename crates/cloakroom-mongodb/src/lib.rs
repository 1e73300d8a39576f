#![doc = include_str!("../README.md")]

mod store;

mod directory;
mod layout;
mod update;

mod escape;
mod value;

mod error;
mod index;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

pub use store::MongoStore;
