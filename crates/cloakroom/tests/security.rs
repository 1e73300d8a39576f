//! What a user's security relies on, seen from outside. `docs/security.md` tells which requirement each test stands for.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::cookie::KeyRing;
use cloakroom::store::Store as _;
use cloakroom::testing::Browser;
use cloakroom::{Session, SessionLayerBuilder, UserId};
use http::HeaderValue;
use http::header::{COOKIE, HOST};

use support::{Answer, HOUR, MINUTE, Result, SECRET, Site, routes, visitor};

const NAME: &str = "__Host-sid";
/// How long a store knows that an id was rotated away.
const SUPERSEDED: Duration = Duration::from_secs(10);

fn ticket(browser: &Browser) -> String {
    browser.cookie(NAME).unwrap().to_owned()
}

/// A browser that brings this ticket, whoever it was given to.
fn bearer(ticket: &str) -> Browser {
    let mut browser = Browser::new();
    browser.set_cookie(NAME, ticket);
    browser
}

async fn whoami(site: &Site, ticket: &str) -> String {
    site.get(&mut bearer(ticket), "/whoami").await.body
}

async fn send(site: &Site, request: Request) -> Answer {
    Answer::read(Browser::new().send(site.app(), request).await.unwrap()).await
}

/// A browser in which the user has logged in.
async fn logged_in(site: &Site, user: &str) -> Browser {
    let mut browser = visitor(site).await;
    site.get(&mut browser, &format!("/login/{user}")).await;
    browser
}

// Tickets

#[tokio::test]
async fn a_ticket_counts_in_the_cookie_and_nowhere_else() {
    let site = Site::new(routes());
    let browser = logged_in(&site, "ada").await;
    let encoded = ticket(&browser);
    let plain = encoded.replace("%3A", ":");
    assert_eq!(whoami(&site, &encoded).await, "ada");
    site.store.calls();

    let mut elsewhere = Vec::new();
    for ticket in [&encoded, &plain] {
        for name in [NAME, "sid", "session", "JSESSIONID"] {
            elsewhere.push(Request::get(format!("/whoami?{name}={ticket}")).body(Body::empty()));
            elsewhere.push(Request::get(format!("/whoami;{name}={ticket}")).body(Body::empty()));
            elsewhere.push(Request::get("/whoami").body(format!("{name}={ticket}").into()));
            elsewhere.push(Request::get("/whoami").header(name, ticket).body(Body::empty()));
            elsewhere
                .push(Request::get("/whoami").header(COOKIE, format!("other={name}={ticket}")).body(Body::empty()));
        }
        elsewhere.push(Request::get("/whoami").header("authorization", format!("Bearer {ticket}")).body(Body::empty()));
        elsewhere.push(Request::get("/whoami").header("x-session-id", ticket).body(Body::empty()));
        elsewhere.push(Request::get("/whoami").header(COOKIE, format!("__host-sid={ticket}")).body(Body::empty()));
        elsewhere.push(Request::get("/whoami").header("set-cookie", format!("{NAME}={ticket}")).body(Body::empty()));
    }
    for request in elsewhere {
        let request = request.unwrap();
        let told = format!("{request:?}");
        assert_ne!(send(&site, request).await.body, "ada", "{told}");
    }
    assert!(site.store.calls().is_empty(), "nothing of it was even looked up");
}

#[tokio::test]
async fn a_ticket_is_found_in_any_of_several_cookie_headers() {
    let site = Site::new(routes());
    let ticket = ticket(&logged_in(&site, "ada").await);
    let mut request = Request::get("/whoami").body(Body::empty()).unwrap();
    for line in ["a=1", &format!("{NAME}=garbage"), &format!("b=2; {NAME}={ticket}"), "c=3"] {
        request.headers_mut().append(COOKIE, HeaderValue::from_str(line).unwrap());
    }
    assert_eq!(send(&site, request).await.body, "ada");
}

#[tokio::test]
async fn ids_are_256_random_bits_and_never_repeat() {
    const MANY: usize = 2_000;
    let site = Site::new(routes());
    let mut seen = HashSet::new();
    let mut ones = [0_usize; 256];
    for _ in 0..MANY {
        let ticket = ticket(&visitor(&site).await);
        let id = ticket.strip_prefix("s%3A").unwrap().split('.').next().unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(id).unwrap();
        assert_eq!(bytes.len(), 32);
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += usize::from(bytes[bit / 8] >> (bit % 8) & 1);
        }
        assert!(seen.insert(bytes), "an id came twice");
    }
    // Nine standard deviations around the half: a bit that is stuck, or leans to one side, is seen.
    assert!(ones.iter().all(|count| (800..=1_200).contains(count)), "{ones:?}");
}

#[tokio::test]
async fn the_cookie_holds_an_id_and_its_signature_and_nothing_else() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    let before = ticket(&browser);
    site.get(&mut browser, "/set/address/Lovelace-Lane").await;
    assert_eq!(ticket(&browser), before, "it does not change with the data");
    let (id, signature) = before.strip_prefix("s%3A").unwrap().split_once('.').unwrap();
    assert_eq!(id.len(), 43);
    let signature = signature.replace("%2B", "+").replace("%2F", "/");
    assert_eq!(signature.len(), 43, "HMAC-SHA256 in base64: {signature}");
    assert!(NAME.len() + before.len() < 200, "whatever the session holds: {before}");
}

#[tokio::test]
async fn a_signed_id_that_the_store_does_not_have_is_never_adopted() {
    let site = Site::new(routes());
    // Somebody has the secret, and makes up ids.
    let forged = KeyRing::new(SECRET).unwrap().express_sign("an-id-of-the-thief").replace(':', "%3A");
    let mut thief = bearer(&forged);
    assert_eq!(site.get(&mut thief, "/whoami").await.body, "-");
    site.get(&mut thief, "/login/mallory").await;
    assert_ne!(ticket(&thief), forged, "a new session has an id of the server's");
    assert_eq!(whoami(&site, &forged).await, "-");
}

#[tokio::test]
async fn a_new_secret_alone_ends_every_session_at_once() {
    let site = Site::new(routes());
    let ticket = ticket(&logged_in(&site, "ada").await);
    let renewed = site.behind(KeyRing::generate().unwrap());
    assert_eq!(whoami(&renewed, &ticket).await, "-");
    site.wait(5 * MINUTE);
    let touched = renewed.get(&mut bearer(&ticket), "/whoami").await;
    assert_eq!((touched.body.as_str(), touched.sets_cookie()), ("-", false), "it is not signed anew");
}

// The cookie

#[tokio::test]
async fn the_cookie_is_secure_whatever_the_request_claims() {
    let site = Site::new(routes());
    for (name, value) in [
        ("x-forwarded-proto", "http"),
        ("forwarded", "proto=http"),
        ("x-forwarded-host", "evil.example"),
        ("origin", "null"),
    ] {
        let request = Request::get("http://evil.example/incr").header(HOST, "evil.example:80").header(name, value);
        let answer = send(&site, request.body(Body::empty()).unwrap()).await;
        let line = answer.header("set-cookie").unwrap();
        assert!(
            line.starts_with("__Host-sid=") && line.ends_with("; Path=/; HttpOnly; Secure; SameSite=Lax"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn plain_http_is_for_who_asks_for_it_by_name() {
    let site = Site::with(routes(), SessionLayerBuilder::insecure_http);
    let answer = site.get(&mut Browser::new(), "/incr").await;
    let line = answer.header("set-cookie").unwrap();
    assert!(line.starts_with("sid=") && line.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
}

#[tokio::test]
async fn a_response_carries_at_most_one_session_cookie() {
    async fn busy(session: Session) -> Result {
        session.insert("a", 1)?;
        session.save().await?;
        session.rotate().await?;
        session.log_in("ada")?;
        session.save().await?;
        session.log_out()?;
        session.insert("flash", "bye")?;
        session.save().await?;
        session.log_in("grace")?;
        session.remember(HOUR, 2 * HOUR)?;
        Ok("busy".into())
    }
    let site = Site::new(routes().route("/busy", get(busy)));
    for mut browser in [Browser::new(), visitor(&site).await, logged_in(&site, "ada").await] {
        let answer = site.get(&mut browser, "/busy").await;
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 1, "{answer:?}");
        assert_eq!(whoami(&site, &ticket(&browser)).await, "grace");
    }
}

// Logging in and out

#[tokio::test]
async fn each_log_in_gives_a_new_ticket_and_ends_the_one_before() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let mut tickets = vec![ticket(&browser)];
    for user in ["ada", "ada", "grace"] {
        site.get(&mut browser, &format!("/login/{user}")).await;
        for old in &tickets {
            assert_eq!(whoami(&site, old).await, "-");
        }
        tickets.push(ticket(&browser));
    }
    assert_eq!(tickets.iter().collect::<HashSet<_>>().len(), 4);
    site.wait(SUPERSEDED + SUPERSEDED);
    for old in &tickets[..3] {
        assert_eq!(whoami(&site, old).await, "-");
    }
    assert_eq!(whoami(&site, &tickets[3]).await, "grace");
    assert_eq!(site.store.memory.stats().sessions, 1);
}

#[tokio::test]
async fn a_planted_ticket_gives_nobody_the_session_of_its_victim() {
    let site = Site::new(routes());
    // The attacker's own session, anonymous or logged in, comes into the victim's browser, who then logs in.
    for attacker in [visitor(&site).await, logged_in(&site, "mallory").await] {
        let planted = ticket(&attacker);
        let mut victim = bearer(&planted);
        site.get(&mut victim, "/login/ada").await;
        site.get(&mut victim, "/set/address/Lovelace-Lane").await;
        for later in [Duration::ZERO, SUPERSEDED, HOUR / 2] {
            site.wait(later);
            assert_eq!(whoami(&site, &planted).await, "-");
            assert_eq!(site.get(&mut bearer(&planted), "/text/address").await.body, "");
        }
        assert_eq!(whoami(&site, &ticket(&victim)).await, "ada");
    }
}

#[tokio::test]
async fn all_sessions_of_a_user_end_from_outside_of_a_request() {
    let site = Site::new(routes());
    let (phone, laptop) = (logged_in(&site, "ada").await, logged_in(&site, "ada").await);
    let grace = logged_in(&site, "grace").await;
    let directory = site.store.directory().unwrap();
    let ada = UserId::new("ada").unwrap();
    assert_eq!(directory.revoke_all(&ada, None, site.clock.now()).await.unwrap(), 2);
    for browser in [phone, laptop] {
        assert_eq!(whoami(&site, &ticket(&browser)).await, "-");
    }
    assert_eq!(whoami(&site, &ticket(&grace)).await, "grace");
}

// Time

#[tokio::test]
async fn the_server_ends_a_session_though_the_browser_keeps_its_cookie() {
    let site = Site::with(routes(), |builder| builder.persistent(true));
    let ticket = ticket(&logged_in(&site, "ada").await);
    site.wait(59 * MINUTE);
    assert_eq!(whoami(&site, &ticket).await, "ada");
    site.wait(HOUR);
    for path in ["/whoami", "/read", "/text/address"] {
        assert_ne!(site.get(&mut bearer(&ticket), path).await.body, "ada", "{path}");
    }
    assert_eq!(whoami(&site, &ticket).await, "-", "asking again does not bring it back");
}

#[tokio::test]
async fn logging_in_again_begins_both_timeouts_anew() {
    let site = Site::new(routes());
    let mut browser = logged_in(&site, "ada").await;
    for _ in 0..24 {
        site.wait(59 * MINUTE);
        assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
    }
    // Too early for a touch, so that the idle end is 56 minutes away, and the absolute one 20.
    site.wait(4 * MINUTE);
    site.get(&mut browser, "/login/ada").await;
    site.wait(59 * MINUTE);
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "ada");
    site.wait(HOUR);
    assert_eq!(site.get(&mut browser, "/whoami").await.body, "-");
}

/// Whether a session that was used every `step` for `time` is still there.
async fn lives(site: &Site, step: Duration, time: Duration) -> bool {
    let mut browser = logged_in(site, "ada").await;
    for _ in 0..time.as_secs() / step.as_secs() {
        site.wait(step);
        site.get(&mut browser, "/whoami").await;
    }
    whoami(site, &ticket(&browser)).await == "ada"
}

#[tokio::test]
async fn the_timeouts_of_nist_aal1_are_30_days_and_none_for_the_idle() {
    let site = Site::with(routes(), SessionLayerBuilder::nist_aal1_timeouts);
    let day = 24 * HOUR;
    assert!(lives(&site, 29 * day, 29 * day).await);
    assert!(lives(&site, day, 29 * day).await);
    assert!(!lives(&site, day, 30 * day).await);
}

#[tokio::test]
async fn the_timeouts_of_nist_aal2_are_24_hours_and_1_hour_and_the_default() {
    for site in [Site::new(routes()), Site::with(routes(), SessionLayerBuilder::nist_aal2_timeouts)] {
        assert!(lives(&site, HOUR / 2, 24 * HOUR - HOUR / 2).await);
        assert!(!lives(&site, HOUR / 2, 24 * HOUR).await);
        assert!(lives(&site, 59 * MINUTE, 59 * MINUTE).await);
        assert!(!lives(&site, HOUR, HOUR).await);
    }
}

#[tokio::test]
async fn the_timeouts_of_nist_aal3_are_12_hours_and_15_minutes() {
    let site = Site::with(routes(), SessionLayerBuilder::nist_aal3_timeouts);
    assert!(lives(&site, 10 * MINUTE, 12 * HOUR - 10 * MINUTE).await);
    assert!(!lives(&site, 10 * MINUTE, 12 * HOUR).await);
    assert!(lives(&site, 14 * MINUTE, 14 * MINUTE).await);
    assert!(!lives(&site, 15 * MINUTE, 15 * MINUTE).await);
}
