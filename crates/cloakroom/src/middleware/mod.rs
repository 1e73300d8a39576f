//! The tower layer: the only place where HTTP, cookies and stores meet.
//!
//! The way of a request: the [`service`] notes it and lets it pass; the first handler that asks for its session makes
//! [`load`] read the [`ticket`] and ask the store; when the response is ready the [`future`] commits what has changed, and the
//! [`answer`] decides what the client gets.

mod answer;
mod config;
mod future;
mod load;
mod service;
mod ticket;

pub use config::{ConfigError, OnGone, SessionLayerBuilder};
pub use future::ResponseFuture;
pub use service::{SessionLayer, SessionService};

#[cfg(feature = "axum")]
pub(crate) use answer::{instead, status_of};
