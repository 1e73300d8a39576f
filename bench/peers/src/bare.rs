//! axum without sessions: what all others of axum are measured against. It counts for all browsers together.

use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::routing::{get, post};

/// The one number that there is.
static N: AtomicI64 = AtomicI64::new(0);

pub(crate) fn router() -> Router {
    Router::new()
        .route("/", get(async || "ok"))
        .route("/read", get(async || read()))
        .route("/incr", post(async || incr()))
}

pub(crate) fn read() -> String {
    N.load(Ordering::Relaxed).to_string()
}

pub(crate) fn incr() -> String {
    (N.fetch_add(1, Ordering::Relaxed) + 1).to_string()
}
