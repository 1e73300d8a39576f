#![doc = include_str!("../README.md")]

mod builder;
mod store;

mod directory;
mod write;

mod row;
mod schema;
mod text;

mod link;
mod thread;

mod error;
mod job;
mod queue;

pub use builder::{SqliteBuilder, Synchronous};
pub use store::SqliteStore;
