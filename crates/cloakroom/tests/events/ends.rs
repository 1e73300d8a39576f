//! Sessions end.

use std::sync::{Arc, Mutex};

use axum::routing::get;
use cloakroom::events::Event;
use cloakroom::{Session, UnreadSession};
use http::StatusCode;

use crate::seen::{Seen, watched, watched_with};
use crate::support::{HOUR, MINUTE, Site, act, logged_in, routes, visitor};

#[tokio::test]
async fn a_log_out_is_told_once_and_what_comes_late_finds_nothing() {
    let (site, seen) = watched();
    let mut browser = logged_in(&site, "ada").await;
    let mut stolen = browser.clone();
    seen.take();
    site.get(&mut browser, "/logout").await;
    assert_eq!(seen.take(), ["loaded ada", "logged_out ada"]);
    site.get(&mut browser, "/logout").await;
    assert_eq!(seen.take(), [""; 0], "there is no session any more");
    site.get(&mut stolen, "/logout").await;
    assert_eq!(seen.take(), ["missing"]);
}

#[tokio::test]
async fn the_end_of_a_visitors_session_is_no_log_out() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    seen.take();
    act(&site, &mut browser, |session: Session| async move { session.destroy() }).await;
    assert_eq!(seen.take(), ["loaded", "destroyed"]);
}

/// What was not read has no name: its end, and who comes with the ticket later, are told by the same hash.
#[tokio::test]
async fn the_end_of_a_session_that_nobody_has_read_is_told_and_its_other_writes_are_not() {
    let (seen, hashes) = (Seen::default(), Arc::new(Mutex::new(Vec::new())));
    let told = hashes.clone();
    let unread = routes()
        .route("/unread/set", get(async |session: UnreadSession| session.insert("a", 1).await))
        .route("/unread/out", get(async |session: UnreadSession| session.log_out().await));
    let site = Site::with(unread, |builder| {
        builder.observer(seen.clone()).observer(move |event: &Event<'_>| {
            if let Event::DestroyedUnread { hash, .. } | Event::Missing { hash, .. } = event {
                told.lock().unwrap().push(hash.to_string());
            }
        })
    });
    let mut browser = logged_in(&site, "ada").await;
    let mut stolen = browser.clone();
    seen.take();
    site.get(&mut browser, "/unread/set").await;
    assert_eq!((site.store.calls(), seen.take()), (vec!["apply"], vec![]));
    site.get(&mut browser, "/unread/out").await;
    assert_eq!(seen.take(), ["destroyed_unread"]);
    site.get(&mut stolen, "/unread/set").await;
    assert_eq!(seen.take(), ["missing", "created"], "it has to be read, and a new one begins");
    let hashes = hashes.lock().unwrap();
    assert_eq!((hashes.len(), &hashes[0]), (2, &hashes[1]));
}

#[tokio::test]
async fn a_log_out_of_a_session_that_has_a_new_id_by_now_is_told() {
    let (site, seen) = watched();
    let mut browser = logged_in(&site, "ada").await;
    let (mut other, app) = (browser.clone(), site.app());
    seen.take();
    let answer = act(&site, &mut browser, move |session: Session| async move {
        let request = http::Request::get("/rotate").body(axum::body::Body::empty()).unwrap();
        other.send(app, request).await.unwrap();
        session.log_out()
    })
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(seen.take(), ["loaded ada", "loaded ada", "rotated ada", "logged_out ada"]);
}

#[tokio::test]
async fn a_visitors_log_out_that_comes_too_late_is_told_as_gone() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    let (mut other, app) = (browser.clone(), site.app());
    seen.take();
    let answer = act(&site, &mut browser, move |session: Session| async move {
        let request = http::Request::get("/rotate").body(axum::body::Body::empty()).unwrap();
        other.send(app, request).await.unwrap();
        session.log_out()
    })
    .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(seen.take(), ["loaded", "loaded", "rotated", "gone"], "it lives on, and no end is told");
}

#[tokio::test]
async fn who_ends_a_session_from_elsewhere_is_told_with_it() {
    let (site, seen) = watched();
    let mut browser = logged_in(&site, "ada").await;
    for _ in 0..3 {
        logged_in(&site, "ada").await;
    }
    let sessions = site.layer.sessions();
    seen.take();
    let (all, handles) = (sessions.clone(), sessions.of_user("ada").await.unwrap());
    assert_eq!(handles.len(), 4);
    act(&site, &mut browser, move |session: Session| async move {
        let other = session.devices().await?.into_iter().find(|device| !device.is_current).unwrap().entry.handle;
        assert!(session.revoke(&other).await?);
        assert!(!session.revoke(&other).await?, "it has ended");
        assert_eq!((session.revoke_others().await?, session.revoke_others().await?), (2, 0));
        Ok(())
    })
    .await;
    assert_eq!(seen.take(), ["loaded ada", "revoked ada device", "revoked_all ada 2 device but one"]);
    let left = all.of_user("ada").await.unwrap()[0].handle.clone();
    assert_eq!(sessions.revoke_all_but("ada", &left).await.unwrap(), 0);
    assert!(sessions.revoke("ada", &left).await.unwrap());
    assert_eq!(sessions.revoke_all("ada").await.unwrap(), 0);
    assert_eq!(seen.take(), ["revoked ada operator"]);
    logged_in(&site, "ada").await;
    seen.take();
    assert_eq!(sessions.revoke_all("ada").await.unwrap(), 1);
    assert_eq!(seen.take(), ["revoked_all ada 1 operator"]);
}

#[tokio::test]
async fn the_end_of_everybodys_sessions_is_told() {
    let (site, seen) = watched_with(routes(), |builder| builder.global_revocation(true));
    let mut browser = logged_in(&site, "ada").await;
    seen.take();
    site.layer.sessions().revoke_everything().await.unwrap();
    assert_eq!(seen.take(), ["everything_revoked"]);
    site.wait(std::time::Duration::from_secs(1));
    site.get(&mut browser, "/read").await;
    assert_eq!(seen.take(), ["missing"]);
}

#[tokio::test]
async fn a_sweep_tells_how_many_had_expired() {
    let (site, seen) = watched();
    for _ in 0..3 {
        visitor(&site).await;
    }
    let sessions = site.layer.sessions();
    seen.take();
    assert_eq!(sessions.sweep(10).await.unwrap(), 0);
    assert_eq!(seen.take(), [""; 0]);
    site.wait(2 * HOUR);
    assert_eq!((sessions.sweep(2).await.unwrap(), sessions.sweep(2).await.unwrap()), (2, 1));
    assert_eq!(seen.take(), ["expired 2", "expired 1"]);
    assert_eq!(site.store.memory.stats().sessions, 0);
}

#[tokio::test]
async fn changes_that_meet_a_session_that_is_gone_are_told_once() {
    let (site, seen) = watched();
    for saves_first in [false, true] {
        let mut browser = logged_in(&site, "ada").await;
        let sessions = site.layer.sessions();
        seen.take();
        let answer = act(&site, &mut browser, move |session: Session| async move {
            sessions.revoke_all("ada").await?;
            session.insert("a", 1)?;
            if saves_first {
                assert!(session.save().await.is_err());
            }
            Ok(())
        })
        .await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert_eq!(seen.take(), ["loaded ada", "revoked_all ada 1 operator", "gone ada"], "{saves_first}");
    }
}

#[tokio::test]
async fn a_touch_that_meets_no_session_is_nothing_to_tell() {
    let (site, seen) = watched();
    let mut browser = logged_in(&site, "ada").await;
    site.wait(10 * MINUTE);
    let sessions = site.layer.sessions();
    seen.take();
    site.store.calls();
    let answer =
        act(&site, &mut browser, move |_: Session| async move { sessions.revoke_all("ada").await.map(drop) }).await;
    assert_eq!((answer.status, site.store.calls()), (StatusCode::OK, vec!["load", "apply"]));
    assert_eq!(seen.take(), ["loaded ada", "revoked_all ada 1 operator"]);
}
