//! The same small application without sessions, with Cloakroom's, with some written by hand, and with tower-sessions'.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on must stop")]

mod by_hand;

use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use cloakroom::cookie::{CookieName, KeyRing};
use cloakroom::store::MemoryStore;
use cloakroom::{SessionError, SessionLayer};
use futures_util::FutureExt as _;
use tower::Service as _;
use tower::layer::util::Identity;

/// What most handlers answer; a session layer must not look at it.
const BODY: &str = "ok";

/// With a layer that does nothing, since any layer costs axum an allocation or two.
fn bare() -> Router {
    Router::new().route("/untouched", get(async || BODY)).layer(Identity::new())
}

/// Another number each time: what is already so is no write to tower-sessions.
fn next() -> i64 {
    static NUMBER: AtomicI64 = AtomicI64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

mod ours {
    use super::*;
    use cloakroom::Session;

    pub(crate) fn router() -> Router {
        let keys = KeyRing::new([7; 32]).expect("32 bytes");
        let layer = SessionLayer::builder(MemoryStore::new(), keys)
            .insecure_http()
            .cookie_name(CookieName::from_static("sid"))
            .build()
            .expect("the settings are good");
        Router::new()
            .route("/untouched", get(async || BODY))
            .route("/read", get(read))
            .route("/write", get(write))
            .route("/rewrite", get(rewrite))
            .route("/increment", get(increment))
            .route("/update", get(update))
            .layer(layer)
    }

    async fn read(session: Session) -> Result<&'static str, SessionError> {
        black_box(session.get::<i64>("n")?);
        Ok(BODY)
    }

    async fn write(session: Session) -> Result<&'static str, SessionError> {
        session.insert("visit", next())?;
        Ok(BODY)
    }

    async fn rewrite(session: Session) -> Result<&'static str, SessionError> {
        session.insert("theme", "dark")?;
        Ok(BODY)
    }

    async fn increment(session: Session) -> Result<&'static str, SessionError> {
        black_box(session.increment("n", 1).await?);
        Ok(BODY)
    }

    async fn update(session: Session) -> Result<&'static str, SessionError> {
        black_box(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).await?);
        Ok(BODY)
    }
}

mod theirs {
    use super::*;
    use tower_sessions::cookie::{Key, time::Duration};
    use tower_sessions::session::Error;
    use tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer};

    fn settings() -> SessionManagerLayer<MemoryStore> {
        SessionManagerLayer::new(MemoryStore::default())
            .with_secure(false)
            .with_expiry(Expiry::OnInactivity(Duration::hours(1)))
    }

    pub(crate) fn router() -> Router {
        routes().layer(settings())
    }

    /// With ids that are signed, as ours always are.
    pub(crate) fn signed_router() -> Router {
        routes().layer(settings().with_signed(Key::from(&[7; 64])))
    }

    fn routes() -> Router {
        Router::new()
            .route("/untouched", get(async || BODY))
            .route("/read", get(read))
            .route("/write", get(write))
            .route("/rewrite", get(rewrite))
            .route("/get-and-insert", get(get_and_insert))
    }

    type Answer = Result<&'static str, StatusCode>;

    fn failed(_: Error) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    async fn read(session: Session) -> Answer {
        black_box(session.get::<i64>("n").await.map_err(failed)?);
        Ok(BODY)
    }

    async fn write(session: Session) -> Answer {
        session.insert("visit", next()).await.map_err(failed)?;
        Ok(BODY)
    }

    async fn rewrite(session: Session) -> Answer {
        session.insert("theme", "dark").await.map_err(failed)?;
        Ok(BODY)
    }

    /// The nearest there is to an increment; two at once lose one.
    async fn get_and_insert(session: Session) -> Answer {
        let n = session.get::<i64>("n").await.map_err(failed)?.unwrap_or(0);
        session.insert("n", n + 1).await.map_err(failed)?;
        Ok(BODY)
    }
}

fn call(app: &mut Router, request: Request<Body>) -> Response {
    app.call(request).now_or_never().expect("memory answers at once").expect("a router does not fail")
}

fn request(path: &str, cookie: Option<&str>) -> Request<Body> {
    let request = Request::get(path).header("host", "shop.example").header("accept", "text/html");
    let request = cookie.into_iter().fold(request, |request, cookie| request.header(COOKIE, cookie));
    request.body(Body::empty()).expect("a good request")
}

/// The cookie of a new session that holds two numbers and a string.
fn session_of(app: &mut Router, counting: &str) -> String {
    let pair = |response: &Response| {
        let line = response.headers().get(SET_COOKIE)?.to_str().ok()?;
        line.split(';').next().map(str::to_owned)
    };
    let first = call(app, request("/write", None));
    let cookie = pair(&first).expect("a cookie for the new session");
    for path in ["/rewrite", counting] {
        let response = call(app, request(path, Some(&cookie)));
        assert_eq!(response.status(), StatusCode::OK);
    }
    cookie
}

/// One kind of request, and what it is called with each of the applications.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) by_hand: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) has_session: bool,
}

const fn case(name: &'static str, ours: &'static str, theirs: &'static str, has_session: bool) -> Case {
    Case { name, ours, by_hand: ours, theirs, has_session }
}

pub(crate) const CASES: [Case; 8] = [
    case("no cookie, untouched", "/untouched", "/untouched", false),
    case("untouched", "/untouched", "/untouched", true),
    case("read", "/read", "/read", true),
    case("write", "/write", "/write", true),
    case("write what is so", "/rewrite", "/rewrite", true),
    case("increment", "/increment", "/get-and-insert", true),
    Case { by_hand: "/increment", ..case("update", "/update", "/get-and-insert", true) },
    case("new session", "/write", "/write", false),
];

/// An application with the cookie of a session of its own.
pub(crate) struct App {
    router: Router,
    cookie: String,
}

impl App {
    pub(crate) fn ours() -> App {
        App::with_session(ours::router(), "/increment")
    }

    pub(crate) fn by_hand() -> App {
        App::with_session(by_hand::router(), "/increment")
    }

    pub(crate) fn theirs() -> App {
        App::with_session(theirs::router(), "/get-and-insert")
    }

    pub(crate) fn theirs_signed() -> App {
        App::with_session(theirs::signed_router(), "/get-and-insert")
    }

    fn with_session(mut router: Router, counting: &str) -> App {
        let cookie = session_of(&mut router, counting);
        App { router, cookie }
    }

    pub(crate) fn bare() -> App {
        App { router: bare(), cookie: String::new() }
    }

    pub(crate) fn request(&self, path: &str, has_session: bool) -> Request<Body> {
        request(path, has_session.then_some(&*self.cookie))
    }

    pub(crate) fn call(&mut self, request: Request<Body>) -> Response {
        call(&mut self.router, request)
    }
}

/// The runtime that everything runs in, though nothing waits for it.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
