//! Sessions in memory, written by hand for this application alone.

#![allow(clippy::expect_used, reason = "as short as it can be")]

mod sessions;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};

use self::sessions::{Session, Sessions};
use crate::value;

pub(crate) fn router() -> Router {
    Router::new()
        .route("/", get(async || "ok"))
        .route("/read", get(async |session: Session| session.read(|data| data.n).unwrap_or(0).to_string()))
        .route("/incr", post(incr))
        .route("/ext/fill/{bytes}", post(fill))
        .route("/ext/length", get(length))
        .layer(Sessions::new())
}

async fn incr(session: Session) -> String {
    let n = session.change(|data| {
        data.n += 1;
        data.n
    });
    n.to_string()
}

async fn fill(session: Session, Path(bytes): Path<usize>) -> &'static str {
    session.change(|data| data.text = value::of(bytes));
    "ok"
}

async fn length(session: Session) -> String {
    session.read(|data| data.text.len()).unwrap_or(0).to_string()
}
