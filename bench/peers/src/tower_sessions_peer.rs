//! tower-sessions with its store in memory.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tower_sessions::cookie::{Key, time::Duration};
use tower_sessions::session::Error;
use tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer};

use crate::value;

type Answer<T> = Result<T, StatusCode>;

pub(crate) fn router() -> Router {
    routes().layer(settings())
}

/// With ids that are signed, as Cloakroom's always are.
pub(crate) fn signed_router() -> Router {
    routes().layer(settings().with_signed(Key::from(&[7; 64])))
}

fn settings() -> SessionManagerLayer<MemoryStore> {
    SessionManagerLayer::new(MemoryStore::default())
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(Duration::hours(1)))
}

fn routes() -> Router {
    Router::new()
        .route("/", get(async || "ok"))
        .route("/read", get(read))
        .route("/incr", post(incr))
        .route("/ext/fill/{bytes}", post(fill))
        .route("/ext/length", get(length))
}

async fn read(session: Session) -> Answer<String> {
    Ok(session.get::<i64>("n").await.map_err(failed)?.unwrap_or(0).to_string())
}

/// The nearest there is to an increment; two at once lose one.
async fn incr(session: Session) -> Answer<String> {
    let n = session.get::<i64>("n").await.map_err(failed)?.unwrap_or(0) + 1;
    session.insert("n", n).await.map_err(failed)?;
    Ok(n.to_string())
}

async fn fill(session: Session, Path(bytes): Path<usize>) -> Answer<&'static str> {
    session.insert("filling", value::of(bytes)).await.map_err(failed)?;
    Ok("ok")
}

async fn length(session: Session) -> Answer<String> {
    let filling = session.get::<String>("filling").await.map_err(failed)?;
    Ok(filling.map_or(0, |filling| filling.len()).to_string())
}

fn failed(_: Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
