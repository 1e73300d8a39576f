//! The doctor of web applications: one that is well, and one that is ill.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use cloakroom::cookie::KeyRing;
use cloakroom::store::MemoryStore;
use cloakroom::{Session, SessionError, SessionLayer};
use serde_json::Value;

use crate::command::{Ended, cloakroom};

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn visit(session: Session) -> Result<&'static str, SessionError> {
    session.insert("seen", 1)?;
    Ok("hello")
}

async fn account(session: Session) -> Result<String, StatusCode> {
    session.user().map(|user| format!("account of {user}")).ok_or(StatusCode::UNAUTHORIZED)
}

async fn log_in(session: Session) -> Result<&'static str, SessionError> {
    session.log_in("ada")?;
    Ok("welcome")
}

async fn log_out(session: Session) -> Result<&'static str, SessionError> {
    session.log_out()?;
    Ok("bye")
}

fn well() -> Router {
    let layer =
        SessionLayer::builder(MemoryStore::new(), KeyRing::generate().unwrap()).insecure_http().build().unwrap();
    let routes = Router::new().route("/", get(visit)).route("/account", get(account));
    routes.route("/login", post(log_in)).route("/logout", post(log_out)).layer(layer)
}

/// Takes any id, counts its own, never changes one, and ends none.
#[derive(Clone, Default)]
struct Ill(Arc<Mutex<HashMap<String, bool>>>);

impl Ill {
    fn id(&self, headers: &HeaderMap) -> String {
        let cookie =
            headers.get(COOKIE).and_then(|cookie| cookie.to_str().ok()?.strip_prefix("sid=").map(str::to_owned));
        let mut sessions = self.0.lock().unwrap();
        let id = cookie.unwrap_or_else(|| format!("session-{:05}", sessions.len()));
        sessions.entry(id.clone()).or_default();
        id
    }

    fn router() -> Router {
        let set = |id: String| AppendHeaders([(SET_COOKIE, format!("sid={id}; Path=/"))]);
        let visit = move |State(ill): State<Ill>, headers: HeaderMap| async move { (set(ill.id(&headers)), "hello") };
        let log_in = move |State(ill): State<Ill>, headers: HeaderMap| async move {
            let id = ill.id(&headers);
            ill.0.lock().unwrap().insert(id.clone(), true);
            (set(id), "welcome")
        };
        let account = |State(ill): State<Ill>, headers: HeaderMap| async move {
            let id = ill.id(&headers);
            let is_in = ill.0.lock().unwrap().get(&id) == Some(&true);
            if is_in { "account".into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
        };
        let log_out = || async { (AppendHeaders([(SET_COOKIE, "sid=; Max-Age=0; Path=/")]), "bye") };
        let routes = Router::new().route("/", get(visit)).route("/account", get(account));
        routes.route("/login", post(log_in)).route("/logout", post(log_out)).with_state(Ill::default())
    }
}

/// Blocks for the binary, while the application serves it.
async fn examine(url: &str, more: &'static [&'static str]) -> Ended {
    let url = format!("{url}/");
    let call = move || cloakroom(&[&["doctor", &url, "--json"], more].concat()).run();
    tokio::task::spawn_blocking(call).await.unwrap()
}

const ALL: &[&str] =
    &["--login", "POST /login user=ada", "--logout", "POST /logout", "--private", "GET /account", "--samples", "6"];

fn verdict(findings: &[Value], subject: &str) -> String {
    let found = findings.iter().find(|finding| finding["subject"].as_str().unwrap().starts_with(subject));
    found.unwrap_or_else(|| panic!("{subject}: {findings:?}"))["verdict"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_well() {
    let url = serve(well()).await;
    let ended = examine(&url, ALL).await;
    let findings = ended.values();
    for subject in [
        "V3.3.2 SameSite",
        "V3.3.3 host only",
        "V3.3.4 HttpOnly",
        "V3.3.5 size",
        "V14.3.2 caching",
        "V7.2.2",
        "V7.2.3",
        "V7.2.4 a new id",
        "V7.2.4 the one before",
        "V7.4.1",
    ] {
        assert_eq!(verdict(&findings, subject), "good", "{ended:?}");
    }
    // It is served without TLS here, so its cookie has neither.
    assert_eq!((ended.code, verdict(&findings, "V3.3.1 Secure").as_str()), (4, "bad"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_ill() {
    let url = serve(Ill::router()).await;
    let ended = examine(&url, ALL).await;
    let findings = ended.values();
    assert_eq!(ended.code, 4);
    for subject in [
        "V3.3.1 Secure",
        "V3.3.2 SameSite",
        "V3.3.4 HttpOnly",
        "V14.3.2",
        "V7.2.2",
        "V7.2.3",
        "V7.2.4 a new id",
        "V7.4.1",
    ] {
        assert_eq!(verdict(&findings, subject), "bad", "{subject}: {ended:?}");
    }
    assert_eq!(verdict(&findings, "V3.3.1 prefix"), "weak");
    assert!(!ended.out.contains("session-0"), "an id is told: {}", ended.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_looked_at_is_told() {
    let url = serve(well()).await;
    let findings = examine(&url, &[]).await.values();
    for subject in ["V7.2.4", "V7.4.1"] {
        assert_eq!(verdict(&findings, subject), "unknown");
    }
    let nothing = serve(Router::new().route("/", get(|| async { "hello" }))).await;
    let ended = examine(&nothing, &[]).await;
    assert_eq!((ended.code, verdict(&ended.values(), "session cookie").as_str()), (0, "unknown"));
    let alike = examine(&serve(well()).await, &["--login", "POST /login", "--logout", "POST /logout"]).await.values();
    assert_eq!(verdict(&alike, "V7.4.1"), "unknown", "a page that answers everybody alike tells nothing");
}

/// Its private page greets once, and its home shows everybody a number that is another one each time, as form tokens do.
fn ill_with_a_greeting() -> Router {
    let greeted: Arc<Mutex<HashSet<String>>> = Arc::default();
    let pages = Arc::new(AtomicU64::new(0));
    let home = move || async move { format!("home {}", pages.fetch_add(1, Ordering::Relaxed)) };
    let account = move |headers: HeaderMap| async move {
        let cookie = headers.get(COOKIE).and_then(|cookie| cookie.to_str().ok()).unwrap_or_default().to_owned();
        let is_first = greeted.lock().unwrap().insert(cookie.clone());
        match (cookie.contains("sid=in"), is_first) {
            (true, true) => "welcome, ada",
            (true, false) => "ada",
            (false, _) => "nobody",
        }
    };
    let set = |id: &str| AppendHeaders([(SET_COOKIE, format!("sid={id}-{:032x}; Path=/", rand()))]);
    let log_in = move || async move { (set("in"), "in") };
    let log_out = || async { (AppendHeaders([(SET_COOKIE, "sid=; Max-Age=0; Path=/")]), "out") };
    let begin = move || async move { (set("visitor"), "hello") };
    let routes = Router::new().route("/", get(begin)).route("/home", get(home)).route("/account", get(account));
    routes.route("/login", post(log_in)).route("/logout", post(log_out))
}

fn rand() -> u128 {
    let digest = *cloakroom::record::StoreKey::generate().unwrap().digest();
    u128::from_be_bytes(digest[..16].try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_makes_no_page_another_one_and_a_page_that_changes_tells_nothing() {
    let url = serve(ill_with_a_greeting()).await;
    let findings = examine(&url, ALL).await.values();
    assert_eq!(
        verdict(&findings, "V7.4.1"),
        "bad",
        "the old cookie shows the page, without the greeting: {findings:?}"
    );
    assert_eq!(verdict(&findings, "V7.2.4 the one before"), "good", "{findings:?}");
    const HOME: &[&str] = &["--login", "POST /login", "--logout", "POST /logout", "--private", "GET /home"];
    let findings = examine(&url, HOME).await.values();
    for subject in ["V7.2.4 the one before", "V7.4.1"] {
        assert_eq!(verdict(&findings, subject), "unknown", "{findings:?}");
    }
}

#[test]
fn a_page_that_is_none_is_told() {
    for page in ["ftp://h/", "nonsense", "http://"] {
        cloakroom(&["doctor", page]).ends(2);
    }
    let away = cloakroom(&["doctor", "http://127.0.0.1:1/"]).ends(1);
    assert!(away.err.contains("can't be reached"), "{away:?}");
    cloakroom(&["doctor", "http://127.0.0.1:1/", "--login", "nonsense"]).ends(2);
}
