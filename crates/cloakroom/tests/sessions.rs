//! Sessions seen and ended from outside of a request.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cloakroom::cookie::KeyRing;
use cloakroom::store::{Directory, MemoryStore, Store};
use cloakroom::testing::Browser;
use cloakroom::{Clock, Handle, SessionErrorKind as Kind, SessionLayer};
use http::StatusCode;

use support::{SECRET, Site, logged_in, routes, visitor};

#[tokio::test]
async fn a_job_lists_and_ends_a_users_sessions() {
    let site = Site::new(routes());
    let (mut one, mut two, mut other) =
        (logged_in(&site, "ada").await, logged_in(&site, "ada").await, logged_in(&site, "bob").await);
    let sessions = site.layer.sessions();
    let hers = sessions.of_user("ada").await.unwrap();
    assert_eq!((hers.len(), sessions.count("ada").await.unwrap()), (2, 2));
    let (kept, ended) = (&hers[0].handle, &hers[1].handle);
    assert_eq!(sessions.get("ada", kept).await.unwrap().as_ref(), Some(&hers[0]));
    assert_eq!(sessions.get("bob", kept).await.unwrap(), None);
    assert!(!sessions.revoke("bob", ended).await.unwrap(), "it is not his");
    assert!(sessions.revoke("ada", ended).await.unwrap());
    assert!(!sessions.revoke("ada", ended).await.unwrap());
    logged_in(&site, "ada").await;
    assert_eq!(sessions.revoke_all_but("ada", kept).await.unwrap(), 1);
    let left = [site.get(&mut one, "/whoami").await.body, site.get(&mut two, "/whoami").await.body];
    assert!(left.contains(&"ada".to_owned()) && left.contains(&"-".to_owned()), "{left:?}");
    assert_eq!(sessions.revoke_all("ada").await.unwrap(), 1);
    assert_eq!(sessions.count("ada").await.unwrap(), 0);
    assert_eq!(site.get(&mut other, "/whoami").await.body, "bob");
    assert_eq!(sessions.of_user("").await.unwrap_err().kind(), Kind::Id);
}

#[tokio::test]
async fn an_operator_pages_through_all_sessions() {
    let site = Site::with(routes(), |builder| builder.global_revocation(true));
    let sessions = site.layer.sessions();
    visitor(&site).await;
    sessions.revoke_everything().await.unwrap();
    site.wait(Duration::from_secs(2));
    for user in 0..6 {
        logged_in(&site, &format!("user-{user}")).await;
    }
    visitor(&site).await;
    let (mut all, mut after, mut pages) = (Vec::new(), None::<Handle>, 0);
    loop {
        let page = sessions.page(after.as_ref(), 3).await.unwrap();
        all.extend(page.sessions);
        (after, pages) = (page.next, pages + 1);
        if after.is_none() {
            break;
        }
    }
    assert_eq!((all.len(), pages >= 3), (7, true), "neither what has ended nor what the library keeps");
    all.sort_by(|one, other| one.handle.cmp(&other.handle));
    all.dedup_by(|one, other| one.handle == other.handle);
    assert_eq!(all.len(), 7);
    // What stands in the way of a plain directory is told, so that operators know it.
    let raw = site.store.memory.page(None, 100, site.clock.now()).await.unwrap();
    let reserved =
        raw.iter().filter(|entry| entry.user.as_ref().is_some_and(|user| user.as_str() == "cloakroom:end-of-all"));
    assert_eq!((raw.len(), reserved.count()), (9, 1));
}

#[tokio::test]
async fn a_store_that_is_away_is_an_error_and_no_empty_list() {
    let site = Site::with(routes(), |builder| builder.global_revocation(true));
    site.store.fails.store(true, Ordering::SeqCst);
    let sessions = site.layer.sessions();
    assert_eq!(sessions.of_user("ada").await.unwrap_err().kind(), Kind::Store);
    assert_eq!(sessions.revoke_everything().await.unwrap_err().kind(), Kind::Store);
}

#[tokio::test]
async fn everybody_is_out_at_once_and_may_come_again() {
    let site = Site::with(routes(), |builder| builder.global_revocation(true));
    let (mut ada, mut anonymous) = (logged_in(&site, "ada").await, visitor(&site).await);
    site.wait(Duration::from_millis(1));
    site.layer.sessions().revoke_everything().await.unwrap();
    // The process that has done it knows it at once.
    assert_eq!(site.get(&mut ada, "/whoami").await.body, "-");
    assert_eq!(site.get(&mut anonymous, "/read").await.body, "0");
    assert_eq!(site.layer.sessions().count("ada").await.unwrap(), 0);
    site.wait(Duration::from_millis(1));
    assert_eq!(site.get(&mut ada, "/login/ada").await.body, "in");
    assert_eq!(site.get(&mut ada, "/whoami").await.body, "ada");
    assert_eq!(site.layer.sessions().count("ada").await.unwrap(), 1);
    site.layer.sessions().revoke_everything().await.unwrap();
    assert_eq!(site.get(&mut ada, "/whoami").await.body, "-", "a second time, too");
}

#[tokio::test]
async fn other_processes_know_within_a_second_and_ask_no_more_than_once() {
    let here = Site::with(routes(), |builder| builder.global_revocation(true));
    let there = SessionLayer::builder(here.store.clone(), KeyRing::new(SECRET).unwrap());
    let there = there.clock(here.clock.clone()).global_revocation(true).build().unwrap();
    let mut ada = logged_in(&here, "ada").await;
    here.wait(Duration::from_millis(500));
    assert_eq!(here.get(&mut ada, "/whoami").await.body, "ada");
    assert_eq!(here.store.calls(), ["load"], "it was known");
    there.sessions().revoke_everything().await.unwrap();
    here.store.calls();
    here.wait(Duration::from_secs(1));
    let mut others: Vec<_> = (0..20).map(|_| ada.clone()).collect();
    for browser in &mut others {
        assert_eq!(here.get(browser, "/whoami").await.body, "-");
    }
    assert_eq!(here.store.calls().len(), 21);
    here.wait(Duration::from_secs(1));
    here.store.delay.store(20, Ordering::SeqCst);
    let asking = others.iter_mut().map(|browser| here.get(browser, "/whoami"));
    for answer in futures(asking).await {
        assert_eq!(answer.body, "-");
    }
    assert_eq!(here.store.calls().len(), 21, "those who asked at once have asked once");
}

/// All of them at once.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        let mut pending = false;
        for (future, done) in &mut all {
            if done.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(answer) => *done = Some(answer),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    all.into_iter().map(|(_, answer)| answer.unwrap()).collect()
}

#[tokio::test]
async fn who_can_not_look_for_the_end_lets_nobody_in() {
    let site = Site::with(routes(), |builder| builder.global_revocation(true));
    let mut ada = logged_in(&site, "ada").await;
    site.wait(Duration::from_secs(1));
    site.store.fails.store(true, Ordering::SeqCst);
    assert_eq!(site.get(&mut ada, "/whoami").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(site.store.calls(), ["load"], "the session was not even asked for");
    site.store.fails.store(false, Ordering::SeqCst);
    assert_eq!(site.get(&mut ada, "/whoami").await.body, "ada");
}

#[tokio::test]
async fn a_layer_that_does_not_look_can_not_end_everything() {
    let site = Site::new(routes());
    let error = site.layer.sessions().revoke_everything().await.unwrap_err();
    assert_eq!(error.kind(), Kind::NoGlobalRevocation);
    let mut ada = logged_in(&site, "ada").await;
    assert_eq!(site.get(&mut ada, "/whoami").await.body, "ada");
    assert_eq!(site.store.calls(), ["load"]);
}

#[tokio::test]
async fn the_end_of_all_outlives_a_full_store_and_no_ticket_opens_it() {
    let store = Arc::new(MemoryStore::with_capacity(3));
    let clock = Clock::manual(cloakroom::Timestamp::from_millis(1_800_000_000_000));
    let keys = KeyRing::new(SECRET).unwrap();
    let build = || {
        let builder = SessionLayer::builder(store.clone(), keys.clone()).clock(clock.clone());
        builder.global_revocation(true).build().unwrap()
    };
    build().sessions().revoke_everything().await.unwrap();
    clock.advance(Duration::from_secs(5));
    for _ in 0..20 {
        Browser::new().enter_session(&build(), |session| session.insert("a", 1)).await.unwrap();
    }
    let kept = store.directory().unwrap().page(None, 10, clock.now()).await.unwrap();
    assert_eq!(kept.iter().filter(|entry| entry.user.is_some()).count(), 1, "visitors have not pushed it out");
    let signed = keys.express_sign("cloakroom:end-of-all").replace(':', "%3A").replace('/', "%2F").replace('+', "%2B");
    let unwatching = SessionLayer::builder(store, keys).clock(clock).build().unwrap();
    let app = routes().layer(unwatching);
    let mut forger = Browser::new();
    forger.set_cookie("__Host-sid", &signed);
    let request = http::Request::get("/whoami").body(axum::body::Body::empty()).unwrap();
    let answer = support::Answer::read(forger.send(app, request).await.unwrap()).await;
    assert_eq!(answer.body, "-");
}
