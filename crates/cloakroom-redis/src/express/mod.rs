//! Sessions that Express reads and writes too, by connect-redis.

mod store;

mod directory;
mod export;
mod rotation;

mod layout;
mod text;

mod turnstile;

pub use layout::ConnectRedis;
pub use store::ExpressStore;
