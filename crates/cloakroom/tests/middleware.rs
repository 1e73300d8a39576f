//! The life of a request, as a client and the store see it.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use cloakroom::cookie::{CookieName, KeyRing};
use cloakroom::testing::Browser;
use cloakroom::{Session, SessionError, SessionLayer, store::MemoryStore};
use http::StatusCode;

use support::{HOUR, MINUTE, Result, SECRET, Site, act, logged_in, routes, visitor};

#[tokio::test]
async fn an_untouched_visit_asks_nothing_stores_nothing_and_sets_no_cookie() {
    let site = Site::new(routes());
    let mut known = visitor(&site).await;
    for browser in [&mut Browser::new(), &mut known] {
        let answer = site.get(browser, "/").await;
        assert_eq!((answer.body.as_str(), answer.sets_cookie(), answer.header("vary")), ("ok", false, None));
    }
    assert!(site.store.calls().is_empty());
    let answer = site.get(&mut Browser::new(), "/read").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie(), answer.header("vary")), ("0", false, Some("cookie")));
    assert!(site.store.calls().is_empty());
}

#[tokio::test]
async fn the_first_write_makes_a_session_with_safe_cookie_attributes() {
    let site = Site::new(routes());
    let mut browser = Browser::new();
    let answer = site.get(&mut browser, "/set/a/1").await;
    assert_eq!(site.store.calls(), ["create"]);
    let line = answer.header("set-cookie").unwrap();
    assert!(line.starts_with("__Host-sid=s%3A"), "{line}");
    assert!(line.ends_with("; Path=/; HttpOnly; Secure; SameSite=Lax"), "{line}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.headers["set-cookie"].is_sensitive());
    let answer = site.get(&mut browser, "/text/a").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("1", false));
    assert_eq!(site.store.calls(), ["load"]);
}

#[tokio::test]
async fn a_write_costs_a_load_and_a_write_and_no_cookie() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let answer = site.get(&mut browser, "/set/a/1").await;
    assert_eq!((site.store.calls(), answer.sets_cookie()), (vec!["load", "apply"], false));
    assert_eq!(site.get(&mut browser, "/incr").await.body, "2");
    assert_eq!(site.store.calls(), ["load", "apply"]);
}

#[tokio::test]
async fn a_bad_ticket_never_costs_a_store_call_and_a_good_one_wins_wherever_it_stands() {
    let site = Site::new(routes());
    let browser = visitor(&site).await;
    let good = browser.cookie("__Host-sid").unwrap().to_owned();
    let forged =
        KeyRing::new("somebody else's secret, of 32 bytes too").unwrap().express_sign("an-id").replace(':', "%3A");
    let mut last = good.clone();
    last.pop();
    for bad in ["", "s%3A", "s%3A.", "garbage", "s%3Aid.c2lnbmF0dXJl", &forged, &last, &"s%3A".repeat(2_000)] {
        let mut attacker = Browser::new();
        attacker.set_cookie("__Host-sid", bad);
        assert_eq!(site.get(&mut attacker, "/read").await.body, "0");
        assert!(site.store.calls().is_empty(), "{bad}");
    }
    let mut crowded = Browser::new();
    crowded.set_cookie("__Host-sid", &format!("{forged}; __Host-sid=garbage; other=1; __Host-sid={good}"));
    assert_eq!(site.get(&mut crowded, "/read").await.body, "1");
}

#[tokio::test]
async fn an_idle_session_ends_and_touches_are_throttled() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    site.wait(4 * MINUTE);
    site.get(&mut browser, "/read").await;
    assert_eq!(site.store.calls(), ["load"], "a touch before a tenth of an hour, or five minutes, have passed");
    site.wait(MINUTE);
    let answer = site.get(&mut browser, "/read").await;
    assert_eq!((site.store.calls(), answer.sets_cookie()), (vec!["load", "apply"], false));
    site.wait(59 * MINUTE);
    assert_eq!(site.get(&mut browser, "/read").await.body, "1");
    site.wait(HOUR);
    let answer = site.get(&mut browser, "/read").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("0", false), "an ended session reads as empty");
    let before = browser.cookie("__Host-sid").unwrap().to_owned();
    assert_eq!(site.get(&mut browser, "/incr").await.body, "1");
    assert_ne!(browser.cookie("__Host-sid").unwrap(), before, "an old id is never used again");
}

#[tokio::test]
async fn a_busy_session_ends_at_its_absolute_timeout() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    for _ in 0..47 {
        site.wait(30 * MINUTE);
        assert_eq!(site.get(&mut browser, "/read").await.body, "1");
    }
    site.wait(30 * MINUTE);
    assert_eq!(site.get(&mut browser, "/read").await.body, "0");
}

#[tokio::test]
async fn logging_in_rotates_keeps_the_data_and_begins_the_absolute_end_anew() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let before = browser.cookie("__Host-sid").unwrap().to_owned();
    for _ in 0..40 {
        site.wait(30 * MINUTE);
        site.get(&mut browser, "/read").await;
    }
    site.store.calls();
    site.get(&mut browser, "/login/ada").await;
    assert_eq!(site.store.calls(), ["load", "rotate"]);
    assert_ne!(browser.cookie("__Host-sid").unwrap(), before);
    for _ in 0..40 {
        site.wait(30 * MINUTE);
        assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
    }
    assert_eq!(site.get(&mut browser, "/read").await.body, "1");
}

#[tokio::test]
async fn rotating_keeps_the_absolute_end() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    for _ in 0..47 {
        site.wait(30 * MINUTE);
        assert_eq!(site.get(&mut browser, "/rotate").await.body, "rotated");
    }
    assert_eq!(site.get(&mut browser, "/read").await.body, "1");
    site.wait(30 * MINUTE);
    assert_eq!(site.get(&mut browser, "/read").await.body, "0");
}

#[tokio::test]
async fn a_ticket_that_was_rotated_away_reads_empty_and_writes_nothing_but_a_log_in() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let mut late = browser.clone();
    site.get(&mut browser, "/login/ada").await;
    let old = late.cookie("__Host-sid").unwrap().to_owned();
    let read = site.get(&mut late, "/read").await;
    assert_eq!((read.body.as_str(), read.sets_cookie()), ("0", false));
    for path in ["/set/a/1", "/incr", "/logout"] {
        let answer = site.get(&mut late, path).await;
        assert_eq!((answer.status, answer.sets_cookie()), (StatusCode::CONFLICT, false), "{path}");
    }
    assert_eq!(late.cookie("__Host-sid").unwrap(), old);
    site.get(&mut late, "/login/grace").await;
    assert_eq!(site.get(&mut late, "/whoami").await.body, "grace");
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
}

#[tokio::test]
async fn logging_out_destroys_and_takes_the_ticket_back() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let mut thief = browser.clone();
    let answer = site.get(&mut browser, "/logout").await;
    assert_eq!(site.store.calls(), ["load", "destroy"]);
    let line = answer.header("set-cookie").unwrap();
    assert_eq!(
        line,
        "__Host-sid=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax"
    );
    assert_eq!(browser.cookie("__Host-sid"), None);
    let answer = site.get(&mut thief, "/read").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("0", false));
    assert_eq!(site.store.memory.stats().sessions, 0);
}

#[tokio::test]
async fn what_one_user_had_does_not_reach_the_next() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    site.get(&mut browser, "/login/ada").await;
    assert_eq!(site.get(&mut browser, "/read").await.body, "1");
    site.get(&mut browser, "/login/ada").await;
    assert_eq!(site.get(&mut browser, "/read").await.body, "1");
    site.get(&mut browser, "/login/grace").await;
    assert_eq!(site.get(&mut browser, "/read").await.body, "0");
}

#[tokio::test]
async fn a_ticket_of_an_older_key_is_accepted_and_renewed_with_the_next_touch() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let newer = KeyRing::new("a newer secret of more than 32 bytes").unwrap().with_older(SECRET).unwrap();
    let renewed = site.behind(newer);
    let answer = renewed.get(&mut browser, "/read").await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie()), ("1", false), "nothing was applied yet");
    site.wait(5 * MINUTE);
    assert!(renewed.get(&mut browser, "/read").await.sets_cookie());
    assert!(!renewed.get(&mut browser, "/read").await.sets_cookie());
    let only_newest = site.behind(KeyRing::new("a newer secret of more than 32 bytes").unwrap());
    assert_eq!(only_newest.get(&mut browser, "/read").await.body, "1");
    assert_eq!(site.get(&mut browser, "/read").await.body, "0");
}

#[tokio::test]
async fn remembered_sessions_carry_their_end_and_others_end_with_the_browser() {
    async fn remember(session: Session) -> Result {
        session.log_in("ada")?;
        session.remember(30 * 24 * HOUR, 90 * 24 * HOUR)?;
        Ok("remembered".into())
    }
    async fn forget(session: Session) -> Result {
        session.until_browser_closes()?;
        Ok("forgotten".into())
    }
    let site = Site::new(routes().route("/remember", get(remember)).route("/forget", get(forget)));
    let mut browser = visitor(&site).await;
    let answer = site.get(&mut browser, "/remember").await;
    // 1,800,000,000 s after the epoch, and 90 days.
    assert!(answer.header("set-cookie").unwrap().contains("; Expires=Thu, 15 Apr 2027 08:00:00 GMT;"), "{answer:?}");
    site.wait(29 * 24 * HOUR);
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
    let answer = site.get(&mut browser, "/forget").await;
    assert!(!answer.header("set-cookie").unwrap().contains("Expires"), "{answer:?}");
    site.wait(HOUR);
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "-");
}

#[tokio::test]
async fn no_cache_may_keep_a_ticket_whatever_the_handler_says() {
    async fn public(session: Session) -> Result<([(&'static str, &'static str); 2], &'static str)> {
        session.insert("a", 1)?;
        Ok(([("cache-control", "public, max-age=600"), ("vary", "accept, Cookie")], "ok"))
    }
    let site = Site::new(Router::new().route("/", get(public)));
    let mut browser = Browser::new();
    let answer = site.get(&mut browser, "/").await;
    assert!(answer.sets_cookie());
    assert_eq!((answer.header("cache-control"), answer.header("vary")), (Some("no-store"), Some("accept, Cookie")));
    let answer = site.get(&mut browser, "/").await;
    assert_eq!(answer.header("cache-control"), Some("public, max-age=600"), "nothing to hide in this one");
}

#[tokio::test]
async fn after_a_log_out_a_new_session_can_begin_in_the_same_response() {
    async fn leave(session: Session) -> Result {
        session.log_out()?;
        session.insert("flash", "bye")?;
        Ok("out".into())
    }
    let site = Site::new(routes().route("/leave", get(leave)));
    let mut browser = visitor(&site).await;
    let before = browser.clone();
    site.get(&mut browser, "/leave").await;
    assert_eq!(site.store.calls(), ["load", "destroy", "create"]);
    assert_eq!(site.get(&mut browser, "/text/flash").await.body, "bye");
    assert_eq!(site.get(&mut browser, "/read").await.body, "0");
    assert_eq!(site.get(&mut before.clone(), "/read").await.body, "0");
}

#[tokio::test]
async fn a_session_has_a_size_limit() {
    async fn fill(session: Session, Path(bytes): Path<usize>) -> Result {
        session.insert("k", "x".repeat(bytes))?;
        Ok("ok".into())
    }
    let site = Site::with(Router::new().route("/fill/{bytes}", get(fill)), |builder| builder.size_limit(100));
    let mut browser = Browser::new();
    assert_eq!(site.get(&mut browser, "/fill/97").await.body, "ok");
    assert_eq!(site.get(&mut browser, "/fill/98").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(site.get(&mut browser, "/fill/97").await.body, "ok");
}

#[test]
fn a_cookie_that_browsers_would_refuse_is_no_layer() {
    let builder = || SessionLayer::builder(MemoryStore::new(), KeyRing::new(SECRET).unwrap());
    assert!(builder().build().is_ok());
    assert!(builder().path("/app").build().is_err());
    assert!(builder().domain("example.com").build().is_err());
    assert!(builder().domain("example.com").cookie_name(CookieName::from_static("__Secure-sid")).build().is_ok());
    assert!(builder().path("/app").insecure_http().build().is_ok());
    assert!(builder().idle_timeout(std::time::Duration::ZERO).build().is_err());
    assert!(builder().idle_timeout(48 * HOUR).build().is_err());
}

#[tokio::test]
async fn a_ticket_of_a_session_that_is_no_more_hides_no_other() {
    let site = Site::new(routes());
    let (mut old, new) = (logged_in(&site, "bob").await, logged_in(&site, "ada").await);
    let (dead, live) = (old.cookie("__Host-sid").unwrap().to_owned(), new.cookie("__Host-sid").unwrap());
    site.get(&mut old, "/logout").await;
    let mut both = Browser::new();
    both.set_cookie("__Host-sid", &format!("{dead}; __Host-sid={live}"));
    assert_eq!(site.get(&mut both, "/whoami").await.body, "ada");
    let forged = "s%3Ax.y; __Host-sid=".repeat(500);
    both.set_cookie("__Host-sid", &format!("{forged}{dead}; __Host-sid={live}"));
    assert_eq!(site.get(&mut both, "/whoami").await.body, "ada");
}

#[tokio::test]
async fn no_shared_cache_keeps_a_ticket() {
    const HEADERS: [&str; 5] = [
        "cdn-cache-control",
        "cloudflare-cdn-cache-control",
        "vercel-cdn-cache-control",
        "edge-control",
        "surrogate-control",
    ];
    let site = Site::new(axum::Router::new().route(
        "/",
        get(|session: Session| async move {
            session.insert("a", 1)?;
            Ok::<_, SessionError>((HEADERS.map(|name| (name, "max-age=600")), "x"))
        }),
    ));
    let answer = site.get(&mut Browser::new(), "/").await;
    assert_eq!((answer.sets_cookie(), answer.header("cache-control")), (true, Some("no-store")));
    assert_eq!(HEADERS.map(|name| answer.header(name)), [None; 5]);
}

#[tokio::test]
async fn one_response_sets_the_session_cookie_once() {
    let site = Site::new(axum::Router::new().route(
        "/",
        get(|session: Session| async move {
            session.insert("a", 1)?;
            let lines = ["__Host-sid=mine; Path=/; Secure", "theme=dark", "__Host-sidecar=1; Path=/; Secure"];
            Ok::<_, SessionError>((axum::response::AppendHeaders(lines.map(|line| ("set-cookie", line))), "x"))
        }),
    ));
    let answer = site.get(&mut Browser::new(), "/").await;
    let lines: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert_eq!(lines[..2], ["theme=dark", "__Host-sidecar=1; Path=/; Secure"]);
    assert!(lines.len() == 3 && lines[2].starts_with("__Host-sid=s%3A"), "{lines:?}");
}

#[tokio::test]
async fn a_long_request_is_activity_until_its_end() {
    let site = Site::new(routes());
    let (mut browser, clock) = (visitor(&site).await, site.clock.clone());
    act(&site, &mut browser, move |_| async move {
        clock.advance(MINUTE * 15);
        Ok(())
    })
    .await;
    site.wait(MINUTE * 50);
    assert_eq!(site.get(&mut browser, "/read").await.body, "1");
}
