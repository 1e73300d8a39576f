//! axum_session, in memory and with MongoDB behind it.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use axum_session::{DatabasePool, Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use axum_session_mongo::SessionMongoPool;

use crate::value;

pub(crate) async fn in_memory() -> Result<Router> {
    router::<SessionNullPool>(None).await
}

/// In the database that the variable `STORE` names.
pub(crate) async fn in_mongodb() -> Result<Router> {
    let uri = std::env::var("STORE").context("STORE")?;
    let client = mongodb::Client::with_uri_str(uri).await.context("STORE")?;
    router(Some(SessionMongoPool::from(client))).await
}

async fn router<Pool>(pool: Option<Pool>) -> Result<Router>
where
    Pool: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let config = SessionConfig::default().with_secure(false).with_table_name("sessions");
    let store = SessionStore::<Pool>::new(pool, config).await?;
    Ok(Router::new()
        .route("/", get(async || "ok"))
        .route("/read", get(read::<Pool>))
        .route("/incr", post(incr::<Pool>))
        .route("/ext/fill/{bytes}", post(fill::<Pool>))
        .route("/ext/length", get(length::<Pool>))
        .layer(SessionLayer::new(store)))
}

async fn read<Pool>(session: Session<Pool>) -> String
where
    Pool: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    session.get::<i64>("n").unwrap_or(0).to_string()
}

async fn incr<Pool>(session: Session<Pool>) -> String
where
    Pool: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let n = session.get::<i64>("n").unwrap_or(0) + 1;
    session.set("n", n);
    n.to_string()
}

async fn fill<Pool>(session: Session<Pool>, Path(bytes): Path<usize>) -> &'static str
where
    Pool: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    session.set("filling", value::of(bytes));
    "ok"
}

async fn length<Pool>(session: Session<Pool>) -> String
where
    Pool: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    session.get::<String>("filling").map_or(0, |filling| filling.len()).to_string()
}
