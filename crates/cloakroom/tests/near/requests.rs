//! Requests to servers with a near cache each: what is written unread, and what observers and the sweep see through it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::routing::get;
use cloakroom::cookie::KeyRing;
use cloakroom::events::{Event, Observer};
use cloakroom::store::{MemoryStore, NearCache};
use cloakroom::testing::Browser;
use cloakroom::{Clock, SessionLayer, UnreadSession};
use http::StatusCode;

use crate::site::{Answer, HOUR, Result, SECRET, routes};
use crate::support::{Line, Link, Node, at, heard};

/// A server with the layer before its cache.
struct Server {
    link: Arc<Link>,
    cache: Arc<NearCache>,
    layer: SessionLayer,
    app: Router,
    seen: Seen,
}

/// The names of what was told.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Seen {
    fn observe(&self, event: &Event<'_>) {
        if !matches!(event, Event::StoreAnswered { .. }) {
            self.0.lock().unwrap().push(event.name());
        }
    }
}

impl Seen {
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Server {
    async fn live(store: &Arc<MemoryStore>, clock: &Clock) -> Server {
        let Node { link, cache } = Node::live(store).await;
        let (cache, seen) = (Arc::new(cache), Seen::default());
        let builder = SessionLayer::builder(cache.clone(), KeyRing::new(SECRET).unwrap()).clock(clock.clone());
        let layer = builder.observer(seen.clone()).build().unwrap();
        Server { link, cache, app: all_routes().layer(layer.clone()), layer, seen }
    }

    async fn get(&self, browser: &mut Browser, path: &str) -> Answer {
        let request = Request::get(path).body(Body::empty()).unwrap();
        Answer::read(browser.send(self.app.clone(), request).await.unwrap()).await
    }

    /// The answer's text alone.
    async fn text(&self, browser: &mut Browser, path: &str) -> String {
        self.get(browser, path).await.body
    }
}

fn all_routes() -> Router {
    async fn set(session: UnreadSession, Path((key, value)): Path<(String, String)>) -> Result {
        session.insert(&key, value).await?;
        Ok("set".into())
    }
    async fn remove(session: UnreadSession, Path(key): Path<String>) -> Result {
        session.remove(&key).await?;
        Ok("removed".into())
    }
    async fn add(session: UnreadSession, Path(by): Path<i64>) -> Result {
        Ok(session.increment("n", by).await?.to_string())
    }
    async fn log_out(session: UnreadSession) -> Result {
        session.log_out().await?;
        Ok("out".into())
    }
    routes()
        .route("/unread/set/{key}/{value}", get(set))
        .route("/unread/remove/{key}", get(remove))
        .route("/unread/add/{by}", get(add))
        .route("/unread/logout", get(log_out))
}

async fn two() -> (Server, Server) {
    let (store, clock) = (Arc::new(MemoryStore::new()), Clock::manual(at(1)));
    (Server::live(&store, &clock).await, Server::live(&store, &clock).await)
}

/// A browser with n = 1, of which both servers have a copy.
async fn copied(one: &Server, two: &Server) -> Browser {
    let mut browser = Browser::new();
    assert_eq!(one.text(&mut browser, "/incr").await, "1");
    heard().await;
    for server in [one, two] {
        assert_eq!(server.text(&mut browser, "/read").await, "1");
        let loads = server.link.loads();
        assert_eq!(server.text(&mut browser, "/read").await, "1");
        assert_eq!(server.link.loads(), loads, "there is a copy");
    }
    browser
}

#[tokio::test(start_paused = true)]
async fn what_is_written_unread_is_seen_at_once_here_and_when_it_is_told_there() {
    let (one, two) = two().await;
    let mut browser = copied(&one, &two).await;
    one.link.set_feed(Line::Silent);
    for (write, answer, look, there) in [
        ("/unread/add/4", "5", "/read", "5"),
        ("/unread/set/a/word", "set", "/text/a", "word"),
        ("/unread/remove/a", "removed", "/text/a", ""),
    ] {
        assert_eq!(one.text(&mut browser, write).await, answer);
        assert_eq!(one.text(&mut browser, look).await, there, "{write}");
        heard().await;
        assert_eq!(two.text(&mut browser, look).await, there, "{write}");
    }
    let mut thief = browser.clone();
    assert_eq!(one.text(&mut browser, "/unread/logout").await, "out");
    assert_eq!(one.text(&mut thief.clone(), "/read").await, "0");
    heard().await;
    assert_eq!(two.text(&mut thief, "/read").await, "0");
    assert!(one.cache.stats().is_live, "it saw its own writes without the feed");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_out_of_date_lets_no_unread_write_pass() {
    let (one, two) = two().await;
    // Where the session has ended, a new one begins, as without a cache.
    for (elsewhere, status, there) in [("/rotate", StatusCode::CONFLICT, "1"), ("/logout", StatusCode::OK, "0")] {
        for write in ["/unread/add/1", "/unread/set/a/word"] {
            let mut browser = copied(&one, &two).await;
            let mut tab = browser.clone();
            one.link.set_feed(Line::Silent);
            two.get(&mut browser, elsewhere).await;
            assert_eq!(one.text(&mut tab, "/read").await, "1", "nobody has told it yet");
            let answer = one.get(&mut tab, write).await;
            assert_eq!((answer.status, answer.sets_cookie()), (status, status.is_success()), "{elsewhere} {write}");
            assert_eq!(two.text(&mut browser, "/read").await, there, "{elsewhere} {write}");
            assert_eq!(two.text(&mut browser, "/text/a").await, "", "{elsewhere} {write}");
            one.link.set_feed(Line::Up);
            heard().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unread_log_out_with_an_old_id_ends_what_it_would_without_a_cache() {
    let (one, two) = two().await;
    let mut ends = Vec::new();
    for line in [Line::Silent, Line::Up] {
        let mut browser = copied(&one, &two).await;
        let mut tab = browser.clone();
        one.link.set_feed(line);
        two.get(&mut browser, "/rotate").await;
        heard().await;
        let answer = one.get(&mut tab, "/unread/logout").await;
        ends.push((answer.status, answer.sets_cookie(), two.text(&mut browser, "/read").await));
        one.link.set_feed(Line::Up);
        heard().await;
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_by_the_service_ends_what_copies_show() {
    let (store, clock) = (Arc::new(MemoryStore::new()), Clock::manual(at(1)));
    let server = Server::live(&store, &clock).await;
    let mut browser = Browser::new();
    server.get(&mut browser, "/incr").await;
    assert_eq!(server.text(&mut browser, "/read").await, "1");
    server.seen.take();
    server.link.set_feed(Line::Silent);
    clock.advance(2 * HOUR);
    assert_eq!(server.layer.sessions().sweep(10).await.unwrap(), 1);
    assert_eq!(server.text(&mut browser, "/read").await, "0");
    assert_eq!(server.seen.take(), ["expired", "missing"]);
}

#[tokio::test(start_paused = true)]
async fn observers_of_the_layer_and_of_the_store_behind_are_told_as_without_a_cache() {
    let (of_store, clock) = (Seen::default(), Clock::manual(at(1)));
    let store = Arc::new(MemoryStore::with_capacity(1).with_observer(of_store.clone()));
    let server = Server::live(&store, &clock).await;
    let (mut first, mut second) = (Browser::new(), Browser::new());
    server.get(&mut first, "/incr").await;
    heard().await;
    let loads = server.link.loads();
    for _ in 0..3 {
        server.get(&mut first, "/read").await;
    }
    assert_eq!(server.link.loads(), loads + 1);
    assert_eq!(server.seen.take(), ["created", "loaded", "loaded", "loaded"], "a copy is told of as a session is");

    clock.advance(Duration::from_secs(1));
    server.get(&mut second, "/incr").await;
    heard().await;
    assert_eq!(server.text(&mut first, "/read").await, "0", "it had to leave");
    assert_eq!((of_store.take(), server.seen.take()), (vec!["evicted"], vec!["created", "missing"]));
}
