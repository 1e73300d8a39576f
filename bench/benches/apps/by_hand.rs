//! The application with sessions that are written for it alone.

#[path = "../../peers/src/by_hand/sessions.rs"]
mod sessions;

use std::hint::black_box;

use axum::Router;
use axum::routing::get;

use self::sessions::{Session, Sessions};
use super::{BODY, next};

pub(super) fn router() -> Router {
    Router::new()
        .route("/untouched", get(async || BODY))
        .route("/read", get(async |session: Session| black_box(session.read(|data| data.n)).map_or(BODY, |_| BODY)))
        .route("/write", get(async |session: Session| change(&session, |data| data.n = next())))
        .route("/rewrite", get(async |session: Session| change(&session, |data| "dark".clone_into(&mut data.text))))
        .route("/increment", get(async |session: Session| change(&session, |data| data.n += 1)))
        .layer(Sessions::new())
}

fn change(session: &Session, change: impl FnOnce(&mut sessions::Data)) -> &'static str {
    session.change(change);
    BODY
}
