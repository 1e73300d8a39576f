//! Each event is told when it happens, and not otherwise.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

#[path = "events/ends.rs"]
mod ends;
#[path = "events/life.rs"]
mod life;
#[path = "events/observers.rs"]
mod observers;
#[path = "events/seen.rs"]
mod seen;
#[path = "events/stores.rs"]
mod stores;
#[path = "events/trouble.rs"]
mod trouble;
