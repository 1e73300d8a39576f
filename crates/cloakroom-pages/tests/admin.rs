//! The administrator's pages as an application mounts them.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use cloakroom::store::MemoryStore;
use cloakroom::testing::Browser;
use cloakroom_pages::{AdminPage, Guard, History, Live};

use crate::support::{Answer, Client, FIREFOX, SAFARI, Site, clock};

const PAGE: &str = "/admin/sessions";

/// A page with forms, since whoever looks at it has a session.
const FORMS: &str = "/admin/sessions/user?user=root";

/// An application whose administrator is root.
fn app(site: &Site) -> Router {
    site.app(PAGE, admin(site).router())
}

fn admin(site: &Site) -> AdminPage {
    AdminPage::new(site.layer.sessions(), Guard::users(["root"])).log_in_at("/log-in")
}

#[tokio::test]
async fn only_administrators_learn_that_there_is_such_a_page() {
    let site = Site::new();
    let app = app(&site);
    let mut customer = Client::logged_in(&app, "ada", FIREFOX).await;
    let mut visitor = Client::new(&app);
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    for path in ["", "/all", "/user?user=ada"] {
        let path = format!("{PAGE}{path}");
        assert_eq!(customer.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        let encoded = path.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D");
        assert_eq!(visitor.get(&path).await.location(), format!("/log-in?next={encoded}"));
        assert_eq!(root.get(&path).await.status, StatusCode::OK, "{path}");
    }
    let token = root.token(FORMS).await;
    for path in ["end", "end-all", "end-everything"] {
        let form = format!("user=root&session=x&sure=on&form_token={token}");
        let answer = customer.send("POST", &format!("{PAGE}/{path}"), &form, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(root.name().await, "root");
}

#[tokio::test]
async fn the_guard_may_be_a_rule_of_the_application_or_stand_outside() {
    let site = Site::new();
    let by_role = Guard::when(|session, request| {
        session.user().is_some_and(|user| user.as_str().ends_with("@example.com")) && request.uri.path() == "/"
    });
    let app = site.app(PAGE, AdminPage::new(site.layer.sessions(), by_role).router());
    assert_eq!(Client::new(&app).get(PAGE).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Client::logged_in(&app, "ada", FIREFOX).await.get(PAGE).await.status, StatusCode::NOT_FOUND);
    assert_eq!(Client::logged_in(&app, "ada@example.com", FIREFOX).await.get(PAGE).await.status, StatusCode::OK);

    let app = site.app(PAGE, AdminPage::new(site.layer.sessions(), Guard::outside()).router());
    let mut somebody = Client::new(&app);
    assert_eq!(somebody.get(PAGE).await.status, StatusCode::OK);
    let hers = "/admin/sessions/user?user=ada";
    assert_eq!(somebody.post(hers, "/admin/sessions/end-all", "user=ada").await.location(), hers);
    assert!(somebody.get(hers).await.body.contains("1 session has ended."));
}

#[tokio::test]
async fn one_session_of_a_user_ends_and_then_all() {
    let site = Site::new();
    let app = app(&site);
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    let mut hers = [Client::logged_in(&app, "a da", SAFARI).await, Client::logged_in(&app, "a da", FIREFOX).await];
    let mut other = Client::logged_in(&app, "grace", FIREFOX).await;
    let user = "/admin/sessions/user?user=a%20da";
    let page = root.get(user).await;
    assert!(page.body.contains("Sessions of a da") && page.body.contains("Safari on iPhone"), "{}", page.body);
    let session = page.fields("session").remove(0);

    let form = format!("user=a+da&session={session}");
    assert_eq!(root.post(FORMS, "/admin/sessions/end", &form).await.location(), user);
    assert!(root.get(user).await.body.contains("That session has ended."));
    let mut names = vec![hers[0].name().await, hers[1].name().await];
    names.sort();
    assert_eq!(names, ["a da", "nobody"]);
    root.post(FORMS, "/admin/sessions/end", &form).await;
    assert!(root.get(user).await.body.contains("That session had ended already."));

    assert_eq!(root.post(FORMS, "/admin/sessions/end-all", "user=a+da").await.location(), user);
    let page = root.get(user).await.body;
    assert!(page.contains("1 session has ended.") && page.contains("This user has no session"), "{page}");
    assert_eq!((hers[0].name().await.as_str(), hers[1].name().await.as_str()), ("nobody", "nobody"));
    assert_eq!((other.name().await.as_str(), root.name().await.as_str()), ("grace", "root"));
}

#[tokio::test]
async fn a_form_without_a_token_or_from_elsewhere_ends_nothing() {
    let site = Site::new();
    let app = app(&site);
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    let mut ada = Client::logged_in(&app, "ada", FIREFOX).await;
    let token = root.token(FORMS).await;
    let path = "/admin/sessions/end-all";
    assert_eq!(root.send("POST", path, "user=ada", &[]).await.status, StatusCode::FORBIDDEN);
    let form = format!("user=ada&form_token={token}");
    let elsewhere = [("origin", "https://evil.example")];
    assert_eq!(root.send("POST", path, &form, &elsewhere).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ada.name().await, "ada");
    root.send("POST", path, &form, &[]).await;
    assert_eq!(ada.name().await, "nobody");
}

#[tokio::test]
async fn an_administrator_confirms_first() {
    let site = Site::new();
    let page = admin(&site).step_up(Duration::from_secs(60), "/confirm");
    let app = site.app(PAGE, page.router());
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    let mut ada = Client::logged_in(&app, "ada", FIREFOX).await;
    let token = root.token(FORMS).await;
    site.pass(61);
    let answer = root.send("POST", "/admin/sessions/end-all", &format!("user=ada&form_token={token}"), &[]).await;
    assert!(answer.location().starts_with("/confirm?next="));
    let page = root.get("/admin/sessions/user?user=ada").await;
    assert!(page.body.contains("please confirm that it is you") && page.fields("session").is_empty());
    assert_eq!(ada.name().await, "ada");
    root.send("POST", "/confirm", "", &[]).await;
    root.post("/admin/sessions/user?user=ada", "/admin/sessions/end-all", "user=ada").await;
    assert_eq!(ada.name().await, "nobody");
}

#[tokio::test]
async fn the_list_goes_on_behind_the_last_handle_and_misses_nobody() {
    let site = Site::new();
    let app = app(&site);
    for number in 0..120 {
        let mut browser = Browser::new();
        browser.enter_session(&site.layer, |session| session.log_in(format!("user{number}"))).await.unwrap();
    }
    Browser::new().enter_session(&site.layer, |session| session.insert("cart", 1)).await.unwrap();
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    let (mut seen, mut path, mut pages) = (BTreeSet::new(), format!("{PAGE}/all"), 0);
    loop {
        let page = root.get(&path).await;
        pages += 1;
        let rows = page.body.matches("<tr>").count() - 1;
        assert!(rows <= 50, "{rows}");
        for user in page.fields("user") {
            assert!(seen.insert(user.clone()), "{user} is there twice");
        }
        let Some((_, next)) = page.body.split_once("rel=\"next\" href=\"") else {
            assert!(page.body.contains("From the beginning"));
            break;
        };
        path = next.split('"').next().unwrap().to_owned();
        assert!(path.starts_with("/admin/sessions/all?after="));
    }
    assert_eq!((seen.len(), pages), (121, 3), "all users and root; the visitor is in the list and can't be ended");
}

#[tokio::test]
async fn what_is_searched_for_is_shown_as_text_and_found_by_its_whole_name() {
    let site = Site::new();
    let app = app(&site);
    let _ada = Client::logged_in(&app, "ada", FIREFOX).await;
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    let page = root.get("/admin/sessions/user?user=%3Cscript%3E").await.body;
    assert!(page.contains("Sessions of &#60;script&#62;") && !page.contains("<script"), "{page}");
    for user in ["ad", "", "%20", "x".repeat(300).as_str()] {
        let page = root.get(&format!("/admin/sessions/user?user={user}")).await;
        assert!(page.status == StatusCode::OK && page.body.contains("This user has no session"), "{user}");
    }
    assert!(root.get("/admin/sessions/user?user=+ada+").await.body.contains("Sessions of ada"));
}

#[tokio::test]
async fn the_charts_tell_what_began_ended_and_lives() {
    let clock = clock();
    let history = History::with_clock(Duration::from_secs(60), 10, clock.clone());
    let site = Site::with_clock(Arc::new(history.count(MemoryStore::new())), clock);
    let app = site.app(PAGE, admin(&site).history(history.clone()).router());
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    let _ada = Client::logged_in(&app, "ada", FIREFOX).await;
    let _phone = Client::logged_in(&app, "ada", SAFARI).await;
    assert_eq!(history.sample(&site.layer.sessions()).await.unwrap(), Live::Exactly(3));
    site.pass(60);
    root.post(FORMS, "/admin/sessions/end-all", "user=ada").await;
    assert_eq!(history.sample(&site.layer.sessions()).await.unwrap(), Live::Exactly(1));

    let points = history.points();
    let last: Vec<_> = points[8..].iter().map(|point| (point.began, point.ended, point.live)).collect();
    assert_eq!(last, [(3, 0, Some(Live::Exactly(3))), (0, 2, Some(Live::Exactly(1)))]);
    let page = root.get(PAGE).await.body;
    assert_eq!((page.matches("<svg").count(), page.matches("<polyline").count()), (2, 1));
    assert_eq!(
        (page.matches("<rect class=\"cloakroom-created\"").count(), page.matches("cloakroom-ended\"").count()),
        (1, 1)
    );
    assert!(page.contains("<th scope=\"row\">22:14</th><td>1</td><td>0</td><td>2</td>"), "{page}");
    assert!(page.contains("counted in this process alone"), "it says what is counted");
}

#[tokio::test]
async fn a_log_out_and_an_expired_session_that_is_swept_count_as_ended() {
    let clock = clock();
    let history = History::with_clock(Duration::from_secs(60), 1_000, clock.clone());
    let store = Arc::new(history.count(MemoryStore::new()));
    let site = Site::with_clock(store.clone(), clock);
    let mut browser = Browser::with_clock(site.clock.clone());
    browser.enter_session(&site.layer, |session| session.log_in("ada")).await.unwrap();
    browser.enter_session(&site.layer, |session| session.log_in("ada")).await.unwrap();
    site.pass(2 * 60 * 60);
    let swept = cloakroom::store::Store::sweep(&*store, 10, site.clock.now()).await.unwrap();
    let sum = |count: fn(&cloakroom_pages::Point) -> u64| history.points().iter().map(count).sum::<u64>();
    assert_eq!((sum(|point| point.began), swept as u64, sum(|point| point.ended)), (2, 2, 2));
}

#[tokio::test]
async fn without_a_history_the_live_sessions_are_counted_at_once() {
    let site = Site::new();
    let app = app(&site);
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    let page: Answer = root.get(PAGE).await;
    assert!(page.body.contains("<dd>1</dd>") && !page.body.contains("<svg"), "{}", page.body);
    assert!(!page.body.contains("End all sessions of everybody"), "nobody has asked for that");
}

#[tokio::test]
async fn a_crowd_of_one_user_is_counted_and_not_listed() {
    let site = Site::new();
    for _ in 0..1_001 {
        Browser::new().enter_session(&site.layer, |session| session.log_in("crowd")).await.unwrap();
    }
    let app = app(&site);
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    assert!(root.get(PAGE).await.body.contains("<dd>1,002</dd>"), "more than a page of the directory");
    let page = root.get("/admin/sessions/user?user=crowd").await.body;
    assert!(page.contains("This user has 1,001 sessions: too many to list.") && !page.contains("<table"), "{page}");
    root.post(FORMS, "/admin/sessions/end-all", "user=crowd").await;
    assert!(root.get("/admin/sessions/user?user=crowd").await.body.contains("1,001 sessions have ended."));
}

#[tokio::test]
async fn all_sessions_of_everybody_end_where_that_is_offered() {
    let site = Site::new();
    let app = site.app(PAGE, admin(&site).end_everything().router());
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    assert!(root.get(PAGE).await.body.contains("End all sessions of everybody"));
    root.post(PAGE, "/admin/sessions/end-everything", "").await;
    assert!(root.get(PAGE).await.body.contains("tick the box if you are sure"));
    root.post(PAGE, "/admin/sessions/end-everything", "sure=on").await;
    assert!(root.get(PAGE).await.body.contains("the session layer has no global revocation"));
    assert_eq!(root.name().await, "root");
}

#[tokio::test]
async fn then_everybody_is_logged_out_the_administrator_too() {
    let clock = clock();
    let keys = cloakroom::cookie::KeyRing::new([7; 32]).unwrap();
    let builder = cloakroom::SessionLayer::builder(MemoryStore::new(), keys).clock(clock.clone());
    let site = Site { layer: builder.global_revocation(true).build().unwrap(), clock };
    let app = site.app(PAGE, admin(&site).end_everything().router());
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    let mut ada = Client::logged_in(&app, "ada", FIREFOX).await;
    site.pass(5);
    root.post(PAGE, "/admin/sessions/end-everything", "sure=on").await.location();
    site.pass(2);
    assert_eq!((root.name().await.as_str(), ada.name().await.as_str()), ("nobody", "nobody"));
    let mut root = Client::logged_in(&app, "root", FIREFOX).await;
    assert!(root.get(PAGE).await.body.contains("<dd>1</dd>"), "what has ended is not counted");
}
