//! The layout of Express' session store `connect-pg-simple`.

mod layout;
mod store;

mod directory;
mod export;
mod statements;
mod turnstile;

mod extras;
mod max_age;
mod row;
mod text;

pub use layout::ExpressLayout;
pub use store::ExpressStore;
