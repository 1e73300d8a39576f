#![doc = include_str!("../README.md")]

mod store;

mod cluster_steps;
mod directory;

mod changes;
mod layout;
mod names;

mod cluster;
mod link;
mod script;
mod server;

mod error;

pub use store::RedisStore;
