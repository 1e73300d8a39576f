#![doc = include_str!("../README.md")]

mod store;

mod express;

mod checkup;
mod cluster_steps;
mod directory;
mod export;
mod feed;
mod scan;

mod changes;
mod layout;
mod names;

mod cluster;
mod link;
mod script;
mod server;

mod error;

pub use express::{ConnectRedis, ExpressStore};
pub use store::RedisStore;
