//! Sessions begin, are loaded, get new ids, and their users log in.

use std::sync::{Arc, Mutex};

use cloakroom::events::Event;
use cloakroom::testing::Browser;
use cloakroom::{Session, WhenFull};
use http::StatusCode;

use crate::seen::{Seen, watched, watched_with};
use crate::support::{Site, act, logged_in, routes, visitor};

#[tokio::test]
async fn a_session_begins_once_and_is_loaded_by_each_request_that_asks_for_it() {
    let (site, seen) = watched();
    let mut browser = Browser::new();
    for path in ["/", "/read"] {
        site.get(&mut browser, path).await;
        assert_eq!(seen.take(), [""; 0], "{path}: nothing is stored, and nothing has happened");
    }
    site.get(&mut browser, "/incr").await;
    assert_eq!(seen.take(), ["created"]);
    site.get(&mut browser, "/incr").await;
    site.get(&mut browser, "/").await;
    site.get(&mut browser, "/read").await;
    assert_eq!(seen.take(), ["loaded", "loaded"]);
}

#[tokio::test]
async fn a_log_in_is_told_with_its_user_and_its_method() {
    let (site, seen) = watched();
    site.get(&mut Browser::new(), "/login/ada").await;
    assert_eq!(seen.take(), ["created ada", "logged_in ada"]);

    let mut browser = visitor(&site).await;
    seen.take();
    act(&site, &mut browser, |session: Session| async move { session.log_in_by("bob", "passkey") }).await;
    assert_eq!(seen.take(), ["loaded", "rotated bob", "logged_in bob passkey"]);
    site.get(&mut browser, "/login/eve").await;
    assert_eq!(seen.take(), ["loaded bob", "rotated eve", "logged_in eve"]);
    act(&site, &mut browser, |session: Session| async move { session.reauthenticated() }).await;
    assert_eq!(seen.take(), ["loaded eve", "rotated eve", "reauthenticated eve"]);
}

#[tokio::test]
async fn a_log_in_that_is_not_stored_is_not_told() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    seen.take();
    let store = site.store.clone();
    let answer = act(&site, &mut browser, move |session: Session| async move {
        session.log_in("ada")?;
        store.fails.store(true, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    })
    .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let told = seen.take();
    assert_eq!(told[0], "loaded");
    assert!(told[1..].iter().all(|event| event == "store_failed rotate Unavailable"), "{told:?}");
}

#[tokio::test]
async fn a_rotation_and_who_comes_late_are_told() {
    let (site, seen) = watched();
    let mut browser = visitor(&site).await;
    let mut late = browser.clone();
    seen.take();
    site.get(&mut browser, "/rotate").await;
    assert_eq!(seen.take(), ["loaded", "rotated"]);
    site.get(&mut late, "/read").await;
    assert_eq!(seen.take(), ["superseded"]);
    assert_eq!(site.get(&mut late, "/set/a/1").await.status, StatusCode::CONFLICT);
    assert_eq!(seen.take(), ["superseded", "gone"]);
    site.wait(11 * crate::support::MINUTE);
    site.get(&mut late, "/read").await;
    assert_eq!(seen.take(), ["missing"]);
}

#[tokio::test]
async fn events_name_a_session_by_its_handle_and_a_lost_one_by_the_same_hash_each_time() {
    let named = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let names = named.clone();
    let site = Site::with(routes(), |builder| {
        builder.observer(move |event: &Event<'_>| {
            let (handles, hashes) = &mut *names.lock().unwrap();
            handles.extend(event.handle().cloned());
            if let Event::Missing { hash, .. } = event {
                hashes.push(hash.to_string());
            }
        })
    });
    let mut browser = logged_in(&site, "ada").await;
    let mut stolen = browser.clone();
    let handle = site.layer.sessions().of_user("ada").await.unwrap()[0].handle.clone();
    site.get(&mut browser, "/logout").await;
    for _ in 0..2 {
        site.get(&mut stolen, "/read").await;
    }
    let (handles, hashes) = &*named.lock().unwrap();
    // Created, loaded, rotated, logged in; loaded, logged out.
    assert_eq!((handles.len(), handles.iter().all(|each| *each == handle)), (6, true), "{handles:?}");
    assert_eq!((hashes.len(), &hashes[0]), (2, &hashes[1]));
    let is_short_hex = hashes[0].len() == 16 && hashes[0].chars().all(|digit| digit.is_ascii_hexdigit());
    assert!(is_short_hex && !stolen.cookie("__Host-sid").unwrap().contains(&hashes[0]), "{}", hashes[0]);
}

#[tokio::test]
async fn a_log_in_beyond_the_limit_is_told_as_denied_and_not_as_a_log_in() {
    let (site, seen) = watched_with(routes(), |builder| builder.session_limit(1, WhenFull::Deny));
    logged_in(&site, "ada").await;
    let mut second = visitor(&site).await;
    seen.take();
    assert_eq!(site.get(&mut second, "/login/ada").await.status, StatusCode::FORBIDDEN);
    assert_eq!(seen.take(), ["loaded", "log_in_denied ada"]);
}

#[tokio::test]
async fn a_log_in_that_ends_another_session_tells_of_both() {
    let (site, seen) = watched_with(routes(), |builder| builder.session_limit(1, WhenFull::EndOldest));
    logged_in(&site, "ada").await;
    site.wait(crate::support::MINUTE);
    seen.take();
    site.get(&mut Browser::new(), "/login/ada").await;
    assert_eq!(seen.take(), ["created ada", "revoked ada limit", "logged_in ada"]);
}

#[tokio::test]
async fn a_cookie_that_is_not_ours_is_told_once_for_a_request_that_asks() {
    let (site, seen) = watched();
    let good = visitor(&site).await.cookie("__Host-sid").unwrap().to_owned();
    seen.take();
    let forged = crate::support::stranger::forged("chosen");
    let visit = |line: String, path: &'static str, seen: Seen| {
        let site = &site;
        async move {
            crate::support::stranger::visit(site, path, &[line]).await;
            seen.take()
        }
    };
    let line = format!("__Host-sid={forged}");
    assert_eq!(visit(line.clone(), "/read", seen.clone()).await, ["bad_ticket 1"]);
    assert_eq!(visit(line.clone(), "/", seen.clone()).await, [""; 0], "nobody has looked");
    let both = format!("{line}; __Host-sid=rubbish; __Host-sid={good}");
    assert_eq!(visit(both, "/read", seen.clone()).await, ["bad_ticket 2", "loaded"]);
    let signed = format!("__Host-sid={}", crate::support::stranger::signed("chosen"));
    assert_eq!(visit(signed, "/read", seen.clone()).await, ["missing"], "signed by us, and never stored");
    assert_eq!(visit("other=1".into(), "/read", seen).await, [""; 0]);
}
