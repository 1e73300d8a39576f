//! The routes of the reference server: the library over HTTP, one call each.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Path, Query};
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cloakroom::cookie::{CookieJar, Site};
use cloakroom::{Handle, Key, Session, SessionError, SessionLayer, UnreadSession};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::sleep;

use crate::attributes::Attributes;

/// The number that the counting routes count.
const N: Key<i64> = Key::new("n");

/// What `/ext/fill` fills.
const FILLING: Key<String> = Key::new("filling");

const OK: &str = "ok";

/// The reference server's routes under a session layer.
pub fn router(sessions: SessionLayer) -> Router {
    Router::new()
        .route("/", get(untouched))
        .route("/read", get(read))
        .route("/incr", post(incr))
        .route("/update", post(update))
        .route("/set/{key}/{value}", post(set))
        .route("/unset/{key}", post(unset))
        .route("/dump", get(dump))
        .route("/login/{user}", post(log_in))
        .route("/logout", post(log_out))
        .route("/slow/{ms}/{key}/{value}", post(slow))
        .route("/sessions", get(sessions_of_user))
        .route("/revoke/{handle}", post(revoke))
        .route("/ext/cookies", get(cookies))
        .route("/ext/setcookie", get(set_cookie))
        .route("/ext/slow-incr", post(slow_incr))
        .route("/ext/unread/incr", post(unread_incr))
        .route("/ext/unread/set/{key}/{value}", post(unread_set))
        .route("/ext/unread/unset/{key}", post(unread_unset))
        .route("/ext/unread/logout", post(unread_log_out))
        .route("/ext/public", get(public))
        .route("/ext/fill/{bytes}", post(fill))
        .route("/ext/length", get(length))
        .layer(sessions)
}

async fn untouched() -> &'static str {
    OK
}

async fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get(N)?.unwrap_or(0).to_string())
}

async fn incr(session: Session) -> Result<String, SessionError> {
    Ok(session.increment(N, 1).await?.to_string())
}

async fn update(session: Session) -> Result<String, SessionError> {
    Ok(session.update(N, |n| n.unwrap_or(0).saturating_add(1)).await?.to_string())
}

async fn set(session: Session, Path((key, value)): Path<(String, String)>) -> Result<&'static str, SessionError> {
    session.insert(key, value)?;
    Ok(OK)
}

async fn unset(session: Session, Path(key): Path<String>) -> Result<&'static str, SessionError> {
    session.remove(key)?;
    Ok(OK)
}

async fn dump(session: Session) -> Result<Json<BTreeMap<String, Box<RawValue>>>, SessionError> {
    let mut data = BTreeMap::new();
    for key in session.keys() {
        if let Some(value) = session.get(&*key)? {
            data.insert(key.to_string(), value);
        }
    }
    Ok(Json(data))
}

async fn log_in(session: Session, Path(user): Path<String>) -> Result<&'static str, SessionError> {
    session.log_in(user.as_str())?;
    session.insert("user", user)?;
    Ok(OK)
}

async fn log_out(session: Session) -> Result<&'static str, SessionError> {
    session.log_out()?;
    Ok(OK)
}

async fn unread_incr(session: UnreadSession) -> Result<String, SessionError> {
    Ok(session.increment(N, 1).await?.to_string())
}

async fn unread_set(
    session: UnreadSession,
    Path((key, value)): Path<(String, String)>,
) -> Result<&'static str, SessionError> {
    session.insert(key, value).await?;
    Ok(OK)
}

async fn unread_unset(session: UnreadSession, Path(key): Path<String>) -> Result<&'static str, SessionError> {
    session.remove(key).await?;
    Ok(OK)
}

async fn unread_log_out(session: UnreadSession) -> Result<&'static str, SessionError> {
    session.log_out().await?;
    Ok(OK)
}

async fn slow(
    session: Session,
    Path((ms, key, value)): Path<(u64, String, String)>,
) -> Result<&'static str, SessionError> {
    sleep(Duration::from_millis(ms)).await;
    session.insert(key, value)?;
    Ok(OK)
}

/// A session as the devices page tells of it; times are milliseconds since the Unix epoch.
#[derive(Serialize)]
struct Listed {
    handle: String,
    created: i64,
    last_seen: i64,
    current: bool,
}

async fn sessions_of_user(session: Session) -> Result<Response, SessionError> {
    if session.user().is_none() {
        return Ok(nobody_is_logged_in());
    }
    let devices = session.devices().await?.into_iter().map(|device| Listed {
        handle: device.entry.handle.to_string(),
        created: device.entry.created.as_millis(),
        last_seen: device.entry.seen.as_millis(),
        current: device.is_current,
    });
    Ok(Json(devices.collect::<Vec<_>>()).into_response())
}

async fn revoke(session: Session, Path(handle): Path<String>) -> Result<Response, SessionError> {
    if session.user().is_none() {
        return Ok(nobody_is_logged_in());
    }
    Ok(if session.revoke(&Handle::new(handle)).await? {
        OK.into_response()
    } else {
        (StatusCode::NOT_FOUND, "you have no other session of this handle").into_response()
    })
}

fn nobody_is_logged_in() -> Response {
    (StatusCode::UNAUTHORIZED, "nobody is logged in").into_response()
}

async fn cookies(jar: CookieJar) -> Response {
    Json(jar.iter().collect::<BTreeMap<_, _>>()).into_response()
}

async fn set_cookie(jar: CookieJar, headers: HeaderMap, Query(query): Query<HashMap<String, String>>) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match with_cookie(jar, host, query) {
        Ok(jar) => (jar, OK).into_response(),
        Err(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason).into_response(),
    }
}

/// The jar with the cookie that the query describes, unless a browser that talks to this host would refuse it.
fn with_cookie(
    mut jar: CookieJar,
    host: Option<&str>,
    mut query: HashMap<String, String>,
) -> Result<CookieJar, String> {
    let mut take = |name: &str| query.remove(name).filter(|text| !text.is_empty());
    let (name, value) = (take("name").unwrap_or_default(), take("value").unwrap_or_default());
    let attributes = Attributes {
        path: take("path"),
        domain: take("domain"),
        max_age: take("maxage").map(|text| number("maxage", &text)).transpose()?,
        expires_unix: take("expires").map(|text| number("expires", &text)).transpose()?,
        secure: take("secure").map(|text| flag(&text)),
        http_only: take("httponly").map(|text| flag(&text)),
        same_site: take("samesite"),
        partitioned: take("partitioned").map(|text| flag(&text)),
        priority: take("priority"),
    };
    let cookie = attributes.cookie(name, value)?;
    if let Some(host) = host {
        // This server speaks plain HTTP, whatever a proxy in front of it may do.
        cookie.check_at(&Site::http(host)).map_err(|error| error.to_string())?;
    }
    jar.add(cookie).map_err(|error| error.to_string())?;
    Ok(jar)
}

fn number(name: &str, text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| format!("{name} is no number"))
}

fn flag(text: &str) -> bool {
    !matches!(text, "0" | "false")
}

#[derive(serde::Deserialize)]
struct Pause {
    #[serde(default)]
    ms: u64,
}

async fn slow_incr(session: Session, Query(pause): Query<Pause>) -> Result<String, SessionError> {
    session.add(N, 1)?;
    sleep(Duration::from_millis(pause.ms)).await;
    Ok(session.get(N)?.unwrap_or(0).to_string())
}

async fn public(session: Session) -> Result<Response, SessionError> {
    let n = incr(session).await?;
    Ok(([(CACHE_CONTROL, "public")], n).into_response())
}

/// Another value each time: other servers, which this one is measured beside, do not write what is so already.
async fn fill(session: Session, Path(bytes): Path<u32>) -> Result<&'static str, SessionError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut text = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
    text.push_str(&"x".repeat((bytes as usize).saturating_sub(text.len())));
    session.insert(FILLING, text)?;
    Ok(OK)
}

async fn length(session: Session) -> Result<String, SessionError> {
    Ok(session.get(FILLING)?.map_or(0, |filling| filling.len()).to_string())
}
