//! Others are in the way, or the store is away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use cloakroom::{OnOutage, Session, SessionErrorKind};
use http::{Request, StatusCode};

use crate::seen::{watched, watched_with};
use crate::support::{Result, act, routes, visitor};

#[tokio::test]
async fn an_update_that_was_overtaken_is_told_and_one_that_was_not_is_not() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    let (mut other, app) = (browser.clone(), site.app());
    seen.take();
    act(&site, &mut browser, move |session: Session| async move {
        other.send(app, Request::get("/incr").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(session.update("n", |n: Option<i64>| n.unwrap_or(0) * 10).await?, 20);
        assert_eq!(session.update("n", |n: Option<i64>| n.unwrap_or(0) * 10).await?, 200);
        Ok(())
    })
    .await;
    assert_eq!(seen.take(), ["loaded", "loaded", "conflict"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_given_up_is_told() {
    async fn count(session: Session) -> Result {
        Ok(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).await?.to_string())
    }
    let (site, seen) = watched_with(routes().route("/count", get(count)), |builder| builder);
    let browser = visitor(&site).await;
    site.store.delay.store(300, Ordering::SeqCst);
    seen.take();
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (app, mut browser) = (site.app(), browser.clone());
        let request = Request::get("/count").body(Body::empty()).unwrap();
        requests.spawn(async move { browser.send(app, request).await.unwrap() });
    }
    let answers = requests.join_all().await;
    let kind = |kind| answers.iter().filter(|answer| answer.extensions().get() == Some(&kind)).count();
    let told = seen.take();
    let times = |name: &str| told.iter().filter(|event| event.starts_with(name)).count();
    assert!(kind(SessionErrorKind::Contention) > 0);
    assert_eq!(times("contention"), kind(SessionErrorKind::Contention));
    assert!(times("conflict") >= times("contention"), "{told:?}");
    assert_eq!(times("store_"), 0, "the store was slow, and answered: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_from_its_first_failure_to_its_end() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    seen.take();
    site.store.fails.store(true, Ordering::SeqCst);
    for _ in 0..4 {
        site.get(&mut browser, "/read").await;
        assert_eq!(seen.take(), ["store_failed load Unavailable"]);
    }
    site.get(&mut browser, "/read").await;
    assert_eq!(seen.take(), ["store_failed load Unavailable", "store_away"]);
    // The first one that comes finds out whether it is back.
    site.get(&mut browser, "/read").await;
    assert_eq!(seen.take(), ["store_failed load Unavailable"]);
    site.get(&mut browser, "/read").await;
    assert_eq!(seen.take(), ["store_not_asked load"]);
    site.store.fails.store(false, Ordering::SeqCst);
    tokio::time::advance(Duration::from_millis(200)).await;
    for expected in [&["store_back", "loaded"][..], &["loaded"]] {
        assert_eq!(site.get(&mut browser, "/read").await.status, StatusCode::OK);
        assert_eq!(seen.take(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_told_as_a_timeout_of_the_store() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    seen.take();
    site.store.hangs.store(true, Ordering::SeqCst);
    assert_eq!(site.get(&mut browser, "/read").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen.take(), ["store_failed - Timeout"]);
}

#[tokio::test]
async fn a_failure_is_told_though_the_request_goes_on_without_its_session() {
    let (site, seen) = watched_with(routes(), |builder| builder.on_outage(OnOutage::ReadAsAnonymous));
    let mut browser = visitor(&site).await;
    seen.take();
    site.store.fails.store(true, Ordering::SeqCst);
    assert_eq!(site.get(&mut browser, "/read").await.status, StatusCode::OK);
    assert_eq!(seen.take(), ["store_failed load Unavailable"]);
}

/// The client is gone, and what its request has done is told all the same.
#[tokio::test(start_paused = true)]
async fn what_is_committed_for_nobody_is_told() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    seen.take();
    let store = site.store.clone();
    let log_in = async move |session: Session| {
        store.delay.store(1_000, Ordering::SeqCst);
        session.log_in("ada")
    };
    let app = Router::new().route("/", get(log_in)).layer(site.layer.clone());
    let task = tokio::spawn(async move { browser.send(app, Request::get("/").body(Body::empty()).unwrap()).await });
    site.store.is_asked_for("rotate").await;
    task.abort();
    task.await.unwrap_err();
    assert_eq!(seen.take(), ["loaded"]);
    tokio::time::sleep(Duration::from_millis(1_001)).await;
    assert_eq!(seen.take(), ["rotated ada", "logged_in ada"]);
}

#[tokio::test]
async fn a_rotation_whose_answer_was_lost_is_told_once_when_it_is_found() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    seen.take();
    site.store.loses_rotations.store(1, Ordering::SeqCst);
    site.get(&mut browser, "/login/ada").await;
    assert_eq!(seen.take(), ["loaded", "store_failed rotate Unavailable", "rotated ada", "logged_in ada"]);
}
