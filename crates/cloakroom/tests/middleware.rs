//! The life of a request, as a client and the store see it.

mod support;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use cloakroom::cookie::{CookieName, KeyRing};
use cloakroom::testing::Browser;
use cloakroom::{OnGone, Session, SessionError, SessionLayer, store::MemoryStore};
use http::StatusCode;
use std::sync::atomic::Ordering;

use support::{Answer, HOUR, MINUTE, SECRET, Site};

type Result<T = String> = std::result::Result<T, SessionError>;

fn routes() -> Router {
    async fn read(session: Session) -> Result {
        Ok(session.get::<i64>("n")?.unwrap_or(0).to_string())
    }
    async fn set(session: Session, Path((key, value)): Path<(String, String)>) -> Result {
        session.insert(&key, value)?;
        Ok("set".into())
    }
    async fn text(session: Session, Path(key): Path<String>) -> Result {
        Ok(session.get::<String>(&key)?.unwrap_or_default())
    }
    async fn incr(session: Session) -> Result {
        Ok(session.increment("n", 1).await?.to_string())
    }
    async fn log_in(session: Session, Path(user): Path<String>) -> Result {
        session.log_in(user)?;
        Ok("in".into())
    }
    async fn log_out(session: Session) -> Result {
        session.log_out()?;
        Ok("out".into())
    }
    async fn rotate(session: Session) -> Result {
        session.rotate().await?;
        Ok("rotated".into())
    }
    Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/read", get(read))
        .route("/set/{key}/{value}", get(set))
        .route("/text/{key}", get(text))
        .route("/incr", get(incr))
        .route("/login/{user}", get(log_in))
        .route("/logout", get(log_out))
        .route("/rotate", get(rotate))
        .route(
            "/whoami",
            get(|session: Session| async move { session.user().map_or("-".into(), |user| user.to_string()) }),
        )
}

/// A browser that has a session with n = 1.
async fn visitor(site: &Site) -> Browser {
    let mut browser = Browser::new();
    assert_eq!(site.get(&mut browser, "/incr").await.body, "1");
    site.store.calls();
    browser
}

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
    assert_eq!(kind(session.insert("b", 1)), cloakroom::SessionErrorKind::Closed);
    assert_eq!(kind(session.log_out()), cloakroom::SessionErrorKind::Closed);
    assert_eq!(kind(session.rotate().await), cloakroom::SessionErrorKind::Closed);
    assert_eq!(session.increment("n", 1).await.unwrap(), 2, "what is written at once needs no response");
    assert_eq!(session.get::<i64>("a").unwrap(), Some(1));
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
