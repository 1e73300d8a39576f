//! axum without sessions: what all others of axum are measured against.

use axum::Router;
use axum::routing::get;

pub(crate) fn router() -> Router {
    Router::new().route("/", get(async || "ok"))
}
