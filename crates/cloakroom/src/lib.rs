//! Sessions and cookies for Rust web services.
//!
//! HTTP forgets. A cookie lets a browser carry a little state to every later request, but its user can read and edit it. So what
//! matters stays on the server as a *session*, and the cookie carries only a *ticket*: the session's id, signed, so that only
//! the server can have issued it.
//!
//! ```
//! use axum::{Router, routing::get};
//! use cloakroom::{Session, SessionError, SessionLayer, cookie::KeyRing, store::MemoryStore};
//!
//! async fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits = session.increment("visits", 1).await?;
//!     Ok(format!("You have been here {visits} times."))
//! }
//!
//! let keys = KeyRing::new("a secret of 32 bytes or more, from your secret store")?;
//! let app: Router = Router::new()
//!     .route("/", get(visits))
//!     .layer(SessionLayer::new(MemoryStore::new(), keys)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Three promises
//!
//! 1. **Nothing is lost.** Two requests of one session that run at once never overwrite each other's keys.
//! 2. **Dead is dead.** A session that was destroyed, or whose id was rotated away, never comes back, whatever was in flight.
//! 3. **A failure is never an empty session.** A store that does not answer is an error that the client sees before any header
//!    leaves, in bounded time; never a silent log-out, and never a 200 for something that was not saved.
//!
//! # Where to begin
//!
//! - [`SessionLayer`] is the middleware, for any tower service; its [builder](SessionLayer::builder) has all settings.
//! - [`Session`] is what a handler takes as an argument.
//! - [`UnreadSession`] is for handlers that only write: it spares the store the read.
//! - [`Sessions`] are seen and ended from elsewhere: by jobs and admin pages.
//! - [`FormToken`] shows that a form comes from a page of its session.
//! - [`store`] has the memory store, and the contract for other stores. SQLite, MongoDB, Redis and PostgreSQL are in crates of their own:
//!   `cloakroom-sqlite`, `cloakroom-mongodb`, `cloakroom-redis`, `cloakroom-postgres`. `cloakroom-stores` opens any of them by its URL,
//!   and `cloakroom-encrypted` encrypts the values of any of them. In front of one that several servers share,
//!   `store::NearCache` serves from memory.
//! - [`events`] tell what happens to sessions: for audit logs, metrics and alerts.
//! - [`cross_site`] keeps other sites from sending requests in a visitor's name. It works without sessions too.
//! - [`cookie`] is for cookies of your own: plain, signed and encrypted. It works without sessions too.
//! - `testing` (with the feature of that name) is for the tests of your application, and of stores.
//!
//! # Features
//!
//! - `axum` (default): [`Session`] and [`CookieJar`](cookie::CookieJar) as extractors, and responses for the errors.
//! - `tokio` (default): deadlines, commits that outlive a client who hangs up, and the near cache.
//! - `metrics`: an observer that counts what happens, for the crate `metrics`.
//! - `testing`: tickets and a cookie jar for tests, and the conformance suite for stores.

pub mod cookie;

mod clock;
pub mod events;
pub mod express;
pub mod record;
pub mod store;

mod middleware;
mod session;

pub mod cross_site;

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "axum")]
pub use axum::{FormGuard, Fresh};
pub use clock::{Clock, Timestamp};
pub use middleware::{
    AddressDetail, ClearSiteData, ConfigError, ExpressOptions, IpNetwork, IpNetworkError, OnGone, OnOutage,
    PeerAddress, ProxyHeader, ResponseFuture, SessionLayer, SessionLayerBuilder, SessionService, UnreadSession,
};
pub use record::{Handle, UserId};
pub use session::{
    AsKey, Device, Flash, FlashKind, FormToken, Key, Page, Session, SessionError, SessionErrorKind, Sessions, WhenFull,
};

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
