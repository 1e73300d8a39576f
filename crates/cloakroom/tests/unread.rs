//! Sessions that are written without being read: what that spares the store, and what it must not change.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::routing::get;
use cloakroom::cookie::KeyRing;
use cloakroom::testing::Browser;
use cloakroom::{ClearSiteData, Session, SessionErrorKind, UnreadSession};
use http::StatusCode;

use support::{HOUR, MINUTE, Result, SECRET, Site, logged_in, visitor};

fn routes() -> Router {
    async fn set(session: UnreadSession, Path((key, value)): Path<(String, String)>) -> Result {
        session.insert(&key, value).await?;
        Ok("set".into())
    }
    async fn remove(session: UnreadSession, Path(key): Path<String>) -> Result {
        session.remove(&key).await?;
        Ok("removed".into())
    }
    async fn add(session: UnreadSession, Path((key, by)): Path<(String, i64)>) -> Result {
        Ok(session.increment(&key, by).await?.to_string())
    }
    async fn log_out(session: UnreadSession) -> Result {
        session.log_out().await?;
        Ok("out".into())
    }
    async fn write_then_read(session: UnreadSession) -> Result {
        session.insert("a", "written").await?;
        Ok(session.read().await?.get::<String>("a")?.unwrap_or_default())
    }
    async fn both(read: Session, unread: UnreadSession) -> Result {
        read.insert("a", "pending")?;
        unread.insert("b", "unread").await?;
        Ok(format!("{:?}", read.get::<String>("b")?))
    }
    async fn read_twice_at_once(session: UnreadSession) -> Result {
        let insert = async |key| session.read().await?.insert(key, "kept");
        tokio::try_join!(insert("a"), insert("b"))?;
        let text = async |key| session.read().await?.get::<String>(key);
        Ok(format!("{:?} {:?}", text("a").await?, text("b").await?))
    }
    async fn out_and_on(session: UnreadSession) -> Result {
        session.log_out().await?;
        session.insert("a", "new").await?;
        Ok("new".into())
    }
    support::routes()
        .route("/unread/set/{key}/{value}", get(set))
        .route("/unread/remove/{key}", get(remove))
        .route("/unread/add/{key}/{by}", get(add))
        .route("/unread/logout", get(log_out))
        .route("/unread/write-then-read", get(write_then_read))
        .route("/unread/both", get(both))
        .route("/unread/read-twice-at-once", get(read_twice_at_once))
        .route("/unread/out-and-on", get(out_and_on))
}

/// No commit is to come that would write what is only noted.
#[tokio::test]
async fn who_reads_it_after_the_response_has_left_can_change_only_what_is_written_at_once() {
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    let handler = move |session: UnreadSession| {
        keep.lock().unwrap().replace(session);
        std::future::ready("kept")
    };
    let site = Site::new(routes().route("/keep", get(handler)));
    let kept_of = async |mut browser: Browser| {
        site.get(&mut browser, "/keep").await;
        let session = kept.lock().unwrap().take();
        session.unwrap().read().await.unwrap()
    };
    let known = kept_of(visitor(&site).await).await;
    assert_eq!(known.insert("a", 1).unwrap_err().kind(), SessionErrorKind::Closed);
    assert_eq!(known.get::<i64>("n").unwrap(), Some(1));
    assert_eq!(known.increment("n", 1).await.unwrap(), 2);
    let stranger = kept_of(Browser::new()).await;
    assert_eq!(stranger.insert("a", 1).unwrap_err().kind(), SessionErrorKind::Closed);
    assert_eq!(stranger.increment("n", 1).await.unwrap_err().kind(), SessionErrorKind::Closed, "nobody has its id");
}

#[tokio::test]
async fn of_two_loads_at_once_the_later_one_takes_nothing_back() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    site.store.calls();
    site.store.hangs.store(true, Ordering::SeqCst);
    let (answer, ()) = tokio::join!(site.get(&mut browser, "/unread/read-twice-at-once"), async {
        site.store.is_asked_for("load").await;
        site.store.hangs.store(false, Ordering::SeqCst);
        site.store.release.notify_waiters();
    });
    assert_eq!(answer.body, r#"Some("kept") Some("kept")"#);
    for path in ["/text/a", "/text/b"] {
        assert_eq!(site.get(&mut browser, path).await.body, "kept");
    }
}

#[tokio::test]
async fn each_call_is_one_step_of_the_store() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    for (path, body) in [
        ("/unread/set/a/1", "set"),
        ("/unread/add/count/5", "5"),
        ("/unread/add/count/-2", "3"),
        ("/unread/remove/a", "removed"),
        ("/unread/remove/never-there", "removed"),
    ] {
        site.store.calls();
        let answer = site.get(&mut browser, path).await;
        assert_eq!((answer.body.as_str(), answer.sets_cookie()), (body, false), "{path}");
        assert_eq!(site.store.calls(), ["apply"], "{path}");
    }
    assert_eq!(site.get(&mut browser, "/text/a").await.body, "");
    assert_eq!(site.get(&mut browser, "/unread/write-then-read").await.body, "written");
}

#[tokio::test]
async fn a_log_out_is_one_step_and_takes_the_ticket_back() {
    let site = Site::with(routes(), |builder| builder.clear_site_data([ClearSiteData::Cache]));
    let mut browser = logged_in(&site, "ada").await;
    let mut thief = browser.clone();
    site.store.calls();
    let answer = site.get(&mut browser, "/unread/logout").await;
    assert_eq!(site.store.calls(), ["destroy"]);
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "out"));
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"), "{answer:?}");
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\""));
    assert_eq!(site.get(&mut thief, "/whoami").await.body, "-");
}

#[tokio::test]
async fn without_a_session_one_begins_and_a_forged_ticket_is_none() {
    let site = Site::new(routes());
    let mut forger = Browser::new();
    forger.set_cookie("__Host-sid", "s%3Aforged.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for mut browser in [Browser::new(), forger] {
        let answer = site.get(&mut browser, "/unread/add/n/1").await;
        assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("1", true));
        assert_eq!(site.store.calls(), ["create"]);
    }
    let answer = site.get(&mut Browser::new(), "/unread/remove/a").await;
    assert_eq!((answer.sets_cookie(), site.store.calls().len()), (false, 0), "there is nothing to remove it from");
    let answer = site.get(&mut Browser::new(), "/unread/logout").await;
    assert_eq!((answer.sets_cookie(), site.store.calls().len()), (false, 0));
}

#[tokio::test]
async fn a_session_that_has_ended_is_not_brought_back() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    let mut tab = browser.clone();
    site.get(&mut browser, "/logout").await;
    site.store.calls();
    // As with a `Session` that is loaded: a new one begins, and nobody is logged in.
    let answer = site.get(&mut tab, "/unread/set/a/1").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("set", true));
    assert_eq!(site.store.calls(), ["apply", "load", "create"]);
    assert_eq!(site.get(&mut tab, "/whoami").await.body, "-");

    let mut idle = visitor(&site).await;
    site.wait(2 * HOUR);
    let answer = site.get(&mut idle, "/unread/add/n/1").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("1", true), "it has expired");
}

#[tokio::test]
async fn a_ticket_that_was_rotated_away_writes_and_ends_nothing() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    let tab = browser.clone();
    site.get(&mut browser, "/rotate").await;
    for path in ["/unread/set/a/1", "/unread/add/n/1"] {
        let answer = site.get(&mut tab.clone(), path).await;
        assert_eq!((answer.status, answer.sets_cookie()), (StatusCode::CONFLICT, false), "{path}");
    }
    let answer = site.get(&mut tab.clone(), "/logout").await;
    let unread = site.get(&mut tab.clone(), "/unread/logout").await;
    assert_eq!((unread.status, unread.sets_cookie()), (answer.status, answer.sets_cookie()));
    assert_eq!(site.get(&mut browser, "/text/a").await.body, "");
}

#[tokio::test]
async fn beside_a_session_that_is_loaded_both_see_each_other() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    assert_eq!(site.get(&mut browser, "/unread/both").await.body, "Some(\"unread\")");
    assert_eq!(site.get(&mut browser, "/text/a").await.body, "pending");
    let answer = site.get(&mut browser, "/unread/out-and-on").await;
    assert!(answer.header("set-cookie").unwrap().starts_with("__Host-sid=s%3A"), "{answer:?}");
    assert_eq!(site.get(&mut browser, "/text/a").await.body, "new");
    assert_eq!(site.get(&mut browser, "/text/b").await.body, "", "that was in the session that ended");
}

#[tokio::test]
async fn a_ticket_of_an_older_key_is_exchanged() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let keys = KeyRing::new("a new secret of more than 32 bytes").unwrap().with_older(SECRET).unwrap();
    let renewed = site.behind(keys);
    assert!(renewed.get(&mut browser, "/unread/set/a/1").await.sets_cookie());
    site.store.calls();
    assert!(!renewed.get(&mut browser, "/unread/set/a/2").await.sets_cookie());
    assert_eq!(site.store.calls(), ["apply"]);
}

#[tokio::test]
async fn what_a_session_refuses_is_refused() {
    let site = Site::with(routes(), |builder| builder.size_limit(100));
    let mut browser = visitor(&site).await;
    site.get(&mut browser, "/set/word/text").await;
    site.store.calls();
    let long = format!("/unread/set/a/{}", "x".repeat(200));
    for path in [long.as_str(), "/unread/set/cloakroom:a/1"] {
        assert_eq!(site.get(&mut browser, path).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(site.store.calls().is_empty(), "{path}");
    }
    let answer = site.get(&mut browser, "/unread/add/word/1").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "a text can't be added to");
    assert_eq!(site.get(&mut browser, "/text/word").await.body, "text");
}

#[tokio::test]
async fn it_is_no_sign_of_life() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    for _ in 0..5 {
        site.wait(10 * MINUTE);
        assert!(!site.get(&mut browser, "/unread/set/a/1").await.sets_cookie());
    }
    site.wait(11 * MINUTE);
    assert_eq!(site.get(&mut browser, "/text/a").await.body, "", "an hour without a read has passed");
}

#[tokio::test]
async fn after_the_end_of_all_it_reads_first() {
    let site = Site::with(routes(), |builder| builder.global_revocation(true));
    let mut browser = visitor(&site).await;
    site.wait(Duration::from_secs(1));
    site.layer.sessions().revoke_everything().await.unwrap();
    site.wait(Duration::from_secs(2));
    let answer = site.get(&mut browser, "/unread/add/n/1").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("1", true), "a new session");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_beside_requests_that_read() {
    let site = std::sync::Arc::new(Site::new(routes()));
    let browser = visitor(&site).await;
    let requests = (0..200).map(|number| {
        let (site, mut browser) = (site.clone(), browser.clone());
        let path = match number % 4 {
            0 => "/incr".to_owned(),
            1 => format!("/set/read{number}/{number}"),
            2 => "/unread/add/n/1".to_owned(),
            _ => format!("/unread/set/unread{number}/{number}"),
        };
        tokio::spawn(async move { site.get(&mut browser, &path).await.status })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(site.get(&mut browser.clone(), "/read").await.body, "101");
    for number in (0..200).filter(|number| number % 2 == 1) {
        let name = if number % 4 == 1 { "read" } else { "unread" };
        let answer = site.get(&mut browser.clone(), &format!("/text/{name}{number}")).await;
        assert_eq!(answer.body, number.to_string());
    }
}

#[tokio::test]
async fn a_slow_request_does_not_bring_back_what_was_ended_unread() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    for path in ["/set/a/1", "/incr", "/rotate", "/unread/both"] {
        let mut slow = browser.clone();
        site.store.calls();
        site.store.hangs.store(true, std::sync::atomic::Ordering::SeqCst);
        let (answer, ()) = tokio::join!(site.get(&mut slow, path), async {
            site.store.is_asked_for("load").await;
            site.store.hangs.store(false, std::sync::atomic::Ordering::SeqCst);
            // The slow one has its session; before it writes, the other one is done.
            assert_eq!(site.get(&mut browser, "/unread/logout").await.body, "out", "{path}");
            site.store.release.notify_waiters();
        });
        assert_eq!((answer.status, answer.sets_cookie()), (StatusCode::CONFLICT, false), "{path}");
        assert_eq!(site.get(&mut slow, "/whoami").await.body, "-", "{path}");
        browser = logged_in(&site, "ada").await;
    }
}

#[tokio::test]
async fn a_store_that_fails_is_a_503() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    site.store.fails.store(true, std::sync::atomic::Ordering::SeqCst);
    for path in ["/unread/set/a/1", "/unread/remove/a", "/unread/add/n/1", "/unread/logout"] {
        let answer = site.get(&mut browser, path).await;
        assert_eq!((answer.status, answer.sets_cookie()), (StatusCode::SERVICE_UNAVAILABLE, false), "{path}");
    }
}

#[tokio::test]
async fn without_a_layer_it_is_an_error() {
    let request = Request::get("/unread/logout").body(Body::empty()).unwrap();
    let answer = Browser::new().send(routes(), request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
