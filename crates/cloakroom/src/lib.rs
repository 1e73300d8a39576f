//! Sessions and cookies.

#![warn(missing_docs)]

pub mod cookie;

mod clock;
pub mod record;
pub mod store;

mod middleware;
mod session;

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "testing")]
pub mod testing;

pub use clock::{Clock, Timestamp};
pub use middleware::{ConfigError, OnGone, ResponseFuture, SessionLayer, SessionLayerBuilder, SessionService};
pub use record::{Handle, UserId};
pub use session::{AsKey, Device, Key, Session, SessionError, SessionErrorKind};
