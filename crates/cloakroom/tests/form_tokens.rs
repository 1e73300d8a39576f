//! Form tokens: what shows that a request comes from a page of its session.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::routing::{get, post};
use axum::{Form, Router};
use cloakroom::cookie::KeyRing;
use cloakroom::testing::Browser;
use cloakroom::{FormGuard, FormToken, OnOutage, Session, SessionErrorKind};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use support::{Answer, HOUR, Result, SECRET, Site, logged_in, visitor};

const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Deserialize)]
struct Wish {
    value: String,
}

fn routes() -> Router {
    async fn page(token: FormToken) -> String {
        token.as_str().to_owned()
    }
    async fn wish(session: Session, FormGuard(Form(wish)): FormGuard<Form<Wish>>) -> Result {
        session.insert("wish", wish.value)?;
        Ok("wished".into())
    }
    async fn button(session: Session, _: FormGuard) -> Result {
        session.add("pressed", 1)?;
        Ok("pressed".into())
    }
    async fn log_in_and_show(session: Session) -> Result {
        session.log_in("ada")?;
        Ok(session.form_token().await?.as_str().to_owned())
    }
    async fn log_out_and_show(session: Session) -> Result {
        session.log_out()?;
        Ok(session.form_token().await?.as_str().to_owned())
    }
    support::routes()
        .route("/page", get(page))
        .route("/wish", post(wish))
        .route("/button", post(button).put(button))
        .route("/log-in-and-show", get(log_in_and_show))
        .route("/log-out-and-show", get(log_out_and_show))
        .layer(DefaultBodyLimit::max(1_000))
}

/// The token of a page that the browser asks for now.
async fn token(site: &Site, browser: &mut Browser) -> String {
    let answer = site.get(browser, "/page").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 64), "{answer:?}");
    answer.body
}

async fn send(site: &Site, browser: &mut Browser, request: Request) -> Answer {
    Answer::read(browser.send(site.app(), request).await.unwrap()).await
}

async fn submit(site: &Site, browser: &mut Browser, form: String) -> Answer {
    let request = Request::post("/wish").header(CONTENT_TYPE, FORM).body(Body::from(form)).unwrap();
    send(site, browser, request).await
}

/// Whether the form with this token is taken.
async fn is_taken(site: &Site, browser: &mut Browser, token: &str) -> bool {
    match submit(site, browser, format!("value=hat&form_token={token}")).await.status {
        StatusCode::OK => true,
        StatusCode::FORBIDDEN => false,
        status => panic!("{status}"),
    }
}

#[tokio::test]
async fn a_form_needs_the_token_of_its_session() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    let own = token(&site, &mut browser).await;
    let others = token(&site, &mut logged_in(&site, "ada").await).await;
    site.store.calls();
    let refused = [
        "value=hat".to_owned(),
        "value=hat&form_token=".to_owned(),
        "value=hat&form_token=x".to_owned(),
        format!("value=hat&form_token={others}"),
        format!("value=hat&form_token={own}A"),
        format!("value=hat&form_token={}", own.to_lowercase()),
        format!("value=hat&form_token={others}&form_token={own}"),
    ];
    for form in refused {
        let answer = submit(&site, &mut browser, form.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{form}");
        assert!(answer.body.contains("load its page again") && !answer.body.contains("hat"), "{}", answer.body);
    }
    assert!(!site.store.calls().contains(&"apply"), "nothing was changed");
    assert_eq!(submit(&site, &mut browser, format!("form_token={own}&value=hat")).await.body, "wished");
    assert_eq!(site.get(&mut browser, "/text/wish").await.body, "hat");
    assert!(is_taken(&site, &mut browser, &own).await, "as often as it likes");
    assert!(!is_taken(&site, &mut Browser::new(), &own).await, "who has no session has no token");
}

#[tokio::test]
async fn a_refusal_tells_its_kind_to_the_layers_around() {
    let site = Site::new(routes());
    let request = Request::post("/wish").header(CONTENT_TYPE, FORM).body(Body::empty()).unwrap();
    let response = Browser::new().send(site.app(), request).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&SessionErrorKind::FormToken));
}

#[tokio::test]
async fn a_token_may_come_in_a_header() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let own = token(&site, &mut browser).await;
    let press = |request: http::request::Builder, body: &str| request.body(Body::from(body.to_owned())).unwrap();
    let json = "application/json";
    for (request, status) in [
        (press(Request::post("/button").header("x-csrf-token", &own), ""), StatusCode::OK),
        (press(Request::put("/button").header("X-CSRF-Token", &own).header(CONTENT_TYPE, json), "{}"), StatusCode::OK),
        (press(Request::post("/button"), ""), StatusCode::FORBIDDEN),
        (press(Request::post("/button").header(CONTENT_TYPE, json), &own), StatusCode::FORBIDDEN),
        (press(Request::post("/button").header("x-csrf-token", "x"), ""), StatusCode::FORBIDDEN),
        // One that is there counts, and not the next best.
        (
            press(
                Request::post("/button").header("x-csrf-token", "x").header(CONTENT_TYPE, FORM),
                &format!("form_token={own}"),
            ),
            StatusCode::FORBIDDEN,
        ),
        (press(Request::post(format!("/button?form_token={own}")), ""), StatusCode::FORBIDDEN),
        (press(Request::post("/button").header(CONTENT_TYPE, FORM), &format!("form_token={own}")), StatusCode::OK),
    ] {
        let told = format!("{request:?}");
        assert_eq!(send(&site, &mut browser, request).await.status, status, "{told}");
    }
}

#[tokio::test]
async fn a_form_is_read_within_its_limits() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let own = token(&site, &mut browser).await;
    let long = format!("form_token={own}&value={}", "x".repeat(1_000));
    assert_eq!(submit(&site, &mut browser, long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let strange = Request::post("/wish").header(CONTENT_TYPE, FORM).body(Body::from(vec![0xff; 10])).unwrap();
    assert_eq!(send(&site, &mut browser, strange).await.status, StatusCode::BAD_REQUEST);
    // What is wrapped still decides about the rest.
    let without = submit(&site, &mut browser, format!("form_token={own}")).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_token_begins_a_session_for_a_visitor() {
    let site = Site::new(routes());
    let mut browser = Browser::new();
    let answer = site.get(&mut browser, "/page").await;
    assert!(answer.sets_cookie());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(site.store.calls(), ["create"], "and what else the page does would be written with it");
    assert!(is_taken(&site, &mut browser, &answer.body).await);
    assert_eq!(site.get(&mut browser, "/text/wish").await.body, "hat");
}

#[tokio::test]
async fn a_token_of_a_session_costs_no_write() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let answer = site.get(&mut browser, "/page").await;
    assert_eq!(site.store.calls(), ["load"]);
    assert!(!answer.sets_cookie());
    assert_eq!(answer.header("vary"), Some("cookie"), "no cache gives it to another visitor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_that_load_at_once_all_have_good_tokens() {
    let site = std::sync::Arc::new(Site::new(routes()));
    let browser = logged_in(&site, "ada").await;
    let tabs: Vec<_> = (0..16)
        .map(|number| {
            let (site, mut tab) = (site.clone(), browser.clone());
            tokio::spawn(async move {
                // Others change the session meanwhile, and their own tabs' tokens are none of their business.
                let token = token(&site, &mut tab).await;
                site.get(&mut tab, &format!("/set/tab{number}/x")).await;
                token
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for tab in tabs {
        tokens.push(tab.await.unwrap());
    }
    tokens.push(token(&site, &mut browser.clone()).await);
    for token in &tokens {
        assert!(is_taken(&site, &mut browser.clone(), token).await);
    }
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 17, "no two of them are the same");
}

#[tokio::test]
async fn a_page_that_was_under_way_keeps_its_token() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    site.store.delay.store(50, Ordering::SeqCst);
    let mut tab = browser.clone();
    let (page, set) = tokio::join!(token(&site, &mut tab), site.get(&mut browser, "/set/colour/red"));
    assert_eq!(set.body, "set");
    assert!(is_taken(&site, &mut browser, &page).await);
}

#[tokio::test]
async fn a_new_id_ends_the_tokens_of_the_old_one() {
    for path in ["/login/ada", "/login/grace", "/rotate", "/logout"] {
        let site = Site::new(routes());
        let mut browser = logged_in(&site, "ada").await;
        let before = token(&site, &mut browser).await;
        assert_eq!(site.get(&mut browser, path).await.status, StatusCode::OK);
        assert!(!is_taken(&site, &mut browser, &before).await, "{path}");
        let after = token(&site, &mut browser).await;
        assert!(is_taken(&site, &mut browser, &after).await, "{path}");
        assert_eq!(submit(&site, &mut browser, format!("form_token={before}")).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn the_token_of_a_visitor_does_not_outlive_the_log_in() {
    let site = Site::new(routes());
    // Somebody plants a session, whose token they know.
    let mut planted = Browser::new();
    let known = token(&site, &mut planted).await;
    let mut victim = planted.clone();
    site.get(&mut victim, "/login/ada").await;
    assert!(!is_taken(&site, &mut victim, &known).await);
}

#[tokio::test]
async fn a_page_that_logs_in_or_out_shows_a_good_token() {
    let site = Site::new(routes());
    for path in ["/log-in-and-show", "/log-out-and-show"] {
        for mut browser in [Browser::new(), visitor(&site).await, logged_in(&site, "ada").await] {
            let token = site.get(&mut browser, path).await.body;
            assert!(is_taken(&site, &mut browser, &token).await, "{path}");
        }
    }
    let mut browser = visitor(&site).await;
    site.get(&mut browser, "/log-in-and-show").await;
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
    site.get(&mut browser, "/log-out-and-show").await;
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "-");
}

#[tokio::test]
async fn who_comes_with_an_id_of_a_moment_ago_sees_the_page_and_is_told_to_try_again() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let mut late = browser.clone();
    let before = token(&site, &mut browser).await;
    site.get(&mut browser, "/login/ada").await;
    let answer = site.get(&mut late, "/page").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!answer.sets_cookie(), "which would throw the fresh log-in out");
    for token in [&answer.body, &before] {
        let answer = submit(&site, &mut late, format!("value=hat&form_token={token}")).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(!answer.sets_cookie());
    }
    assert!(!is_taken(&site, &mut browser, &answer.body).await, "it opens nothing");
    site.wait(Duration::from_secs(20));
    assert!(!is_taken(&site, &mut late, &before).await);
}

#[tokio::test]
async fn a_token_ends_with_its_session() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let token = token(&site, &mut browser).await;
    site.wait(HOUR);
    assert!(!is_taken(&site, &mut browser, &token).await);
}

#[tokio::test]
async fn the_key_ring_may_be_rotated() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let before = token(&site, &mut browser).await;
    let newer = site.behind(KeyRing::new([9; 32]).unwrap().with_older(SECRET).unwrap());
    assert!(is_taken(&newer, &mut browser, &before).await);
    let after = token(&newer, &mut browser).await;
    assert!(is_taken(&newer, &mut browser, &after).await);
    assert!(!is_taken(&site, &mut browser, &after).await, "which does not know the new secret");
}

#[tokio::test]
async fn without_the_store_pages_are_as_the_layer_says_and_no_form_is_taken() {
    let strict = Site::new(routes());
    let lenient = Site::with(routes(), |builder| builder.on_outage(OnOutage::ReadAsAnonymous));
    for (site, page) in [(strict, StatusCode::SERVICE_UNAVAILABLE), (lenient, StatusCode::OK)] {
        let mut browser = visitor(&site).await;
        let token = token(&site, &mut browser).await;
        site.store.fails.store(true, Ordering::SeqCst);
        assert_eq!(site.get(&mut browser, "/page").await.status, page);
        let form = format!("value=hat&form_token={token}");
        assert_eq!(submit(&site, &mut browser, form).await.status, StatusCode::SERVICE_UNAVAILABLE);
        // A session can't begin either.
        assert_eq!(site.get(&mut Browser::new(), "/page").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn without_a_layer_there_are_no_tokens() {
    let request = Request::get("/page").body(Body::empty()).unwrap();
    let answer = Answer::read(Browser::new().send(routes(), request).await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.contains("SessionLayer"));
}
