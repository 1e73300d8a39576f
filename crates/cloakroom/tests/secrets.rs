//! No secret, session id or session value reaches a log line, an error text or a Debug output.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::error::Error;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use cloakroom::cookie::KeyRing;
use cloakroom::cross_site::CrossSiteLayer;
use cloakroom::events::Event;
use cloakroom::testing::Browser;
use cloakroom::{FormGuard, Session, SessionError};
use tracing_subscriber::fmt::MakeWriter;

use support::{SECRET, Site};

/// Collects all that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn note(&self, text: impl std::fmt::Display) {
        writeln!(self.0.lock().unwrap(), "{text}").unwrap();
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

fn routes(log: Log) -> Router {
    let (note, form_log) = (log.clone(), log.clone());
    let store = move |session: Session| {
        let log = note.clone();
        async move {
            session.insert("password", "hunter2")?;
            session.insert("card", serde_json::json!({ "number": "4111-1111" }))?;
            log.note(format!("{session:?} {:#?}", session));
            session.save().await?;
            session.log_in("ada")?;
            log.note(format!("{session:?}"));
            Ok::<_, SessionError>("stored")
        }
    };
    let misread = move |session: Session| {
        let log = log.clone();
        async move {
            for error in [
                session.get::<u32>("password").unwrap_err(),
                session.get::<Vec<u8>>("card").unwrap_err(),
                session.add("password", 1).unwrap_err(),
                session.increment("password", 1).await.unwrap_err(),
                session.insert("password", "hunter2".repeat(10_000)).unwrap_err(),
            ] {
                log.note(chain(&error));
            }
            session.get::<u32>("password")
        }
    };
    let form = move |session: Session| {
        let log = form_log.clone();
        async move {
            let token = session.form_token().await?;
            log.note(format!("{token:?} {}", chain(&session.verify_form_token("forged-token").unwrap_err())));
            Ok::<_, SessionError>(token.as_str().to_owned())
        }
    };
    Router::new()
        .route("/form", get(form).merge(post(async |_: FormGuard| "sent")))
        .route("/store", get(store))
        .route("/misread", get(|session: Session| async move { misread(session).await.map(|_| "unreachable") }))
        .route("/out", get(|session: Session| async move { session.log_out() }))
}

#[tokio::test]
async fn nothing_secret_is_logged_or_printed() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let events = log.clone();
    let site = Site::with(routes(log.clone()), |builder| {
        builder.observer(move |event: &Event<'_>| events.note(format!("an event: {event:?} {event:#?}")))
    });
    let mut browser = Browser::new();
    let mut tickets = Vec::new();
    for path in ["/store", "/misread", "/store"] {
        let answer = site.get(&mut browser, path).await;
        log.note(format!("{:?} {:?}", answer.status, answer.headers));
        tickets.push(browser.cookie("__Host-sid").unwrap().to_owned());
    }
    log.note(format!("{:?} {:?} {browser:?} {:?}", site.layer, site.store, KeyRing::new(SECRET).unwrap()));
    let token = site.get(&mut browser, "/form").await.body;
    let app = site.app().layer(CrossSiteLayer::new());
    for (name, value) in [
        ("x-csrf-token", token.as_str()),
        ("x-csrf-token", "forged-token"),
        ("origin", "https://forged-origin.example"),
        ("sec-fetch-site", "forged-site"),
    ] {
        let request = http::Request::post("/form?forged-query").header(name, value).body(Body::empty()).unwrap();
        browser.send(app.clone(), request).await.unwrap();
    }
    let mut late = browser.clone();
    site.get(&mut browser, "/out").await;
    site.get(&mut late, "/out").await;
    late.set_cookie("__Host-sid", "s%3Aforged-id.forged-signature");
    site.get(&mut late, "/store").await;
    site.store.fails.store(true, Ordering::SeqCst);
    let request = http::Request::get("/store").body(Body::empty()).unwrap();
    late.send(site.app(), request).await.unwrap();
    log.note(chain(&KeyRing::new("short secret").unwrap_err()));

    let text = log.text();
    assert!(text.contains("a session failed"), "the events are there: {text}");
    assert!(text.contains("a cross-site request was refused") && text.contains("without a form token"), "{text}");
    for event in ["Created", "LoggedIn", "Loaded", "LoggedOut", "Missing", "BadTicket", "StoreFailed"] {
        assert!(text.contains(&format!("an event: {event}")), "{event}: {text}");
    }
    assert!(text.contains("password"), "keys may be told: {text}");
    assert!(!text.contains(&token), "{text}");
    for ticket in &tickets {
        let id = ticket.strip_prefix("s%3A").unwrap().split('.').next().unwrap();
        assert!(!text.contains(id) && !text.contains(ticket.as_str()), "{text}");
    }
    for secret in ["hunter2", "4111", SECRET, "short secret", "forged-"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
