//! What Express keeps, read and written: one login for Express and for Rust.
//!
//! [`SessionText`] is the JSON text of a session as express-session's MemoryStore, connect-redis, and connect-mongo by
//! default keep it. Stores that share their sessions with Express are made of it.

mod cookie;
mod date;
mod json;
mod text;

pub use text::{PatchError, SessionText, TextError, TextErrorKind};
