//! Requests of people who want in: whatever they send, there is a clear answer, and no bad ticket costs a store call.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use axum::body::Body;
use axum::routing::{get, post};
use cloakroom::cookie::{CookieErrorKind, CookieJar, CookieValue, KeyRing, SetCookie};
use cloakroom::{Session, testing::Browser};
use http::{HeaderValue, Request, StatusCode};
use tower::ServiceExt as _;

use support::{Answer, Result, SECRET, Site, routes, visitor};

/// One GET with these `Cookie` headers.
async fn visit(site: &Site, path: &str, lines: &[impl AsRef<[u8]>]) -> Answer {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for line in lines {
        request.headers_mut().append("cookie", HeaderValue::from_bytes(line.as_ref()).unwrap());
    }
    Answer::read(site.app().oneshot(request).await.unwrap()).await
}

/// The visit is one of a stranger: an empty session, no word to the store, and no cookie.
#[track_caller]
fn is_a_strangers(site: &Site, answer: &Answer, sent: &str) {
    assert_eq!(
        (answer.status, answer.body.as_str(), answer.sets_cookie()),
        (StatusCode::OK, "0", false),
        "{sent:.200}"
    );
    assert!(site.store.calls().is_empty(), "{sent:.200}");
}

async fn is_refused(site: &Site, value: &str) {
    let answer = visit(site, "/read", &[format!("__Host-sid={value}")]).await;
    is_a_strangers(site, &answer, value);
}

async fn is_accepted(site: &Site, lines: &[impl AsRef<[u8]>]) {
    let answer = visit(site, "/read", lines).await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie(), site.store.calls()), ("1", false, vec!["load"]));
}

/// A site, and the ticket of a session there in which n is 1.
async fn site() -> (Site, String) {
    let site = Site::new(routes());
    let ticket = visitor(&site).await.cookie("__Host-sid").unwrap().to_owned();
    (site, ticket)
}

/// A ticket for any id, as only who has the secret can make it.
fn signed(id: &str) -> String {
    CookieValue::encode(KeyRing::new(SECRET).unwrap().express_sign(id)).unwrap().as_str().to_owned()
}

/// What a stranger can make.
fn forged(id: &str) -> String {
    let keys = KeyRing::new("somebody else's secret, of 32 bytes too").unwrap();
    CookieValue::encode(keys.express_sign(id)).unwrap().as_str().to_owned()
}

fn decoded(ticket: &str) -> String {
    cloakroom::cookie::decode(ticket.as_bytes()).into_owned()
}

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
async fn an_operator_is_no_id() {
    let (site, _) = site().await;
    for id in [
        "{\"$ne\":1}",
        "{\"$gt\":\"\"}",
        "$where",
        "$ne",
        "[]",
        "[object Object]",
        "[\"a\",\"b\"]",
        "j:{\"$ne\":1}",
        "null",
        "undefined",
        "true",
        "*",
        "' OR '1'='1",
        "../../etc/passwd",
        "__proto__",
        "sess:*",
    ] {
        let encoded = CookieValue::encode(id).unwrap();
        is_refused(&site, id).await;
        is_refused(&site, encoded.as_str()).await;
        is_refused(&site, &format!("s%3A{}", encoded.as_str())).await;
        is_refused(&site, &format!("s%3A{}.signature", encoded.as_str())).await;
        is_refused(&site, &forged(id)).await;
        // Signed, it is an id like any other: one that no session has.
        let answer = visit(&site, "/read", &[format!("__Host-sid={}", signed(id))]).await;
        assert_eq!((answer.body.as_str(), site.store.calls()), ("0", vec!["load"]), "{id}");
    }
}

#[tokio::test]
async fn a_ticket_that_was_cut_or_extended_is_worthless() {
    let (site, ticket) = site().await;
    for length in 0..ticket.len() {
        is_refused(&site, &ticket[..length]).await;
        is_refused(&site, &ticket[length + 1..]).await;
    }
    for more in ["A", "=", "==", "%3D", "%3D%3D", ".", "%20", "+", "%00", "%0A", "%C3%A9", "A.A"] {
        is_refused(&site, &format!("{ticket}{more}")).await;
        is_refused(&site, &format!("{more}{ticket}")).await;
        is_refused(&site, &ticket.replace("s%3A", &format!("s%3A{more}"))).await;
        is_refused(&site, &ticket.replace('.', &format!("{more}."))).await;
        is_refused(&site, &ticket.replace('.', &format!(".{more}"))).await;
    }
}

#[tokio::test]
async fn a_signature_is_good_for_its_own_id_and_in_its_own_spelling() {
    let (site, ticket) = site().await;
    let text = decoded(&ticket);
    let (id, signature) = text.rsplit_once('.').unwrap();
    let other = decoded(&signed("another-id"));
    let (other_id, other_signature) = other.rsplit_once('.').unwrap();
    for bad in [
        format!("{id}.{other_signature}"),
        format!("{other_id}.{signature}"),
        format!("{id}."),
        id.to_owned(),
        format!(".{signature}"),
        format!("s:.{signature}"),
        format!("{id}.{}", signature.to_ascii_uppercase()),
        format!("{id}.{signature}="),
        format!("{id}.{signature}.{signature}"),
        format!("{signature}.{id}"),
        text.replacen("s:", "S:", 1),
        text.replacen("s:", "", 1),
        text.replacen("s:", "s:s:", 1),
        text.replacen("s:", "j:", 1),
    ] {
        is_refused(&site, CookieValue::encode(&bad).unwrap().as_str()).await;
    }
    // Base64 has two alphabets, and one signature would have two spellings.
    let numbers = (0..).map(|number| decoded(&signed(&format!("id{number}"))));
    let spelt = numbers.take(100).find(|text| text.contains('+') && text.contains('/')).unwrap();
    is_refused(&site, &spelt.replace('+', "-").replace('/', "_").replace(':', "%3A")).await;
    // The last letter of a signature has two bits that stand for nothing.
    let twin = |letter: char| char::from(u8::try_from(u32::from(letter)).unwrap() + 1);
    let last = signature.chars().next_back().unwrap();
    is_refused(&site, &format!("{}{}", &ticket[..ticket.len() - 1], twin(last))).await;
}

#[tokio::test]
async fn an_empty_id_is_none_even_if_it_is_signed() {
    let (site, ticket) = site().await;
    is_refused(&site, "").await;
    is_refused(&site, "\"\"").await;
    is_refused(&site, &signed("")).await;
    is_accepted(&site, &[format!("__Host-sid={}; __Host-sid={ticket}", signed(""))]).await;
}

#[tokio::test]
async fn a_ticket_is_what_it_decodes_to_once() {
    let (site, ticket) = site().await;
    let text = decoded(&ticket);
    let all: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for good in [text.clone(), all.clone(), format!("\"{ticket}\"")] {
        is_accepted(&site, &[format!("__Host-sid={good}")]).await;
    }
    for bad in [
        CookieValue::encode(&ticket).unwrap().as_str().to_owned(),
        ticket.replace("%3A", "%253A"),
        // An overlong colon and an overlong full stop, and half-width ones.
        ticket.replace("%3A", "%C0%BA"),
        ticket.replace('.', "%C0%AE"),
        ticket.replace('.', "%E0%80%AE"),
        ticket.replace("%3A", "%EF%BC%9A"),
        // One escape that is broken, and nothing is decoded.
        format!("{ticket}%"),
        format!("{ticket}%zz"),
        ticket.replace("%3A", "%u003A"),
        ticket.replace("%3A", "&#58;"),
        format!("%00{ticket}"),
        format!("{ticket}%00"),
        ticket.replace('.', "%00."),
        format!("\"\"{ticket}\"\""),
        format!("'{ticket}'"),
    ] {
        is_refused(&site, &bad).await;
    }
}

#[tokio::test]
async fn an_id_that_the_server_did_not_store_is_never_taken_over() {
    let (site, _) = site().await;
    for (ticket, calls) in [(forged("chosen"), vec!["create"]), (signed("chosen"), vec!["load", "create"])] {
        let mut browser = Browser::new();
        browser.set_cookie("__Host-sid", &ticket);
        assert_eq!(site.get(&mut browser, "/login/ada").await.body, "in");
        assert_eq!(site.store.calls(), calls);
        let own = browser.cookie("__Host-sid").unwrap();
        assert!(!own.contains("chosen") && own != ticket, "{own}");
    }
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
