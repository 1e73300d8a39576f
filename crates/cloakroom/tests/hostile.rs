//! Requests of people who want in: whatever they send, there is a clear answer, and no bad ticket costs a store call.
//! What they do to the ticket itself is in `hostile_tickets.rs`.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use axum::body::Body;
use axum::routing::{get, post};
use cloakroom::Session;
use cloakroom::cookie::{CookieErrorKind, CookieJar, KeyRing, SetCookie};
use http::{HeaderValue, Request};
use tower::ServiceExt as _;

use support::stranger::{decoded, forged, is_a_strangers, is_accepted, is_refused, signed, site, visit};
use support::{Answer, Result, SECRET, Site, routes, visitor};

#[tokio::test]
async fn a_cookie_of_64_kb_is_no_ticket_and_hides_none() {
    let (site, ticket) = site().await;
    let long = "x".repeat(65_536);
    is_refused(&site, &long).await;
    is_refused(&site, &format!("s%3A{long}.{long}")).await;
    is_refused(&site, &signed(&long)).await;
    is_refused(&site, &"%".repeat(65_536)).await;
    is_accepted(&site, &[format!("__Host-sid={long}; {long}=1; __Host-sid={ticket}")]).await;
}

#[tokio::test]
async fn a_thousand_cookies_hide_no_ticket() {
    let (site, ticket) = site().await;
    for place in [0, 500, 999] {
        let mut cookies: Vec<String> = (0..1_000).map(|number| format!("c{number}={number}")).collect();
        cookies[place] = format!("__Host-sid={ticket}");
        is_accepted(&site, &[cookies.join("; ")]).await;
    }
    let forged = format!("__Host-sid={}", forged("an-id"));
    let answer = visit(&site, "/read", &[vec![forged.as_str(); 1_000].join("; ")]).await;
    is_a_strangers(&site, &answer, "a thousand forged tickets");
}

#[tokio::test]
async fn the_valid_ticket_wins_wherever_it_stands_among_a_thousand() {
    let (site, ticket) = site().await;
    let bad = ["".to_owned(), "garbage".to_owned(), "s%3Aid.sig".to_owned(), forged("id"), "%FF".to_owned()];
    let crowd = |place: usize| -> Vec<String> {
        let cookie = |number: usize| if number == place { ticket.clone() } else { bad[number % bad.len()].clone() };
        (0..=place.max(15)).map(|number| format!("__Host-sid={}", cookie(number))).collect()
    };
    for place in [0, 1, 14, 15, 16, 500, 1_023] {
        is_accepted(&site, &[crowd(place).join("; ")]).await;
        is_accepted(&site, &crowd(place)).await;
    }
    let answer = visit(&site, "/read", &[crowd(1_024).join("; ")]).await;
    is_a_strangers(&site, &answer, "one too many");
}

#[tokio::test]
async fn of_valid_tickets_the_first_whose_session_lives_counts() {
    let (site, ticket) = site().await;
    let dead = |id: &str| format!("__Host-sid={}", signed(id));
    let live = format!("__Host-sid={ticket}");
    is_accepted(&site, &[format!("{live}; {}", dead("another"))]).await;
    let answer = visit(&site, "/read", &[format!("{}; {}; {live}", dead("one"), dead("two"))]).await;
    assert_eq!((answer.body.as_str(), site.store.calls()), ("1", vec!["load"; 3]));
    let many = ["one", "two", "three", "four", "five"].map(dead).join("; ");
    let answer = visit(&site, "/read", &[many]).await;
    assert_eq!((answer.body.as_str(), site.store.calls()), ("0", vec!["load"; 4]), "there is a bound");
}

#[tokio::test]
async fn a_ticket_is_found_in_any_of_several_headers() {
    let (site, ticket) = site().await;
    let (own, other) = (format!("__Host-sid={ticket}"), "a=1; b=2".to_owned());
    is_accepted(&site, &[other.clone(), own.clone()]).await;
    is_accepted(&site, &[own.clone(), other.clone()]).await;
    is_accepted(&site, &[other.clone(), format!("__Host-sid={}", forged("id")), own, other]).await;
}

#[tokio::test]
async fn bytes_that_are_no_utf8_make_no_ticket_and_hide_none() {
    let (site, ticket) = site().await;
    for bad in [b"\xff\xfe".as_slice(), b"s%3A\xff.sig", b"s%3Aid.\xc3", b"%FF%FE", b"\xed\xa0\x80"] {
        let cookie = [b"__Host-sid=", bad].concat();
        let answer = visit(&site, "/read", &[&cookie]).await;
        is_a_strangers(&site, &answer, &bad.escape_ascii().to_string());
        let crowded = [b"\xff=\xff; ", cookie.as_slice(), b"; __Host-sid=", ticket.as_bytes()].concat();
        is_accepted(&site, &[crowded]).await;
    }
    let answer = visit(&site, "/read", &[[b"__Host-sid=", ticket.as_bytes(), b"\xff"].concat()]).await;
    is_a_strangers(&site, &answer, "the ticket and a byte");
}

#[tokio::test]
async fn a_line_break_ends_no_header() {
    async fn greet(mut jar: CookieJar) -> (CookieJar, &'static str) {
        let name = jar.get("name").map(String::from).unwrap_or_default();
        let cookie = SetCookie::new("name", name).unwrap_or_else(|error| {
            assert_eq!(error.kind(), CookieErrorKind::Value);
            SetCookie::new("refused", "1").unwrap()
        });
        jar.add(cookie).unwrap();
        (jar, "hello")
    }
    let site = Site::new(routes().route("/greet", get(greet)));
    for bad in ["x%0D%0ASet-Cookie:%20a=1", "x%0Ay", "x%0Dy", "%00", "%7F"] {
        is_refused(&site, bad).await;
        let answer = visit(&site, "/greet", &[format!("name={bad}")]).await;
        let lines: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(lines, ["refused=1"], "{bad}");
    }
    // Even where Express has signed such an id, it is looked up and goes nowhere else.
    let keys = KeyRing::new(SECRET).unwrap();
    let ticket = keys.express_sign("x\r\nSet-Cookie: a=1").replace('\r', "%0D").replace('\n', "%0A");
    let answer = visit(&site, "/incr", &[format!("__Host-sid={ticket}")]).await;
    assert_eq!(site.store.calls(), ["load", "create"]);
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 1);
    assert!(!format!("{:?}", answer.headers).contains("a=1"));
}

#[tokio::test]
async fn a_name_that_looks_like_ours_is_another_one() {
    let (site, ticket) = site().await;
    for name in [
        "__host-sid",
        "__HOST-SID",
        "__Secure-sid",
        "__Http-sid",
        "__Host-Http-sid",
        "sid",
        "Host-sid",
        "_Host-sid",
        "___Host-sid",
        "x__Host-sid",
        "__Host-sid2",
        "__Host-si",
        "__Host-sid%20",
        "__Host%2Dsid",
        "%5F_Host-sid",
        "__Host-sid[]",
        "__Host-sid[$ne]",
        "__Host-sid.",
        "$__Host-sid",
        "\"__Host-sid\"",
        "__Host\u{2010}sid",
        "__Host-s\u{131}d",
        "a=1 __Host-sid",
        "a, __Host-sid",
        // A cookie without a name, as a script on a sibling domain can set one: it would be sent as `__Host-sid=…` if
        // browsers did not refuse it, and with its equals sign by those that do not.
        "=__Host-sid",
    ] {
        let answer = visit(&site, "/read", &[format!("{name}={ticket}")]).await;
        is_a_strangers(&site, &answer, name);
    }
    // Space around a name is no part of it, for Express as for browsers.
    is_accepted(&site, &[format!(" __Host-sid\t= {ticket} ")]).await;
}

#[tokio::test]
async fn ids_come_from_the_cookie_and_from_nowhere_else() {
    async fn read(session: Session) -> Result {
        Ok(session.get::<i64>("n")?.unwrap_or(0).to_string())
    }
    let site = Site::new(routes().route("/any/{*rest}", post(read)));
    let ticket = visitor(&site).await.cookie("__Host-sid").unwrap().to_owned();
    let text = decoded(&ticket);
    let path =
        format!("/any/__Host-sid={ticket}/{ticket};__Host-sid={ticket}?__Host-sid={ticket}&sid={ticket}&s={ticket}");
    for body in [
        format!("__Host-sid={ticket}&sid={ticket}"),
        format!("{{\"__Host-sid\":\"{text}\",\"cookie\":\"__Host-sid={ticket}\"}}"),
    ] {
        let mut request = Request::post(&path).body(Body::from(body)).unwrap();
        for (name, value) in [
            ("authorization", format!("Bearer {text}")),
            ("proxy-authorization", format!("Bearer {text}")),
            ("cookie2", format!("__Host-sid={ticket}")),
            ("set-cookie", format!("__Host-sid={ticket}")),
            ("x-cookie", format!("__Host-sid={ticket}")),
            ("x-session-id", text.clone()),
            ("__host-sid", ticket.clone()),
            ("sid", ticket.clone()),
            ("etag", text.clone()),
            ("if-none-match", text.clone()),
            ("referer", format!("https://shop.example/?__Host-sid={ticket}")),
        ] {
            request.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
        }
        let answer = Answer::read(site.app().oneshot(request).await.unwrap()).await;
        is_a_strangers(&site, &answer, "a ticket everywhere but in the cookie");
    }
}
