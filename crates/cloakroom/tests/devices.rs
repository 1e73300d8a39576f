//! What is known of a user's devices, and what the user and the application say of them.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use cloakroom::store::Entry;
use cloakroom::testing::Browser;
use cloakroom::{AddressDetail, PeerAddress, ProxyHeader, Session, SessionErrorKind as Kind, SessionLayerBuilder};
use http::Request;

use support::{Answer, HOUR, MINUTE, Site, act, logged_in, routes};

fn noting(settings: impl FnOnce(SessionLayerBuilder) -> SessionLayerBuilder) -> Site {
    Site::with(routes(), |builder| settings(builder.keep_user_agent().keep_address(AddressDetail::Full)))
}

/// One request as a browser of this name sends it, from this address.
async fn visit(site: &Site, browser: &mut Browser, path: &str, agent: &str, peer: &str) -> Answer {
    let request =
        Request::get(path).header("user-agent", agent.as_bytes()).header("x-forwarded-for", "6.6.6.6, 203.0.113.9");
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new("203.0.113.1".parse().unwrap(), 4711)));
    Answer::read(browser.send(site.app(), request).await.unwrap()).await
}

async fn only_entry(site: &Site, user: &str) -> Entry {
    let mut entries = site.layer.sessions().of_user(user).await.unwrap();
    assert_eq!(entries.len(), 1);
    entries.pop().unwrap()
}

#[tokio::test]
async fn nothing_is_noted_of_a_browser_unless_asked_for() {
    let (site, mut browser) = (Site::new(routes()), Browser::new());
    visit(&site, &mut browser, "/login/ada", "Firefox", "192.0.2.1").await;
    let entry = only_entry(&site, "ada").await;
    assert_eq!((entry.user_agent(), entry.address(), entry.label()), (None, None, None));
    assert_eq!(entry.logged_in_at(), Some(site.clock.now()));
}

#[tokio::test]
async fn a_log_in_notes_the_browser_in_the_same_write() {
    let (site, mut browser) = (noting(|builder| builder), Browser::new());
    visit(&site, &mut browser, "/login/ada", "Firefox", "192.0.2.1").await;
    assert_eq!(site.store.calls(), ["create"]);
    let entry = only_entry(&site, "ada").await;
    assert_eq!(
        (entry.user_agent().unwrap(), entry.address().unwrap().to_string()),
        ("Firefox".into(), "192.0.2.1".into())
    );
    visit(&site, &mut browser, "/login/ada", "Firefox 2", "192.0.2.2").await;
    assert_eq!(site.store.calls(), ["load", "rotate"]);
    let entry = only_entry(&site, "ada").await;
    assert_eq!(
        (entry.user_agent().unwrap(), entry.address().unwrap().to_string()),
        ("Firefox 2".into(), "192.0.2.2".into())
    );
}

#[tokio::test]
async fn a_touch_notes_what_has_changed_and_nothing_else_is_written_for_it() {
    let (site, mut browser) = (noting(|builder| builder), Browser::new());
    visit(&site, &mut browser, "/login/ada", "Firefox", "192.0.2.1").await;
    site.store.calls();
    site.wait(MINUTE);
    visit(&site, &mut browser, "/read", "Firefox 2", "192.0.2.1").await;
    assert_eq!(site.store.calls(), ["load"], "no touch is due");
    assert_eq!(only_entry(&site, "ada").await.user_agent().unwrap(), "Firefox");
    site.wait(10 * MINUTE);
    let answer = visit(&site, &mut browser, "/read", "Firefox 2", "192.0.2.1").await;
    assert_eq!((site.store.calls(), answer.sets_cookie()), (vec!["load", "apply"], false));
    let entry = only_entry(&site, "ada").await;
    assert_eq!((entry.user_agent().unwrap(), entry.seen), ("Firefox 2".into(), site.clock.now()));
}

#[tokio::test]
async fn a_touch_that_notes_something_and_comes_too_late_is_no_conflict() {
    let (site, mut browser) = (noting(|builder| builder), Browser::new());
    visit(&site, &mut browser, "/login/ada", "Firefox", "192.0.2.1").await;
    site.wait(10 * MINUTE);
    site.store.calls();
    let sessions = site.layer.sessions();
    let ended = move |_: Session| async move { sessions.revoke_all("ada").await.map(|ended| ended.to_string()) };
    let app = Router::new().route("/", get(ended)).layer(site.layer.clone());
    let request = Request::get("/").header("user-agent", "Firefox 2").body(Body::empty()).unwrap();
    let answer = Answer::read(browser.send(app, request).await.unwrap()).await;
    assert_eq!(answer.body, "1", "that it could not be noted is nothing to tell");
    assert_eq!(site.store.calls(), ["load", "apply"]);
}

#[tokio::test]
async fn a_user_agent_is_cut_and_can_be_anything() {
    let (site, mut browser) = (noting(|builder| builder), Browser::new());
    visit(&site, &mut browser, "/login/ada", &"ü".repeat(500), "192.0.2.1").await;
    let told = only_entry(&site, "ada").await.user_agent().unwrap();
    assert_eq!(told, "ü".repeat(128));
    let request = Request::get("/login/ada").header("user-agent", &b"\xff<script>"[..]).body(Body::empty()).unwrap();
    browser.send(site.app(), request).await.unwrap();
    assert_eq!(only_entry(&site, "ada").await.user_agent().unwrap(), "\u{fffd}<script>");
}

#[tokio::test]
async fn the_address_comes_from_where_the_layer_says() {
    let axum_says = noting(|builder| {
        builder.peer_address(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))
    });
    let proxied =
        noting(|builder| builder.trusted_proxies(ProxyHeader::XForwardedFor, ["192.0.2.0/24".parse().unwrap()]));
    let network = noting(|builder| builder.keep_address(AddressDetail::Network));
    for (site, address) in [(axum_says, "203.0.113.1"), (proxied, "203.0.113.9"), (network, "192.0.2.0")] {
        visit(&site, &mut Browser::new(), "/login/ada", "Firefox", "192.0.2.1").await;
        assert_eq!(only_entry(&site, "ada").await.address().unwrap().to_string(), address);
    }
}

#[tokio::test]
async fn a_devices_page_tells_how_and_when_each_was_logged_in_and_its_label() {
    let site = Site::new(routes());
    let (mut laptop, mut phone) = (Browser::new(), Browser::new());
    act(&site, &mut laptop, async |session: Session| {
        session.log_in_by("ada", "password")?;
        assert_eq!((session.logged_in_at(), session.log_in_method()), (None, None), "it is not written yet");
        session.set_label("the old laptop")?;
        session.set_metadata("place", "Lisbon")
    })
    .await;
    let began = site.clock.now();
    site.wait(HOUR / 2);
    act(&site, &mut phone, async |session: Session| session.log_in("ada")).await;
    let answer = act(&site, &mut phone, async move |session: Session| {
        let devices = session.devices().await?;
        let [this, other] = &devices[..] else { panic!("two devices: {devices:?}") };
        assert!(this.is_current && !other.is_current);
        assert_eq!((this.entry.label(), this.entry.log_in_method()), (None, None));
        assert_eq!(other.entry.label().as_deref(), Some("the old laptop"));
        assert_eq!(other.entry.log_in_method().as_deref(), Some("password"));
        assert_eq!((other.entry.logged_in_at(), other.entry.authenticated_at()), (Some(began), Some(began)));
        assert_eq!(other.entry.get::<String>("place").unwrap().as_deref(), Some("Lisbon"));
        assert!(other.entry.get::<u32>("place").is_err());
        assert_eq!(session.logged_in_at(), Some(session.now()));
        Ok(())
    });
    assert_eq!(answer.await.body, "done");
    let answer = act(&site, &mut laptop, async |session: Session| {
        session.set_label("")?;
        assert_eq!(session.label(), None);
        assert_eq!(session.metadata::<String>("place")?.as_deref(), Some("Lisbon"));
        session.remove_metadata("place")
    });
    assert_eq!(answer.await.body, "done");
    let entries = site.layer.sessions().of_user("ada").await.unwrap();
    assert!(entries.iter().all(|entry| entry.label().is_none() && entry.get::<String>("place").unwrap().is_none()));
}

#[tokio::test]
async fn labels_and_metadata_are_bounded() {
    let (site, mut browser) = (Site::new(routes()), Browser::new());
    let answer = act(&site, &mut browser, async |session: Session| {
        let kind = |result: support::Result<()>| result.unwrap_err().kind();
        session.set_label(&"é".repeat(64))?;
        assert_eq!(kind(session.set_label(&"x".repeat(129))), Kind::TooLarge);
        assert_eq!(kind(session.log_in_by("ada", &"x".repeat(65))), Kind::TooLarge);
        session.set_metadata("a", "x".repeat(4_000))?;
        assert_eq!(kind(session.set_metadata("b", "x".repeat(100))), Kind::TooLarge);
        session.set_metadata("a", 1)?;
        session.set_metadata("b", "x".repeat(100))?;
        assert_eq!(kind(session.set_metadata("c", f64::NAN)), Kind::Value);
        assert_eq!(session.label().unwrap().len(), 128, "what was refused has changed nothing");
        Ok(())
    });
    assert_eq!(answer.await.body, "done");
    act(&site, &mut browser, async |session: Session| {
        assert!(!session.is_new(), "a label alone makes a session");
        assert_eq!((session.metadata("a")?, session.label().unwrap().len()), (Some(1), 128));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_one_user_has_said_of_a_device_the_next_one_does_not_see() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    act(&site, &mut browser, async |session: Session| {
        session.set_label("mine")?;
        session.set_metadata("place", "Lisbon")
    })
    .await;
    site.get(&mut browser, "/login/ada").await;
    assert_eq!(only_entry(&site, "ada").await.label().as_deref(), Some("mine"), "it is still hers");
    act(&site, &mut browser, async |session: Session| {
        session.set_metadata("late", 1)?;
        session.log_in("bob")?;
        assert_eq!((session.label(), session.metadata::<i64>("late")?), (None, None));
        Ok(())
    })
    .await;
    let entry = only_entry(&site, "bob").await;
    assert_eq!(
        (entry.label(), entry.get::<String>("place").unwrap(), entry.get::<i64>("late").unwrap()),
        (None, None, None)
    );
}
