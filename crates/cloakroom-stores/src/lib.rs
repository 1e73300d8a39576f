#![doc = include_str!("../README.md")]

mod store_url;

#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(any(feature = "mongodb", feature = "postgres", feature = "redis", feature = "sqlite"))]
mod options;

#[cfg(any(feature = "mongodb", feature = "postgres", feature = "redis"))]
mod near;

mod error;

pub use error::StoreUrlError;
pub use store_url::StoreUrl;
