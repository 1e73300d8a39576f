//! What happens to sessions, told to whoever wants to know: for audit logs, metrics and alerts.
//!
//! Each [`Event`] goes to the [`Observer`]s of the layer, and to `tracing` under the target `cloakroom`. No event holds an id, a
//! secret or a value of a session. `docs/operations.md` has the list of all, what each means, and what to be woken up for.
//!
//! ```
//! use cloakroom::events::Event;
//! use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
//!
//! let audit = |event: &Event<'_>| match event {
//!     Event::LoggedIn { user, handle, method, .. } => println!("{user} logged in by {method:?}: session {handle}"),
//!     Event::StoreAway => println!("the store is away"),
//!     _ => {}
//! };
//! let layer = SessionLayer::builder(MemoryStore::new(), KeyRing::generate()?).observer(audit).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An event tells what this process knows to have happened. What the store does by itself, such as a TTL index, happens
//! unseen; so does a write whose answer was lost: that is a [`StoreFailed`](Event::StoreFailed), and perhaps a session that
//! nobody was told of.

mod event;
mod key_hash;
#[cfg(feature = "metrics")]
mod metrics;
mod observer;
mod store_call;
#[cfg(test)]
mod tests;
mod trace;

pub use self::event::{Event, RevokedBy};
pub use self::key_hash::KeyHash;
#[cfg(feature = "metrics")]
pub use self::metrics::Metrics;
pub use self::observer::Observer;
pub use self::store_call::StoreCall;

pub(crate) use self::observer::Observers;
pub(crate) use self::trace::in_span;
