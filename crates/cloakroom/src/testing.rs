//! For the tests of applications: a session without logging in, and a browser's cookies without a browser.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, body::Body, extract::Request, routing::get};
//! use cloakroom::{Session, SessionLayer, cookie::KeyRing, store::MemoryStore, testing::Browser};
//!
//! async fn whoami(session: Session) -> String {
//!     session.user().map_or("nobody".into(), |user| user.to_string())
//! }
//!
//! let layer = SessionLayer::new(MemoryStore::new(), KeyRing::generate()?)?;
//! let app: Router = Router::new().route("/", get(whoami)).layer(layer.clone());
//!
//! let mut browser = Browser::new();
//! browser.enter_session(&layer, |session| session.log_in("ada")).await?;
//! let response = browser.send(app, Request::get("/").body(Body::empty())?).await?;
//! let body = axum::body::to_bytes(response.into_body(), 100).await?;
//! assert_eq!(body, "ada");
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::{COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response};
use tower_service::Service;

use crate::cookie::KeyRing;
use crate::middleware::mint;
use crate::record::{SessionId, StoreKey};
use crate::session::{Session, SessionError, SessionErrorKind, WhenFull};
use crate::store::Store;
use crate::{Clock, SessionLayer, Timestamp};

/// The key of a session id that somebody else has made, such as Express, for the tests of stores. In an application only a signed
/// ticket leads to a key.
pub fn key_of_id(id: &str) -> StoreKey {
    SessionId::from_ticket(id).into()
}

const LOG_INS: usize = 50;
const MOST: usize = 3;

/// Lets 50 log-ins of one user run at once where three sessions may be, so many rounds with each [`WhenFull`], and panics if more
/// than three sessions live when all have been answered. For the tests of stores, on a runtime of several threads.
///
/// Each round has a user of its own, so that the store need not be new.
///
/// # Panics
///
/// If more sessions live than may be, or none, or the store fails.
pub async fn check_session_limit<S: Store>(store: S, rounds: usize) {
    let store: Arc<dyn Store> = Arc::new(store);
    for when_full in [WhenFull::Deny, WhenFull::EndOldest, WhenFull::EndLongestIdle] {
        for round in 0..rounds {
            let case = format!("{when_full:?}, round {round}");
            let layer = limited_layer(store.clone(), MOST, when_full);
            let layer = layer.unwrap_or_else(|error| panic!("{case}: {error}"));
            let user = format!("ada {when_full:?} {round}");
            let mut log_ins = tokio::task::JoinSet::new();
            for _ in 0..LOG_INS {
                let (layer, user) = (layer.clone(), user.clone());
                log_ins.spawn(async move { mint(&layer, |session| session.log_in(user.as_str())).await });
            }
            while let Some(answer) = log_ins.join_next().await {
                match answer.unwrap_or_else(|error| panic!("{case}: {error}")) {
                    Ok(_) => {}
                    Err(error) if error.kind() == SessionErrorKind::TooManySessions => {}
                    Err(error) => panic!("{case}: {error}: {error:?}"),
                }
            }
            let live = layer.sessions().count(user.as_str()).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!((1..=MOST as u64).contains(&live), "{case}: {live} sessions live");
        }
    }
}

fn limited_layer(
    store: Arc<dyn Store>,
    most: usize,
    when_full: WhenFull,
) -> Result<SessionLayer, Box<dyn std::error::Error>> {
    let builder = SessionLayer::builder(store, KeyRing::generate()?).deadline(Duration::from_secs(60));
    Ok(builder.session_limit(most, when_full).build()?)
}

/// The cookies of one browser, for requests that never leave the process.
///
/// It keeps what `Set-Cookie` lines say by name and path, and forgets what they expire. Domains and `Secure` do not
/// matter to it: there is one site, and no network.
#[derive(Clone, Default)]
pub struct Browser {
    cookies: BTreeMap<(String, String), String>,
    clock: Clock,
}

impl Browser {
    /// A browser without cookies.
    pub fn new() -> Browser {
        Browser::default()
    }

    /// A browser without cookies that lets them expire by the clock of the test.
    pub fn with_clock(clock: Clock) -> Browser {
        Browser { clock, ..Browser::default() }
    }

    /// Sends a request to a service with the cookies that it has, and keeps those of the response.
    ///
    /// # Errors
    ///
    /// The service's own.
    pub async fn send<S, B, R>(&mut self, mut service: S, mut request: Request<B>) -> Result<Response<R>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        if let Some(cookies) = self.cookie_header(request.uri().path()) {
            request.headers_mut().insert(COOKIE, cookies);
        }
        if !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        }
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        let response = service.call(request).await?;
        self.receive(response.headers());
        Ok(response)
    }

    /// Keeps the cookies of a response.
    pub fn receive(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE) {
            self.receive_line(&String::from_utf8_lossy(line.as_bytes()));
        }
    }

    /// The value of a cookie as it stands in the header, whatever its path.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let mut of_name = self.cookies.iter().filter(|((each, _), _)| each == name);
        of_name.next().map(|(_, value)| value.as_str())
    }

    /// Sets a cookie as if the site had done so, or the visitor by hand.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert((name.to_owned(), "/".to_owned()), value.to_owned());
    }

    /// The `Cookie` header that it sends to a path; none if it has no cookie for it.
    pub fn cookie_header(&self, path: &str) -> Option<HeaderValue> {
        let matching = self.cookies.iter().filter(|((_, each), _)| path_matches(path, each));
        let pairs: Vec<_> = matching.map(|((name, _), value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
    }

    /// Begins a session that the store really has, filled by `fill`, and takes its ticket.
    ///
    /// # Errors
    ///
    /// What `fill` gives, and what a commit of the session gives.
    pub async fn enter_session(
        &mut self,
        layer: &SessionLayer,
        fill: impl FnOnce(&Session) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        if let Some(line) = mint(layer, fill).await? {
            self.receive_line(&String::from_utf8_lossy(line.as_bytes()));
        }
        Ok(())
    }

    fn receive_line(&mut self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let attributes: BTreeMap<_, _> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let path = attributes.get("path").copied().filter(|path| path.starts_with('/')).unwrap_or("/");
        let key = (name.to_owned(), path.to_owned());
        if is_over(&attributes, self.clock.now()) {
            self.cookies.remove(&key);
        } else {
            self.cookies.insert(key, value.to_owned());
        }
    }
}

/// Names only: values are tickets.
impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.cookies.keys().map(|(name, _)| name)).finish()
    }
}

/// Whether a cookie expires at once. Max-Age counts before Expires (RFC 6265bis section 5.7).
fn is_over(attributes: &BTreeMap<String, &str>, now: Timestamp) -> bool {
    if let Some(seconds) = attributes.get("max-age").and_then(|text| text.parse::<i64>().ok()) {
        return seconds <= 0;
    }
    let expires = attributes.get("expires").and_then(|text| httpdate::parse_http_date(text).ok());
    expires.is_some_and(|expires| Timestamp::from(expires) <= now)
}

/// RFC 6265bis section 5.1.4.
fn path_matches(request: &str, cookie: &str) -> bool {
    request.strip_prefix(cookie).is_some_and(|rest| cookie.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_and_forgets_by_name_and_path() {
        let mut browser = Browser::new();
        browser.receive_line("a=1; Path=/; HttpOnly");
        browser.receive_line("a=2; Path=/deep");
        assert_eq!(browser.cookie_header("/deep/er").unwrap(), "a=1; a=2");
        assert_eq!(browser.cookie_header("/deeper").unwrap(), "a=1");
        browser.receive_line("a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(browser.cookie_header("/"), None);
        browser.receive_line("a=; Path=/deep; Max-Age=0");
        assert_eq!(browser.cookie("a"), None);
    }
}
