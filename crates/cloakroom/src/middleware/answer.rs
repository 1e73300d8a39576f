//! What the client gets when the handler has answered and the commit has ended.

use http::header::{CACHE_CONTROL, Entry, RETRY_AFTER, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::clear_site_data;
use super::config::{Config, OnGone};
use super::ticket;
use crate::session::{CookieDue, Session, SessionError, SessionErrorKind};

/// What shared caches obey beside `Cache-Control` and `…-Cache-Control`.
const SHARED_CACHES: [&str; 2] = ["edge-control", "surrogate-control"];

const VARY_BY_COOKIE: HeaderValue = HeaderValue::from_static("cookie");

/// How long a client is asked to wait for a store that failed.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// The response of a handler that has read its session and left nothing to write.
pub(super) fn untouched(headers: &mut HeaderMap) {
    vary_by_cookie(headers);
}

/// The response after a commit.
pub(super) fn after_commit<B: Default>(
    config: &Config,
    session: &Session,
    committed: Result<CookieDue, SessionError>,
    mut response: Response<B>,
) -> Response<B> {
    let error = match committed {
        Ok(due) => {
            if let Err(error) = set_cookie(config, &due, response.headers_mut()) {
                tracing::error!(error = &error as &dyn std::error::Error, "a session cookie could not be written");
                return instead(StatusCode::INTERNAL_SERVER_ERROR, None);
            }
            if !config.clear_site_data.is_empty() && session.is_logged_out() {
                let begins_anew = matches!(due, CookieDue::Issue(_));
                clear_site_data::write(&config.clear_site_data, begins_anew, response.headers_mut());
            }
            return response;
        }
        Err(error) => error,
    };
    if error.kind() == SessionErrorKind::Gone {
        // A log-out that was refused must not be told as done.
        if config.on_gone == OnGone::KeepResponse && !session.is_refused() {
            vary_by_cookie(response.headers_mut());
            return response;
        }
        return instead_of(&error);
    }
    if error.kind() == SessionErrorKind::TooManySessions {
        return instead_of(&error);
    }
    tracing::error!(error = &error as &dyn std::error::Error, "a session could not be written");
    let mut response = instead_of(&error);
    if session.is_rotated() {
        // The id that the browser has is dead since before the failure: without the new one it would be logged out.
        if let Err(error) = set_cookie(config, &session.cookie_due(), response.headers_mut()) {
            tracing::error!(error = &error as &dyn std::error::Error, "a session cookie could not be written");
        }
    }
    response
}

/// The response that stands for an error of a session; it carries the error's kind as an extension, for who wants to put a
/// page into it.
pub(crate) fn instead_of<B: Default>(error: &SessionError) -> Response<B> {
    use SessionErrorKind as Kind;
    let status = match error.kind() {
        Kind::Store | Kind::Contention | Kind::Unknown | Kind::ReadOnly => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Gone => StatusCode::CONFLICT,
        Kind::TooManySessions | Kind::NotFresh | Kind::NotLoggedIn | Kind::FormToken => StatusCode::FORBIDDEN,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    instead(status, Some(error.kind()))
}

/// A response of ours: nothing of the handler's stays, neither body nor headers.
fn instead<B: Default>(status: StatusCode, kind: Option<SessionErrorKind>) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    if let Some(kind) = kind {
        response.extensions_mut().insert(kind);
    }
    response
}

fn set_cookie(config: &Config, due: &CookieDue, headers: &mut HeaderMap) -> Result<(), crate::cookie::CookieError> {
    vary_by_cookie(headers);
    let line = match due {
        CookieDue::Issue(ticket) => ticket::issue(config, ticket)?,
        CookieDue::Remove(metadata) => ticket::take_back(config, metadata)?,
        CookieDue::Nothing => return Ok(()),
    };
    remove_cookies_named(config.cookie.name().as_str(), headers);
    headers.append(SET_COOKIE, line);
    // No cache may hand one visitor's ticket to another, whatever the handler said.
    let is_for_shared_caches =
        |name: &&HeaderName| SHARED_CACHES.contains(&name.as_str()) || name.as_str().ends_with("-cache-control");
    for name in headers.keys().filter(is_for_shared_caches).cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(())
}

/// Takes away what the handler itself has set with the name of the session cookie: two lines of one name would leave it to the
/// browser which of them counts (RFC 6265bis, section 4.1.1).
fn remove_cookies_named(name: &str, headers: &mut HeaderMap) {
    let is_ours = |line: &HeaderValue| {
        let value = line.as_bytes().trim_ascii_start().strip_prefix(name.as_bytes());
        value.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    };
    if !headers.get_all(SET_COOKIE).iter().any(is_ours) {
        return;
    }
    tracing::warn!("a handler has set a cookie with the name of the session cookie; it is dropped");
    let others: Vec<_> = headers.get_all(SET_COOKIE).iter().filter(|line| !is_ours(line)).cloned().collect();
    headers.remove(SET_COOKIE);
    for line in others {
        headers.append(SET_COOKIE, line);
    }
}

fn vary_by_cookie(headers: &mut HeaderMap) {
    let mut lines = match headers.entry(VARY) {
        Entry::Vacant(entry) => {
            entry.insert(VARY_BY_COOKIE);
            return;
        }
        Entry::Occupied(lines) => lines,
    };
    let names = lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let is_said = names.map(<[u8]>::trim_ascii).any(|name| name == b"*" || name.eq_ignore_ascii_case(b"cookie"));
    if !is_said {
        lines.append(VARY_BY_COOKIE);
    }
}
