//! An application with both pages, and browsers that visit it without a network.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{CONTENT_TYPE, LOCATION, USER_AGENT};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use cloakroom::cookie::KeyRing;
use cloakroom::store::{MemoryStore, Store};
use cloakroom::testing::Browser;
use cloakroom::{Clock, Session, SessionError, SessionLayer, Timestamp};
use http_body_util::BodyExt as _;

pub(crate) const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
pub(crate) const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                          Version/18.5 Mobile/15E148 Safari/604.1";

/// A layer on a clock that stands still until it is told to move.
pub(crate) struct Site {
    pub(crate) layer: SessionLayer,
    pub(crate) clock: Clock,
}

impl Site {
    pub(crate) fn new() -> Site {
        Site::on(Arc::new(MemoryStore::new()))
    }

    pub(crate) fn on(store: Arc<dyn Store>) -> Site {
        Site::with_clock(store, clock())
    }

    pub(crate) fn with_clock(store: Arc<dyn Store>, clock: Clock) -> Site {
        let keys = KeyRing::new([7; 32]).unwrap();
        let layer = SessionLayer::builder(store, keys).clock(clock.clone()).keep_user_agent().build().unwrap();
        Site { layer, clock }
    }

    /// The pages of an application around a page of ours.
    pub(crate) fn app(&self, path: &str, page: Router) -> Router {
        Router::new()
            .nest(path, page)
            .route("/log-in/{user}", post(log_in))
            .route("/confirm", post(confirm))
            .route("/whoami", get(who_am_i))
            .layer(self.layer.clone())
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn clock() -> Clock {
    Clock::manual(Timestamp::from_millis(1_700_000_000_000))
}

async fn log_in(session: Session, Path(user): Path<String>) -> Result<(), SessionError> {
    session.log_in_by(user, "password")
}

async fn confirm(session: Session) -> Result<(), SessionError> {
    session.reauthenticated()
}

async fn who_am_i(session: Session) -> String {
    session.user().map_or_else(|| "nobody".to_owned(), |user| user.to_string())
}

#[derive(Clone)]
pub(crate) struct Client {
    app: Router,
    browser: Browser,
    user_agent: &'static str,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Where it leads to.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers[LOCATION].to_str().unwrap()
    }

    /// The values of the hidden fields of a name, in their order.
    pub(crate) fn fields(&self, name: &str) -> Vec<String> {
        let mark = format!("name=\"{name}\" value=\"");
        let values = self.body.split(&mark).skip(1);
        values.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }
}

impl Client {
    pub(crate) fn new(app: &Router) -> Client {
        Client { app: app.clone(), browser: Browser::new(), user_agent: FIREFOX }
    }

    pub(crate) async fn logged_in(app: &Router, user: &str, user_agent: &'static str) -> Client {
        let mut client = Client { user_agent, ..Client::new(app) };
        let answer = client.send("POST", &format!("/log-in/{}", user.replace(' ', "%20")), "", &[]).await;
        assert_eq!(answer.status, StatusCode::OK);
        client
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", &[]).await
    }

    /// Sends a form with the token of a page.
    pub(crate) async fn post(&mut self, page: &str, path: &str, form: &str) -> Answer {
        let token = self.token(page).await;
        self.send("POST", path, &format!("{form}&form_token={token}"), &[]).await
    }

    pub(crate) async fn token(&mut self, page: &str) -> String {
        let page = self.get(page).await;
        page.fields("form_token").first().unwrap_or_else(|| panic!("no form: {}", page.body)).clone()
    }

    /// Who the application takes it for.
    pub(crate) async fn name(&mut self) -> String {
        self.get("/whoami").await.body
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(USER_AGENT, self.user_agent);
        if method == "POST" {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = self.browser.send(self.app.clone(), request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }
}
