#![doc = include_str!("../README.md")]

mod builder;
mod store;

mod checkup;
mod directory;
mod write;

mod row;
mod schema;
mod text;

mod link;
mod thread;

mod error;
mod export;
mod job;
mod queue;

pub use builder::{SqliteBuilder, Synchronous};
pub use store::SqliteStore;
