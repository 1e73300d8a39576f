//! Races, failures and cancellation, as a client sees them.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::sync::atomic::Ordering;

use axum::routing::get;
use cloakroom::testing::Browser;
use cloakroom::{OnGone, Session, SessionError};
use http::StatusCode;

use support::{Answer, Result, Site, routes, visitor};

/// A site whose /slow handler loads, waits until it is let go, and then sets a key.
fn slow_site(on_gone: OnGone) -> (Site, std::sync::Arc<tokio::sync::Barrier>) {
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let gate = barrier.clone();
    let slow = move |session: Session| {
        let gate = gate.clone();
        async move {
            gate.wait().await;
            gate.wait().await;
            session.insert("slow", true)?;
            Ok::<_, SessionError>("done")
        }
    };
    (Site::with(routes().route("/slow", get(slow)), |builder| builder.on_gone(on_gone)), barrier)
}

async fn while_slow(path: &str, on_gone: OnGone) -> (Site, Browser, Answer) {
    let (site, gate) = slow_site(on_gone);
    let mut browser = visitor(&site).await;
    let (app, mut slow) = (site.app(), browser.clone());
    let request = http::Request::get("/slow").body(axum::body::Body::empty()).unwrap();
    let task = tokio::spawn(async move { Answer::read(slow.send(app, request).await.unwrap()).await });
    gate.wait().await;
    assert_eq!(site.get(&mut browser, path).await.status, StatusCode::OK);
    gate.wait().await;
    (site, browser, task.await.unwrap())
}

#[tokio::test]
async fn a_slow_request_never_brings_a_dead_session_back() {
    for path in ["/logout", "/login/ada", "/rotate"] {
        let (site, mut browser, answer) = while_slow(path, OnGone::Conflict).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::CONFLICT, ""), "{path}");
        assert!(!answer.sets_cookie());
        let expected = usize::from(path != "/logout");
        assert_eq!(site.store.memory.stats().sessions, expected, "{path}");
        assert_eq!(site.get(&mut browser, "/read").await.body, expected.to_string());
    }
}

#[tokio::test]
async fn the_response_may_be_kept_by_name() {
    let (_, _, answer) = while_slow("/logout", OnGone::KeepResponse).await;
    assert_eq!((answer.status, answer.body.as_str(), answer.sets_cookie()), (StatusCode::OK, "done", false));
}

#[tokio::test]
async fn requests_that_race_lose_nothing() {
    let (site, mut browser, answer) = while_slow("/set/quick/1", OnGone::Conflict).await;
    assert_eq!(answer.body, "done");
    assert_eq!(site.get(&mut browser, "/text/quick").await.body, "1");
}

#[tokio::test]
async fn a_store_that_fails_is_503_before_any_header_leaves() {
    async fn fails_late(
        session: Session,
        axum::Extension(store): axum::Extension<std::sync::Arc<support::Watched>>,
    ) -> Result<([(&'static str, &'static str); 1], &'static str)> {
        session.insert("a", 1)?;
        store.fails.store(true, Ordering::SeqCst);
        Ok(([("x-secret", "1")], "all is well"))
    }
    let site = Site::new(routes().route("/fails-late", get(fails_late)));
    let mut browser = visitor(&site).await;
    let request = http::Request::get("/fails-late").body(axum::body::Body::empty()).unwrap();
    let app = site.app().layer(axum::Extension(site.store.clone()));
    let answer = Answer::read(browser.send(app, request).await.unwrap()).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, ""));
    assert_eq!(
        (answer.header("retry-after"), answer.header("x-secret"), answer.sets_cookie()),
        (Some("1"), None, false)
    );

    let answer = site.get(&mut browser, "/read").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    assert_eq!(site.get(&mut browser, "/").await.body, "ok", "who needs no session needs no store");
    assert_eq!(site.get(&mut Browser::new(), "/set/a/1").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_503_at_the_deadline() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    site.store.hangs.store(true, Ordering::SeqCst);
    for (path, browser) in [("/read", &mut browser), ("/set/a/1", &mut Browser::new()), ("/incr", &mut Browser::new())]
    {
        let start = tokio::time::Instant::now();
        assert_eq!(site.get(browser, path).await.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        // An increment that nobody knows the outcome of is not written a second time at commit.
        assert!(start.elapsed() < std::time::Duration::from_millis(2_500), "{path} {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_during_the_commit_changes_nothing() {
    let site = Site::new(routes());
    let browser = visitor(&site).await;
    let (app, store) = (site.app(), site.store.clone());
    let mut leaving = browser.clone();
    async fn hang(
        session: Session,
        axum::Extension(store): axum::Extension<std::sync::Arc<support::Watched>>,
    ) -> Result {
        session.insert("a", "kept")?;
        store.hangs.store(true, Ordering::SeqCst);
        Ok("never seen".into())
    }
    let app = app.route("/hang", get(hang)).layer(site.layer.clone()).layer(axum::Extension(store.clone()));
    let request = http::Request::get("/hang").body(axum::body::Body::empty()).unwrap();
    let task = tokio::spawn(async move { leaving.send(app, request).await });
    while store.calls().last() != Some(&"apply") {
        tokio::task::yield_now().await;
    }
    task.abort();
    task.await.unwrap_err();
    store.hangs.store(false, Ordering::SeqCst);
    store.release.notify_waiters();
    let mut browser = browser;
    loop {
        if site.get(&mut browser, "/text/a").await.body == "kept" {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_handler_that_is_cancelled_or_panics_changes_nothing() {
    async fn never(session: Session) -> Result {
        session.insert("a", "lost")?;
        std::future::pending().await
    }
    async fn panics(session: Session) -> Result {
        session.insert("a", "lost").unwrap();
        panic!("on purpose")
    }
    let site = Site::new(routes().route("/never", get(never)).route("/panics", get(panics)));
    let mut browser = visitor(&site).await;
    for path in ["/never", "/panics"] {
        let (app, mut leaving, store) = (site.app(), browser.clone(), site.store.clone());
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let task = tokio::spawn(async move { leaving.send(app, request).await });
        while store.calls().last() != Some(&"load") {
            tokio::task::yield_now().await;
        }
        task.abort();
        task.await.unwrap_err();
        assert_eq!(site.get(&mut browser, "/text/a").await.body, "");
    }
}

#[tokio::test]
async fn a_write_that_was_cancelled_half_way_is_not_answered_200() {
    async fn impatient(
        session: Session,
        axum::Extension(store): axum::Extension<std::sync::Arc<support::Watched>>,
    ) -> Result {
        session.insert("a", 1)?;
        store.hangs.store(true, Ordering::SeqCst);
        let given_up = tokio::time::timeout(std::time::Duration::from_millis(1), session.save()).await;
        assert!(given_up.is_err());
        store.hangs.store(false, Ordering::SeqCst);
        Ok("all is well".into())
    }
    let site = Site::new(routes().route("/impatient", get(impatient)));
    let mut browser = visitor(&site).await;
    let app = site.app().layer(axum::Extension(site.store.clone()));
    let request = http::Request::get("/impatient").body(axum::body::Body::empty()).unwrap();
    let answer = Answer::read(browser.send(app, request).await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_missing_layer_is_a_clear_message_and_none_for_who_can_do_without() {
    let app = routes().route("/maybe", get(|session: Option<Session>| async move { session.is_some().to_string() }));
    let mut browser = Browser::new();
    let mut ask = async |path: &str| {
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        Answer::read(browser.send(app.clone(), request).await.unwrap()).await
    };
    let answer = ask("/read").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.contains("SessionLayer"), "{answer:?}");
    assert_eq!(ask("/maybe").await.body, "false");
}

#[tokio::test]
async fn a_failing_store_is_no_empty_session_even_for_who_can_do_without() {
    let site = Site::new(
        routes().route("/maybe", get(|session: Option<Session>| async move { session.is_some().to_string() })),
    );
    let mut browser = visitor(&site).await;
    assert_eq!(site.get(&mut browser, "/maybe").await.body, "true");
    site.store.fails.store(true, Ordering::SeqCst);
    assert_eq!(site.get(&mut browser, "/maybe").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_changes_after_the_response_has_left_is_an_error() {
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = kept.clone();
    let handler = move |session: Session| {
        let keep = keep.clone();
        async move {
            session.insert("a", 1)?;
            *keep.lock().unwrap() = Some(session);
            Ok::<_, SessionError>("ok")
        }
    };
    let site = Site::new(routes().route("/keep", get(handler)));
    let mut browser = visitor(&site).await;
    site.get(&mut browser, "/keep").await;
    let session = kept.lock().unwrap().take().unwrap();
    let kind = |result: Result<()>| result.unwrap_err().kind();
    assert_eq!(session.get::<i64>("n").unwrap(), Some(1), "what it held can be read as ever");
    assert_eq!(kind(session.insert("b", 1)), cloakroom::SessionErrorKind::Closed);
    assert_eq!(kind(session.log_out()), cloakroom::SessionErrorKind::Closed);
    assert_eq!(kind(session.rotate().await), cloakroom::SessionErrorKind::Closed);
    assert_eq!(session.increment("n", 1).await.unwrap(), 2, "what is written at once needs no response");
    assert_eq!(session.get::<i64>("a").unwrap(), Some(1));
}

#[tokio::test]
async fn a_write_that_failed_is_not_tried_again_at_commit() {
    type Store = axum::Extension<std::sync::Arc<support::Watched>>;
    async fn swallow(session: Session, axum::Extension(store): Store) -> Result {
        session.insert("a", "carried along")?;
        store.fails.store(true, Ordering::SeqCst);
        session.increment("n", 1).await.unwrap_err();
        store.fails.store(false, Ordering::SeqCst);
        Ok("all is well".into())
    }
    async fn do_without(session: Session, axum::Extension(store): Store) -> Result {
        store.fails.store(true, Ordering::SeqCst);
        session.increment("n", 1).await.unwrap_err();
        store.fails.store(false, Ordering::SeqCst);
        session.insert("a", "kept")?;
        Ok("not counted, but well".into())
    }
    let site = Site::new(routes().route("/swallow", get(swallow)).route("/do-without", get(do_without)));
    for (path, status, kept) in
        [("/swallow", StatusCode::SERVICE_UNAVAILABLE, ""), ("/do-without", StatusCode::OK, "kept")]
    {
        let mut browser = visitor(&site).await;
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let app = site.app().layer(axum::Extension(site.store.clone()));
        let answer = Answer::read(browser.send(app, request).await.unwrap()).await;
        assert_eq!(answer.status, status, "{path}");
        let calls = if status.is_success() { vec!["load", "apply", "apply"] } else { vec!["load", "apply"] };
        assert_eq!(site.store.calls(), calls, "{path}");
        assert_eq!(site.get(&mut browser, "/text/a").await.body, kept, "{path}");
    }
}
