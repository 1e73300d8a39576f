//! What a session layer costs a request, beside tower-sessions with the settings of its README.
//!
//! All in one process and on one thread: requests are made outside of the measurement, and each call is polled to its end
//! at once, which memory stores allow. Both sides have the same routes and answer the same bodies. tower-sessions' ids are
//! not signed (that is a feature that its README does not turn on), Cloakroom's always are.

#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros; a benchmark that can't go on must stop")]

use std::hint::black_box;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use cloakroom::cookie::{CookieName, KeyRing};
use cloakroom::store::MemoryStore;
use cloakroom::{SessionError, SessionLayer};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use tower::Service as _;

/// What most handlers answer; a session layer must not look at it.
const BODY: &str = "ok";

fn bare() -> Router {
    Router::new().route("/untouched", get(async || BODY))
}

mod ours {
    use super::*;
    use cloakroom::Session;

    pub(super) fn router() -> Router {
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
            .route("/increment", get(increment))
            .route("/update", get(update))
            .layer(layer)
    }

    async fn read(session: Session) -> Result<&'static str, SessionError> {
        black_box(session.get::<i64>("n")?);
        Ok(BODY)
    }

    async fn write(session: Session) -> Result<&'static str, SessionError> {
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
    use tower_sessions::cookie::time::Duration;
    use tower_sessions::session::Error;
    use tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer};

    pub(super) fn router() -> Router {
        let layer = SessionManagerLayer::new(MemoryStore::default())
            .with_secure(false)
            .with_expiry(Expiry::OnInactivity(Duration::hours(1)));
        Router::new()
            .route("/untouched", get(async || BODY))
            .route("/read", get(read))
            .route("/write", get(write))
            .route("/get-and-insert", get(get_and_insert))
            .layer(layer)
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

/// The cookie of a new session that holds a number and a string.
fn session_of(app: &mut Router, counting: &str) -> String {
    let pair = |response: &Response| {
        let line = response.headers().get(SET_COOKIE)?.to_str().ok()?;
        line.split(';').next().map(str::to_owned)
    };
    let first = call(app, request("/write", None));
    let cookie = pair(&first).expect("a cookie for the new session");
    let second = call(app, request(counting, Some(&cookie)));
    assert_eq!(second.status(), StatusCode::OK);
    cookie
}

fn middleware(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let mut group = criterion.benchmark_group("middleware");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));

    let mut measure = |name: &str, app: &mut Router, path: &str, cookie: Option<&str>| {
        assert_eq!(call(app, request(path, cookie)).status(), StatusCode::OK, "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| request(path, cookie), |request| call(app, request), BatchSize::SmallInput);
        });
    };

    measure("bare", &mut bare(), "/untouched", None);

    let mut app = ours::router();
    let cookie = session_of(&mut app, "/increment");
    measure("cloakroom/no cookie, untouched", &mut app, "/untouched", None);
    measure("cloakroom/untouched", &mut app, "/untouched", Some(&cookie));
    measure("cloakroom/read", &mut app, "/read", Some(&cookie));
    measure("cloakroom/write", &mut app, "/write", Some(&cookie));
    measure("cloakroom/increment", &mut app, "/increment", Some(&cookie));
    measure("cloakroom/update", &mut app, "/update", Some(&cookie));
    measure("cloakroom/new session", &mut app, "/write", None);

    let mut app = theirs::router();
    let cookie = session_of(&mut app, "/get-and-insert");
    measure("tower-sessions/no cookie, untouched", &mut app, "/untouched", None);
    measure("tower-sessions/untouched", &mut app, "/untouched", Some(&cookie));
    measure("tower-sessions/read", &mut app, "/read", Some(&cookie));
    measure("tower-sessions/write", &mut app, "/write", Some(&cookie));
    measure("tower-sessions/get and insert", &mut app, "/get-and-insert", Some(&cookie));
    measure("tower-sessions/new session", &mut app, "/write", None);
    group.finish();
}

criterion_group!(benches, middleware);
criterion_main!(benches);
