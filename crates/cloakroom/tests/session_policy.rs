//! How many sessions a user may have, how old an id gets, and who is let near what matters.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use cloakroom::store::MemoryStore;
use cloakroom::testing::{Browser, check_session_limit};
use cloakroom::{
    ClearSiteData, FlashKind, Fresh, Session, SessionError, SessionErrorKind as Kind, WhenFull, cookie::KeyRing,
};
use http::StatusCode;

use support::{HOUR, MINUTE, Site, act, logged_in, routes, visitor};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_log_ins_at_once_no_more_stay_than_may_be() {
    check_session_limit(MemoryStore::new(), 20).await;
}

fn limited(most: usize, when_full: WhenFull) -> Site {
    Site::with(routes(), |builder| builder.session_limit(most, when_full))
}

async fn log_ins(site: &Site, count: usize) -> Vec<Browser> {
    let mut browsers = Vec::new();
    for _ in 0..count {
        browsers.push(logged_in(site, "ada").await);
        site.wait(Duration::from_secs(1));
    }
    browsers
}

async fn who_is_in(site: &Site, browsers: &mut [Browser]) -> Vec<bool> {
    let mut are_in = Vec::new();
    for browser in browsers {
        are_in.push(site.get(browser, "/whoami").await.body == "ada");
    }
    are_in
}

#[tokio::test]
async fn a_denied_log_in_leaves_the_session_as_it_was() {
    let site = limited(2, WhenFull::Deny);
    let mut browsers = log_ins(&site, 2).await;
    let mut third = visitor(&site).await;
    let before = third.cookie("__Host-sid").unwrap().to_owned();
    let answer = site.get(&mut third, "/login/ada").await;
    assert_eq!((answer.status, answer.body.as_str(), answer.sets_cookie()), (StatusCode::FORBIDDEN, "", false));
    assert_eq!(third.cookie("__Host-sid"), Some(before.as_str()));
    assert_eq!(site.get(&mut third, "/read").await.body, "1", "what the visitor had is still there");
    assert_eq!(who_is_in(&site, &mut browsers).await, [true, true]);
    assert_eq!(site.get(&mut browsers[0], "/login/ada").await.body, "in", "who is in may log in again");
    assert_eq!(site.get(&mut third, "/login/bob").await.body, "in", "others may");
    site.get(&mut browsers[1], "/logout").await;
    assert_eq!(site.get(&mut Browser::new(), "/login/ada").await.body, "in");
}

#[tokio::test]
async fn a_handler_can_answer_a_denied_log_in_itself() {
    let site = limited(1, WhenFull::Deny);
    log_ins(&site, 1).await;
    let mut second = visitor(&site).await;
    let answer = act(&site, &mut second, async |session: Session| {
        session.log_in("ada")?;
        assert_eq!(session.save().await.unwrap_err().kind(), Kind::TooManySessions);
        assert_eq!(session.user(), None);
        session.flash(FlashKind::Error, "Log out somewhere else first.")
    });
    assert_eq!(answer.await.body, "done");
    let answer = act(&site, &mut second, async |session: Session| {
        assert_eq!((session.get("n")?, session.take_flashes()?.len()), (Some(1), 1));
        Ok(())
    });
    assert_eq!(answer.await.body, "done");
}

#[tokio::test]
async fn the_oldest_log_in_makes_room() {
    let site = limited(2, WhenFull::EndOldest);
    let mut browsers = log_ins(&site, 3).await;
    assert_eq!(who_is_in(&site, &mut browsers).await, [false, true, true]);
    site.wait(MINUTE);
    // It is the log-in that counts, not when the session began.
    site.get(&mut browsers[1], "/login/ada").await;
    site.wait(MINUTE);
    browsers.extend(log_ins(&site, 1).await);
    assert_eq!(who_is_in(&site, &mut browsers).await, [false, true, false, true]);
}

#[tokio::test]
async fn the_longest_idle_session_makes_room() {
    let site = limited(2, WhenFull::EndLongestIdle);
    let mut browsers = log_ins(&site, 2).await;
    site.wait(10 * MINUTE);
    site.get(&mut browsers[0], "/read").await;
    browsers.extend(log_ins(&site, 1).await);
    assert_eq!(who_is_in(&site, &mut browsers).await, [true, false, true]);
}

#[tokio::test]
async fn nobody_gets_the_ticket_of_a_log_in_that_could_not_be_checked() {
    let site = limited(1, WhenFull::EndOldest);
    let mut browser = visitor(&site).await;
    let answer = act(&site, &mut browser, {
        let store = site.store.clone();
        async move |session: Session| {
            session.log_in("ada")?;
            // The rotation is the first call of the commit; from then on the store is away.
            store.fails_after("rotate");
            Ok(())
        }
    });
    let answer = answer.await;
    assert_eq!((answer.status, answer.sets_cookie()), (StatusCode::SERVICE_UNAVAILABLE, false));
    site.store.fails.store(false, Ordering::SeqCst);
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "-");
}

#[tokio::test]
async fn a_store_that_can_not_look_up_users_can_not_limit_them() {
    let keys = KeyRing::generate().unwrap();
    let builder = cloakroom::SessionLayer::builder(support::Undirected::default(), keys);
    assert!(builder.session_limit(1, WhenFull::Deny).build().is_err());
}

#[tokio::test]
async fn an_old_id_is_exchanged_once() {
    let site = Site::with(routes(), |builder| builder.renew_id_after(HOUR / 2));
    let mut browser = logged_in(&site, "ada").await;
    let first = browser.cookie("__Host-sid").unwrap().to_owned();
    site.wait(29 * MINUTE);
    assert!(!site.get(&mut browser, "/read").await.sets_cookie());
    site.wait(MINUTE);
    let mut thief = browser.clone();
    site.store.calls();
    let answer = site.get(&mut browser, "/read").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("1", true));
    assert_eq!(site.store.calls(), ["load", "rotate"]);
    assert_ne!(browser.cookie("__Host-sid"), Some(first.as_str()));
    let answer = site.get(&mut thief, "/whoami").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("-", false), "the old one is dead");
    assert!(!site.get(&mut browser, "/read").await.sets_cookie(), "the new one is new");
    site.wait(HOUR / 2);
    assert!(site.get(&mut browser, "/incr").await.sets_cookie());
    assert_eq!(site.get(&mut browser, "/read").await.body, "2");
}

#[tokio::test]
async fn of_requests_at_once_one_renews_the_id_and_the_others_are_answered() {
    let site = Arc::new(Site::with(routes(), |builder| builder.renew_id_after(HOUR / 2)));
    let mut browser = logged_in(&site, "ada").await;
    site.wait(HOUR / 2);
    let mut slow = browser.clone();
    let other = site.clone();
    let (said, hear) = tokio::sync::oneshot::channel();
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let slow = tokio::spawn(async move {
        let answer = act(&other, &mut slow, async move |session: Session| {
            assert_eq!(session.user().unwrap().as_str(), "ada");
            said.send(()).unwrap();
            wait.await.unwrap();
            Ok(())
        });
        answer.await
    });
    hear.await.unwrap();
    assert!(site.get(&mut browser, "/read").await.sets_cookie());
    go.send(()).unwrap();
    let answer = slow.await.unwrap();
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("done", false));
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
}

/// Pages that ask for a fresh log-in, of five minutes.
fn guarded() -> Router {
    async fn own_answer(fresh: Result<Fresh<300>, SessionError>) -> axum::response::Response {
        match fresh {
            Ok(Fresh(session)) => format!("{}'s secret", session.user().unwrap()).into_response(),
            Err(error) if error.kind() == Kind::NotFresh => "your password, please".into_response(),
            Err(error) => error.into_response(),
        }
    }
    routes()
        .route(
            "/secret",
            get(|Fresh(session): Fresh<300>| async move { format!("{}'s secret", session.user().unwrap()) }),
        )
        .route("/own", get(own_answer))
        .route("/confirm", get(|session: Session| async move { session.reauthenticated() }))
}

#[tokio::test]
async fn what_matters_asks_for_a_fresh_log_in() {
    let site = Site::new(guarded());
    let answer = site.get(&mut Browser::new(), "/secret").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::FORBIDDEN, "Please log in again."));
    let mut browser = logged_in(&site, "ada").await;
    site.wait(5 * MINUTE);
    assert_eq!(site.get(&mut browser, "/secret").await.body, "ada's secret");
    site.wait(Duration::from_millis(1));
    assert_eq!(site.get(&mut browser, "/secret").await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.get(&mut browser, "/own").await.body, "your password, please");
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada", "everything else goes on");
}

#[tokio::test]
async fn to_authenticate_again_rotates_and_moves_no_end() {
    let site = Site::new(guarded());
    let mut browser = logged_in(&site, "ada").await;
    let logged_in_at = site.clock.now();
    let mut old = browser.clone();
    site.wait(HOUR / 2);
    assert!(site.get(&mut browser, "/confirm").await.sets_cookie());
    assert_eq!(site.get(&mut browser, "/own").await.body, "ada's secret");
    assert_eq!(site.get(&mut old, "/whoami").await.body, "-");
    let answer = act(&site, &mut browser, async move |session: Session| {
        assert_eq!((session.logged_in_at(), session.authenticated_at()), (Some(logged_in_at), Some(session.now())));
        assert_eq!(session.absolute_end(), Some(logged_in_at + 24 * HOUR));
        Ok(())
    });
    assert_eq!(answer.await.body, "done");
    let mut nobody = visitor(&site).await;
    assert_eq!(site.get(&mut nobody, "/confirm").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_new_password_logs_all_others_out() {
    let site = Site::new(routes());
    let (mut here, mut there) = (logged_in(&site, "ada").await, logged_in(&site, "ada").await);
    let mut copy = here.clone();
    let answer = act(&site, &mut here, async |session: Session| {
        assert_eq!(session.log_out_others().await?, 1);
        Ok(())
    });
    assert!(answer.await.sets_cookie());
    let are = [&mut here, &mut there, &mut copy];
    let mut told = Vec::new();
    for browser in are {
        told.push(site.get(browser, "/whoami").await.body);
    }
    assert_eq!(told, ["ada", "-", "-"]);
}

#[tokio::test]
async fn a_grant_is_taken_once_and_in_time() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    let answer = act(&site, &mut browser, async |session: Session| {
        session.grant("delete", Duration::from_secs(60))?;
        session.grant("rename", Duration::from_secs(60))?;
        assert!(session.keys().iter().all(|key| !key.starts_with("cloakroom:")));
        assert_eq!(session.grant(&"x".repeat(65), HOUR).unwrap_err().kind(), Kind::TooLarge);
        let forged = session.insert("cloakroom:grant:all", i64::MAX).unwrap_err();
        assert_eq!(forged.kind(), Kind::KeyRefused, "nobody grants anything by the name of a key");
        assert_eq!(session.increment("cloakroom:grant:all", i64::MAX).await.unwrap_err().kind(), Kind::KeyRefused);
        assert!(!session.take_grant("all").await?);
        Ok(())
    });
    assert_eq!(answer.await.body, "done");
    site.wait(Duration::from_secs(59));
    act(&site, &mut browser, async |session: Session| {
        assert!(session.take_grant("delete").await?);
        assert!(!session.take_grant("delete").await?);
        Ok(())
    })
    .await;
    site.wait(Duration::from_secs(1));
    let answer = act(&site, &mut browser, async |session: Session| {
        assert!(!session.take_grant("delete").await?);
        assert!(!session.take_grant("rename").await?, "its minute is over");
        session.grant("rename", HOUR)?;
        session.log_in("bob")?;
        assert!(!session.take_grant("rename").await?, "it was ada's");
        Ok(())
    });
    assert_eq!(answer.await.body, "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_requests_at_once_one_gets_the_grant() {
    let take = |session: Session| async move { session.take_grant("delete").await.map(|taken| taken.to_string()) };
    let site = Arc::new(Site::new(routes().route("/take", get(take))));
    let mut browser = visitor(&site).await;
    for _ in 0..10 {
        act(&site, &mut browser, async |session: Session| session.grant("delete", HOUR)).await;
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let (site, mut browser) = (site.clone(), browser.clone());
                tokio::spawn(async move { site.get(&mut browser, "/take").await.body })
            })
            .collect();
        let mut taken = 0;
        for answer in asking {
            taken += usize::from(answer.await.unwrap() == "true");
        }
        assert_eq!(taken, 1);
    }
}

#[tokio::test]
async fn a_message_is_shown_once_in_order_and_also_after_a_log_out() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    act(&site, &mut browser, async |session: Session| {
        session.flash(FlashKind::Success, "Saved.")?;
        session.flash(FlashKind::Warning, "Look again.")
    })
    .await;
    site.wait(MINUTE);
    act(&site, &mut browser, async |session: Session| session.flash(FlashKind::Info, "Later.")).await;
    let answer = act(&site, &mut browser, async |session: Session| {
        let told: Vec<_> = session.take_flashes()?.into_iter().map(|flash| (flash.kind, flash.text)).collect();
        let expected =
            [(FlashKind::Success, "Saved."), (FlashKind::Warning, "Look again."), (FlashKind::Info, "Later.")];
        assert_eq!(told, expected.map(|(kind, text)| (kind, text.to_owned())));
        assert!(session.take_flashes()?.is_empty());
        Ok(())
    });
    assert_eq!(answer.await.body, "done");
    site.store.calls();
    let answer = act(&site, &mut browser, async |session: Session| {
        assert!(session.take_flashes()?.is_empty());
        Ok(())
    });
    assert_eq!(
        (answer.await.body.as_str(), site.store.calls()),
        ("done", vec!["load"]),
        "nothing to take, nothing to write"
    );
    act(&site, &mut browser, async |session: Session| {
        session.log_out()?;
        session.flash(FlashKind::Info, "See you.")
    })
    .await;
    act(&site, &mut browser, async |session: Session| {
        assert_eq!((session.user(), session.take_flashes()?.len()), (None, 1));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn messages_are_bounded_and_those_of_requests_at_once_all_stay() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let mut other = browser.clone();
    let answer = act(&site, &mut browser, async move |session: Session| {
        assert_eq!(session.flash(FlashKind::Info, "x".repeat(1_025)).unwrap_err().kind(), Kind::TooLarge);
        session.flash(FlashKind::Info, "one")
    });
    assert_eq!(answer.await.body, "done");
    site.wait(Duration::from_millis(1));
    act(&site, &mut other, async |session: Session| session.flash(FlashKind::Info, "two")).await;
    site.wait(Duration::from_millis(1));
    act(&site, &mut browser, async |session: Session| {
        for _ in 2..16 {
            session.flash(FlashKind::Info, "more")?;
        }
        session.flash(FlashKind::Info, "last")?;
        let told: Vec<_> = session.take_flashes()?.into_iter().map(|flash| flash.text).collect();
        assert_eq!((told.len(), told[0].as_str(), told[15].as_str()), (16, "two", "last"), "the oldest has given way");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_log_out_asks_the_browser_to_forget() {
    let everything = [ClearSiteData::Cache, ClearSiteData::Cookies, ClearSiteData::Storage];
    let site = Site::with(routes(), |builder| builder.clear_site_data(everything));
    let mut browser = logged_in(&site, "ada").await;
    assert_eq!(site.get(&mut browser, "/read").await.header("clear-site-data"), None);
    let answer = site.get(&mut browser, "/logout").await;
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\", \"cookies\", \"storage\""));
    let answer = site.get(&mut browser, "/logout").await;
    assert!(answer.header("clear-site-data").is_some(), "also where the session had ended before");
    let mut browser = logged_in(&site, "ada").await;
    let answer = act(&site, &mut browser, async |session: Session| {
        session.log_out()?;
        session.flash(FlashKind::Info, "See you.")
    })
    .await;
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\", \"storage\""), "the new session's cookie stays");
    let plain = Site::new(routes());
    let mut browser = logged_in(&plain, "ada").await;
    assert_eq!(plain.get(&mut browser, "/logout").await.header("clear-site-data"), None);
}
