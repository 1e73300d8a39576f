//! One request as a browser makes it, and what came of it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use cloakroom::SessionErrorKind;
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::app::App;
use super::http::exchange;

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// None if the connection broke before all of the answer was there, or could not be made.
    pub(super) status: Option<StatusCode>,
    pub(super) body: String,
    /// The session cookie that was set: `name=value`, with no value if it was taken away.
    pub(super) cookie: Option<String>,
    /// What the layer gives as the reason, if it is the layer's own answer and the application is in this process.
    pub(super) reason: Option<SessionErrorKind>,
    pub(super) began: Instant,
    pub(super) ended: Instant,
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.status == Some(StatusCode::OK)
    }

    pub(super) fn took(&self) -> Duration {
        self.ended - self.began
    }

    /// The status in words.
    pub(super) fn shown(&self) -> String {
        self.status.map_or("nothing".to_owned(), |status| status.to_string())
    }
}

/// Sends a request to the application, with or without a cookie.
pub(super) async fn send(app: &App, method: Method, path: &str, cookie: Option<&str>) -> Result<Answer> {
    let began = Instant::now();
    match app {
        App::Here(router) => here(router, method, path, cookie, began).await,
        App::There(address) => {
            let answered = exchange(address, &method, path, cookie).await?;
            let ended = Instant::now();
            let (status, headers, body) = match answered {
                Some((status, headers, body)) => (Some(status), headers, body),
                None => (None, HeaderMap::new(), String::new()),
            };
            Ok(Answer { status, body, cookie: session_cookie(&headers), reason: None, began, ended })
        }
    }
}

async fn here(router: &Router, method: Method, path: &str, cookie: Option<&str>, began: Instant) -> Result<Answer> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let response = router.clone().oneshot(request.body(Body::empty())?).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.context("a body broke off")?.to_bytes();
    let ended = Instant::now();
    let body = String::from_utf8_lossy(&body).into_owned();
    let (cookie, reason) = (session_cookie(&head.headers), head.extensions.get().copied());
    Ok(Answer { status: Some(head.status), body, cookie, reason, began, ended })
}

pub(super) async fn get(app: &App, path: &str, cookie: Option<&str>) -> Result<Answer> {
    send(app, Method::GET, path, cookie).await
}

pub(super) async fn post(app: &App, path: &str, cookie: Option<&str>) -> Result<Answer> {
    send(app, Method::POST, path, cookie).await
}

fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let line = headers.get(SET_COOKIE)?.to_str().ok()?;
    line.split(';').next().map(str::to_owned)
}
