//! A layer that stands in for express-session: its cookies, and when they are sent.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cloakroom::cookie::{CookieName, KeyRing, Priority, SameSite};
use cloakroom::record::{Record, StoreKey, Value};
use cloakroom::store::{Created, Loaded, Store};
use cloakroom::testing::Browser;
use cloakroom::{Clock, ExpressOptions, SessionLayer, SessionLayerBuilder, Timestamp};
use support::{Answer, HOUR, MINUTE, Watched, routes};

const CAT: &str = "keyboard cat";
const START: Timestamp = Timestamp::from_millis(1_893_553_445_678);

struct Site {
    store: Arc<Watched>,
    clock: Clock,
    app: Router,
}

impl Site {
    fn new(options: ExpressOptions) -> Site {
        Site::with(options, |builder| builder)
    }

    fn with(options: ExpressOptions, settings: impl FnOnce(SessionLayerBuilder) -> SessionLayerBuilder) -> Site {
        let (store, clock) = (Arc::new(Watched::default()), Clock::manual(START));
        let builder = SessionLayer::express(store.clone(), options).clock(clock.clone());
        Site { store, clock, app: routes().layer(settings(builder).build().unwrap()) }
    }

    async fn get(&self, browser: &mut Browser, path: &str) -> Answer {
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        Answer::read(browser.send(self.app.clone(), request).await.unwrap()).await
    }

    /// The record of the session that a line gives the ticket of.
    async fn record(&self, line: &str) -> Record {
        let value = line.split_once("=s%3A").unwrap().1.split_once(';').unwrap().0;
        let id = value.split_once('.').unwrap().0;
        match self.store.memory.load(&key(id), self.clock.now()).await.unwrap() {
            Loaded::Found(found) => found.record,
            other => panic!("{other:?}"),
        }
    }

    /// A session that Express has made, and a browser that has its ticket.
    async fn made_by_express(&self, attributes: &str) -> Browser {
        let mut record = Record::new(START, START + HOUR, Timestamp::from_millis(i64::MAX));
        record.metadata = Arc::new([("cookie", Value::from_json(attributes).unwrap())].into_iter().collect());
        let created = self.store.memory.create(&key("SFkS2zbPAQL-DbbB5vUPRLDU1LZ3eVVx"), &record, START).await;
        assert!(matches!(created, Ok(Created::Done { .. })));
        let ticket = KeyRing::weak([CAT]).unwrap().express_sign("SFkS2zbPAQL-DbbB5vUPRLDU1LZ3eVVx");
        let mut browser = Browser::with_clock(self.clock.clone());
        let line = format!("connect.sid={}", ticket.replace(':', "%3A").replace('+', "%2B").replace('/', "%2F"));
        browser.receive(&[(http::header::SET_COOKIE, line.parse().unwrap())].into_iter().collect());
        browser
    }
}

/// The key of an id that somebody else has made.
fn key(id: &str) -> StoreKey {
    cloakroom::testing::key_of_id(id)
}

fn options() -> ExpressOptions {
    ExpressOptions::new([CAT]).unwrap()
}

/// What a line says but for the ticket.
fn attributes(answer: &Answer) -> Option<&str> {
    answer.header("set-cookie").map(|line| line.split_once("; ").unwrap().1)
}

#[tokio::test]
async fn lines_are_those_of_express() {
    let full = options().max_age(MINUTE).domain("example.com").secure(true).partitioned(true);
    let full = full.priority(Priority::High).same_site(SameSite::Strict);
    for (options, expected) in [
        (options(), "Path=/; HttpOnly"),
        (options().max_age(HOUR), "Path=/; Expires=Wed, 02 Jan 2030 04:04:05 GMT; HttpOnly"),
        (options().http_only(false).path("/app"), "Path=/app"),
        (options().same_site(SameSite::Lax), "Path=/; HttpOnly; SameSite=Lax"),
        (
            full,
            "Domain=example.com; Path=/; Expires=Wed, 02 Jan 2030 03:05:05 GMT; HttpOnly; Secure; Partitioned; Priority=High; \
             SameSite=Strict",
        ),
    ] {
        let answer = Site::new(options).get(&mut Browser::new(), "/incr").await;
        assert_eq!(attributes(&answer), Some(expected));
        assert!(answer.header("set-cookie").unwrap().starts_with("connect.sid=s%3A"));
    }
}

#[tokio::test]
async fn a_new_record_has_the_attributes_and_the_life_of_its_cookie() {
    let site = Site::new(options().max_age(HOUR).same_site(SameSite::Lax));
    let line = site.get(&mut Browser::new(), "/incr").await.header("set-cookie").unwrap().to_owned();
    let record = site.record(&line).await;
    assert_eq!(record.metadata.get("cookie").unwrap().as_json(), r#"{"httpOnly":true,"path":"/","sameSite":"lax"}"#);
    assert_eq!((record.lifetime.idle, record.lifetime.persistent), (Some(HOUR), Some(true)));
    assert_eq!((record.idle_end, record.absolute_end), (START + HOUR, Timestamp::from_millis(i64::MAX)));
    let line = Site::new(options()).get(&mut Browser::new(), "/incr").await.header("set-cookie").unwrap().to_owned();
    assert!(!line.contains("Expires"), "{line}");
}

#[tokio::test]
async fn a_used_session_never_ends() {
    let day = 24 * HOUR;
    let site = Site::new(options());
    let mut browser = Browser::new();
    site.get(&mut browser, "/incr").await;
    for _ in 0..100 {
        site.clock.advance(13 * day);
        assert_eq!(site.get(&mut browser, "/read").await.body, "1");
    }
    site.clock.advance(14 * day + MINUTE);
    assert_eq!(site.get(&mut browser, "/read").await.body, "0");
}

#[tokio::test]
async fn without_rolling_a_change_sends_the_cookie_again_and_a_look_does_not() {
    let site = Site::new(options().max_age(HOUR));
    let mut browser = Browser::with_clock(site.clock.clone());
    site.get(&mut browser, "/incr").await;
    site.clock.advance(30 * MINUTE);
    let look = site.get(&mut browser, "/read").await;
    assert_eq!((look.body.as_str(), attributes(&look)), ("1", None));
    assert_eq!(site.store.calls(), ["create", "load", "apply"], "it was touched");
    let change = site.get(&mut browser, "/incr").await;
    assert_eq!(attributes(&change), Some("Path=/; Expires=Wed, 02 Jan 2030 04:34:05 GMT; HttpOnly"));
}

#[tokio::test]
async fn with_rolling_a_touch_sends_the_cookie_again() {
    let site = Site::new(options().max_age(HOUR).rolling(true));
    let mut browser = Browser::with_clock(site.clock.clone());
    site.get(&mut browser, "/incr").await;
    assert_eq!(attributes(&site.get(&mut browser, "/read").await), None, "its end has not moved");
    for _ in 0..5 {
        site.clock.advance(50 * MINUTE);
        let look = site.get(&mut browser, "/read").await;
        assert_eq!(look.body, "1");
        assert!(attributes(&look).unwrap().starts_with("Path=/; Expires="));
    }
}

#[tokio::test]
async fn a_session_of_the_browsers_life_is_sent_once() {
    for rolling in [false, true] {
        let site = Site::new(options().rolling(rolling));
        let mut browser = Browser::new();
        site.get(&mut browser, "/incr").await;
        site.clock.advance(HOUR);
        assert_eq!(attributes(&site.get(&mut browser, "/incr").await), None);
    }
}

#[tokio::test]
async fn a_sessions_own_attributes_are_kept_when_its_cookie_is_sent_or_removed() {
    let site = Site::new(options().same_site(SameSite::Lax));
    let mut browser =
        site.made_by_express(r#"{"httpOnly":false,"path":"/","domain":"example.com","sameSite":true}"#).await;
    let rotated = site.get(&mut browser, "/rotate").await;
    assert_eq!(attributes(&rotated), Some("Domain=example.com; Path=/; SameSite=Strict"));
    let removed = site.get(&mut browser, "/logout").await;
    let line = attributes(&removed).unwrap();
    assert!(line.contains("Domain=example.com; Path=/") && line.contains("Expires=Thu, 01 Jan 1970"), "{line}");
}

#[tokio::test]
async fn attributes_that_no_browser_takes_are_the_layers() {
    let site = Site::new(options().same_site(SameSite::Lax));
    let mut browser = site.made_by_express(r#"{"path":"no path; at all"}"#).await;
    let rotated = site.get(&mut browser, "/rotate").await;
    assert_eq!(attributes(&rotated), Some("Path=/; HttpOnly; SameSite=Lax"));
}

#[tokio::test]
async fn without_express_metadata_tells_nothing_of_the_cookie() {
    let site = support::Site::new(routes());
    let mut browser = support::visitor(&site).await;
    assert!(attributes(&site.get(&mut browser, "/rotate").await).unwrap().contains("Path=/; HttpOnly; Secure"));
    let entries = site.store.directory().unwrap().page(None, 10, site.clock.now()).await.unwrap();
    assert!(entries[0].metadata.is_empty());
}

#[test]
fn what_a_browser_would_refuse_is_refused_at_the_start() {
    let build = |options| SessionLayer::express(Arc::new(Watched::default()), options).build();
    assert!(build(options().same_site(SameSite::None)).is_err());
    assert!(build(options().partitioned(true)).is_err());
    assert!(build(options().name(CookieName::from_static("__Host-sid"))).is_err());
    assert!(build(options().name(CookieName::from_static("__Host-sid")).secure(true)).is_ok());
    assert!(build(options().max_age(Duration::ZERO)).is_err());
    assert!(ExpressOptions::new(Vec::<&str>::new()).is_err());
}

#[tokio::test]
async fn settings_of_the_builder_go_with_the_options() {
    let site = Site::with(options().max_age(HOUR), |builder| builder.idle_timeout(2 * HOUR).absolute_timeout(3 * HOUR));
    let line = site.get(&mut Browser::new(), "/incr").await.header("set-cookie").unwrap().to_owned();
    let record = site.record(&line).await;
    assert_eq!((record.lifetime.idle, record.idle_end), (Some(2 * HOUR), START + 2 * HOUR));
    assert_eq!(record.absolute_end, START + 3 * HOUR);
}
