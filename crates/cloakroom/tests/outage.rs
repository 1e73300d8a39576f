//! A store that is away, comes back, or loses its answers.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::routing::get;
use cloakroom::store::Store as _;
use cloakroom::testing::Browser;
use cloakroom::{OnOutage, Session, SessionErrorKind};
use http::StatusCode;
use tokio::time::{Instant, advance, sleep};

use support::{Result, Site, act, logged_in, routes, visitor};

const AWAY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// How long one request takes, and its status.
async fn timed(site: &Site, browser: &mut Browser, path: &str) -> (StatusCode, Duration) {
    let start = Instant::now();
    let status = site.get(browser, path).await.status;
    (status, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_its_deadline_only_at_first() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    site.store.hangs.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(timed(&site, &mut browser, "/read").await, (AWAY, Duration::from_secs(2)));
    }
    // This one finds out that it still hangs; those at the same time do not wait for it.
    let (app, mut probe) = (site.app(), browser.clone());
    let request = http::Request::get("/read").body(axum::body::Body::empty()).unwrap();
    let probing = tokio::spawn(async move { probe.send(app, request).await.unwrap().status() });
    tokio::task::yield_now().await;
    site.store.calls();
    for path in ["/read", "/incr", "/set/a/1"] {
        assert_eq!(timed(&site, &mut browser, path).await, (AWAY, Duration::ZERO), "{path}");
        let answer = site.get(&mut browser, path).await;
        assert_eq!((answer.header("retry-after"), answer.sets_cookie()), (Some("1"), false));
    }
    assert!(site.store.calls().is_empty(), "the store is spared as well");
    assert_eq!(timed(&site, &mut browser, "/").await, (StatusCode::OK, Duration::ZERO), "who needs no session");
    assert_eq!(probing.await.unwrap(), AWAY);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_noticed_within_a_second() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    site.store.fails.store(true, Ordering::SeqCst);
    for _ in 0..100 {
        assert_eq!(site.get(&mut browser, "/read").await.status, AWAY);
        sleep(Duration::from_millis(7)).await;
    }
    let asked = site.store.calls().len();
    assert!((6..=10).contains(&asked), "asked {asked} times in 0.7 seconds");
    site.store.fails.store(false, Ordering::SeqCst);
    advance(Duration::from_millis(200)).await;
    for _ in 0..10 {
        assert_eq!(site.get(&mut browser, "/incr").await.status, StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_store_no_longer_than_the_deadline_all_in_all() {
    async fn slow(
        session: Session,
        axum::Extension(store): axum::Extension<std::sync::Arc<support::Watched>>,
    ) -> Result {
        // What the handler does by itself does not count.
        sleep(Duration::from_secs(60)).await;
        session.insert("a", 1)?;
        store.hangs.store(true, Ordering::SeqCst);
        Ok("never seen".into())
    }
    let site = Site::new(routes().route("/slow", get(slow)));
    let browser = visitor(&site).await;
    let app = site.app().layer(axum::Extension(site.store.clone()));
    site.store.hangs.store(true, Ordering::SeqCst);
    let store = site.store.clone();
    let (start, mut browser) = (Instant::now(), browser);
    let release = async move {
        sleep(Duration::from_millis(1_900)).await;
        store.hangs.store(false, Ordering::SeqCst);
        store.release.notify_waiters();
    };
    let request = http::Request::get("/slow").body(axum::body::Body::empty()).unwrap();
    let (response, ()) = tokio::join!(browser.send(app, request), release);
    assert_eq!((response.unwrap().status(), start.elapsed()), (AWAY, Duration::from_secs(62)));
}

#[tokio::test(start_paused = true)]
async fn once_the_response_has_left_each_write_has_the_deadline_for_itself() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = kept.clone();
    act(&site, &mut browser, move |session: Session| async move {
        *keep.lock().unwrap() = Some(session);
        Ok(())
    })
    .await;
    let session = kept.lock().unwrap().take().unwrap();
    site.store.hangs.store(true, Ordering::SeqCst);
    for number in 2..6 {
        let release = async {
            sleep(Duration::from_millis(1_500)).await;
            site.store.release.notify_waiters();
        };
        let (written, ()) = tokio::join!(session.increment("n", 1), release);
        assert_eq!(written.unwrap(), number);
    }
}

#[tokio::test]
async fn by_name_a_store_that_is_away_makes_visitors_of_all_who_can_only_look() {
    async fn look(session: Session) -> Result {
        let error = session.insert("a", 1).unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::ReadOnly);
        assert_eq!(session.increment("a", 1).await.unwrap_err().kind(), SessionErrorKind::ReadOnly);
        assert_eq!(session.log_out().unwrap_err().kind(), SessionErrorKind::ReadOnly);
        Ok(format!("{} {:?} {:?}", session.is_read_only(), session.user(), session.keys()))
    }
    let routes = routes().route("/look", get(look));
    let site = Site::with(routes, |builder| builder.on_outage(OnOutage::ReadAsAnonymous));
    let mut browser = logged_in(&site, "ada").await;
    site.store.fails.store(true, Ordering::SeqCst);
    for _ in 0..10 {
        let answer = site.get(&mut browser, "/look").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "true None []"));
        assert_eq!((answer.sets_cookie(), answer.header("vary")), (false, Some("cookie")));
        let refused = site.get(&mut browser, "/set/a/1").await;
        assert_eq!((refused.status, refused.header("retry-after")), (AWAY, Some("1")));
    }
    site.store.fails.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(210)).await;
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada", "nobody was logged out");
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_is_found_again() {
    for lost in [1, 2, 3] {
        let site = Site::new(routes());
        let mut browser = visitor(&site).await;
        let mut before = browser.clone();
        site.get(&mut browser, "/set/a/kept").await;
        site.store.loses_rotations.store(lost, Ordering::SeqCst);
        let answer = site.get(&mut browser, "/login/ada").await;
        assert_eq!((answer.status, answer.sets_cookie()), (StatusCode::OK, true));
        assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
        assert_eq!(site.get(&mut browser, "/text/a").await.body, "kept");
        assert_eq!(site.get(&mut before, "/whoami").await.body, "-", "the old id is dead");
        assert_eq!(site.store.memory.stats().sessions, 1);
    }
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_and_whose_session_ended_then_is_of_unknown_outcome() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    site.store.loses_rotations.store(1, Ordering::SeqCst);
    let (store, clock) = (site.store.clone(), site.clock.clone());
    // Between the two attempts somebody ends all sessions of ada, this one by now among them.
    let revoke = async {
        while store.loses_rotations.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        store.memory.directory().unwrap().revoke_all(&"ada".try_into().unwrap(), None, clock.now()).await.unwrap()
    };
    let (answer, ended) = tokio::join!(site.get(&mut browser, "/login/ada"), revoke);
    assert_eq!((answer.status, answer.sets_cookie(), ended), (AWAY, false, 1), "it is not told that nothing was done");
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "-");
}

#[tokio::test]
async fn a_failure_after_a_rotation_logs_nobody_out() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    let store = site.store.clone();
    let answer = act(&site, &mut browser, move |session: Session| async move {
        session.rotate().await?;
        session.insert("a", 1)?;
        store.fails.store(true, Ordering::SeqCst);
        Ok(())
    })
    .await;
    assert_eq!((answer.status, answer.body.as_str(), answer.sets_cookie()), (AWAY, "", true));
    site.store.fails.store(false, Ordering::SeqCst);
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
}

/// A slow store that answers is not away, however many stand in line for one session.
#[tokio::test(start_paused = true)]
async fn who_waits_for_others_until_the_deadline_does_not_blame_the_store() {
    async fn count(session: Session) -> Result {
        Ok(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).await?.to_string())
    }
    let site = Site::new(routes().route("/count", get(count)));
    let mut browser = visitor(&site).await;
    site.store.delay.store(300, Ordering::SeqCst);
    let mut requests = tokio::task::JoinSet::new();
    for wave in 0..3 {
        for _ in 0..8 {
            let (app, mut browser) = (site.app(), browser.clone());
            let request = http::Request::get("/count").body(axum::body::Body::empty()).unwrap();
            requests.spawn(async move { browser.send(app, request).await.unwrap() });
        }
        sleep(Duration::from_millis(400 * (wave + 1))).await;
    }
    let mut done = 0;
    for response in requests.join_all().await {
        match response.status() {
            StatusCode::OK => done += 1,
            status => {
                let kind = response.extensions().get::<SessionErrorKind>();
                assert_eq!((status, kind), (AWAY, Some(&SessionErrorKind::Contention)));
            }
        }
    }
    assert!((3..20).contains(&done), "{done} of 24");
    assert_eq!(site.get(&mut browser, "/read").await.body, (done + 1).to_string(), "it is asked, and answers");
}
