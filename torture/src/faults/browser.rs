//! One request as a browser makes it, and what came of it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use cloakroom::cookie::KeyRing;
use cloakroom::{SessionErrorKind, SessionLayer, SessionLayerBuilder};
use cloakroom_mongodb::MongoStore;
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tower::ServiceExt as _;

const SECRET: &str = "the fault runs' own secret: 32 bytes at least";

/// The application under test: the routes of the reference server under a layer with its default settings, over a store
/// with its own.
pub(super) async fn app(uri: &str) -> Result<Router> {
    let store = MongoStore::connect(uri).await.context("the store can't be set up")?;
    Ok(cloakroom_bench::router(layer(store)?.insecure_http().build()?))
}

/// A layer's builder with the key that all of the fault runs share.
pub(super) fn layer(store: impl cloakroom::store::Store) -> Result<SessionLayerBuilder> {
    Ok(SessionLayer::builder(store, KeyRing::new(SECRET)?))
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
    /// The session cookie that was set: `name=value`, with no value if it was taken away.
    pub(super) cookie: Option<String>,
    /// What the layer gives as the reason, if it is the layer's own answer.
    pub(super) reason: Option<SessionErrorKind>,
    pub(super) began: Instant,
    pub(super) ended: Instant,
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.status == StatusCode::OK
    }

    pub(super) fn took(&self) -> Duration {
        self.ended - self.began
    }
}

/// Sends a request through the application, with or without a cookie.
pub(super) async fn send(app: &Router, method: Method, path: &str, cookie: Option<&str>) -> Result<Answer> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let request = request.body(Body::empty())?;
    let began = Instant::now();
    let response = app.clone().oneshot(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.context("a body broke off")?.to_bytes();
    let ended = Instant::now();
    let body = String::from_utf8_lossy(&body).into_owned();
    let (cookie, reason) = (session_cookie(&head.headers), head.extensions.get().copied());
    Ok(Answer { status: head.status, body, cookie, reason, began, ended })
}

pub(super) async fn get(app: &Router, path: &str, cookie: Option<&str>) -> Result<Answer> {
    send(app, Method::GET, path, cookie).await
}

pub(super) async fn post(app: &Router, path: &str, cookie: Option<&str>) -> Result<Answer> {
    send(app, Method::POST, path, cookie).await
}

fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let line = headers.get(SET_COOKIE)?.to_str().ok()?;
    line.split(';').next().map(str::to_owned)
}
