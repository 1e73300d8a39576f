#![doc = include_str!("../README.md")]

mod store;

mod express;

mod checkup;
mod directory;
mod export;
mod feed;
mod layout;
mod statements;
mod update;

mod escape;
mod name;
mod setup;

mod connect;
mod error;
mod parameter;
mod server;
mod tls;

pub use deadpool_postgres;
pub use express::{ExpressLayout, ExpressStore};
pub use store::PostgresStore;
