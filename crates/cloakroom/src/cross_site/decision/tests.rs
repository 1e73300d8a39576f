//! Each row of the decision, and random requests held against a simple-minded reader of the same rules.

use http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::super::layer::CrossSiteLayer;
use super::*;

const SITE: &str = "sec-fetch-site";

/// A request for `https://shop.example:8443`, with more headers.
fn headers(more: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !more.iter().any(|(name, _)| *name == "host") {
        headers.insert(HOST, HeaderValue::from_static("shop.example:8443"));
    }
    for (name, value) in more {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn trusting() -> CrossSiteLayer {
    CrossSiteLayer::new().trust(Origin::new("https://Accounts.example:443").unwrap())
}

fn post(more: &[(&'static str, &[u8])]) -> Result<(), Refusal> {
    trusting().check(&Method::POST, &Uri::from_static("/cart"), &headers(more))
}

#[test]
fn what_the_browser_says_of_the_site_decides() {
    for (site, expected) in [
        (&b"same-origin"[..], Ok(())),
        (b"none", Ok(())),
        (b"cross-site", Err(Refusal::CrossSite)),
        (b"same-site", Err(Refusal::SameSite)),
        (b"Same-Origin", Err(Refusal::FetchSite)),
        (b"same-origin, same-origin", Err(Refusal::FetchSite)),
        (b"same-origin;x", Err(Refusal::FetchSite)),
        (b"\xff", Err(Refusal::FetchSite)),
        (b"?1", Err(Refusal::FetchSite)),
    ] {
        assert_eq!(post(&[(SITE, site)]), expected, "{site:?}");
        // It goes before the origin, whatever that is.
        for origin in [&b"https://shop.example:8443"[..], b"https://evil.example", b"null", b"\xff"] {
            assert_eq!(post(&[(SITE, site), ("origin", origin)]), expected, "{site:?} {origin:?}");
        }
    }
    assert_eq!(post(&[(SITE, b"same-origin"), (SITE, b"same-origin")]), Err(Refusal::FetchSite));
    assert_eq!(post(&[(SITE, b"same-origin"), (SITE, b"cross-site")]), Err(Refusal::FetchSite));
}

#[test]
fn without_that_the_origin_decides() {
    for (origin, expected) in [
        (&b"https://shop.example:8443"[..], Ok(())),
        // Nobody here knows the scheme.
        (b"http://shop.example:8443", Ok(())),
        (b"https://SHOP.example:8443", Ok(())),
        (b"https://shop.example", Err(Refusal::OtherOrigin)),
        (b"https://shop.example:443", Err(Refusal::OtherOrigin)),
        (b"https://shop.example:8444", Err(Refusal::OtherOrigin)),
        (b"https://www.shop.example:8443", Err(Refusal::OtherOrigin)),
        (b"https://evil.example", Err(Refusal::OtherOrigin)),
        (b"https://evil.example:8443", Err(Refusal::OtherOrigin)),
        (b"chrome-extension://shop.example:8443", Err(Refusal::OtherOrigin)),
        (b"null", Err(Refusal::OpaqueOrigin)),
        (b"Null", Err(Refusal::Origin)),
        (b"shop.example:8443", Err(Refusal::Origin)),
        (b"https://user@shop.example:8443", Err(Refusal::Origin)),
        (b"https://shop.example:8443/", Err(Refusal::Origin)),
        (b"https://shop.example:8443, https://evil.example", Err(Refusal::Origin)),
        (b"https://shop.example:8443 https://evil.example", Err(Refusal::Origin)),
        (b"https://shop.example:8443\xff", Err(Refusal::Origin)),
        (b"\xff\xfe", Err(Refusal::Origin)),
    ] {
        assert_eq!(post(&[("origin", origin)]), expected, "{origin:?}");
        // A header without a value is none.
        assert_eq!(post(&[(SITE, b""), ("origin", origin)]), expected, "{origin:?}");
    }
    let ours = ("origin", &b"https://shop.example:8443"[..]);
    assert_eq!(post(&[ours, ours]), Err(Refusal::Origin), "no browser sends it twice");
    assert_eq!(post(&[ours, ("origin", b"https://evil.example")]), Err(Refusal::Origin));
}

#[test]
fn the_host_is_what_the_request_is_for() {
    for (origin, host, expected) in [
        (&b"http://localhost:3000"[..], &b"localhost:3000"[..], Ok(())),
        (b"http://127.0.0.1:3000", b"127.0.0.1:3000", Ok(())),
        (b"http://127.0.0.1:3000", b"localhost:3000", Err(Refusal::OtherOrigin)),
        (b"https://shop.example", b"shop.example", Ok(())),
        (b"https://shop.example", b"Shop.Example:443", Ok(())),
        (b"http://shop.example", b"shop.example:80", Ok(())),
        (b"http://shop.example", b"shop.example:443", Err(Refusal::OtherOrigin)),
        (b"http://[::1]:3000", b"[::1]:3000", Ok(())),
        (b"http://[2001:db8::1]", b"[2001:DB8:0:0:0:0:0:1]", Ok(())),
        (b"http://[2001:db8::1]", b"[2001:db8::2]", Err(Refusal::OtherOrigin)),
        (b"http://[::1]:3000", b"[::1]", Err(Refusal::OtherOrigin)),
        (b"https://xn--bcher-kva.example", b"xn--bcher-kva.example", Ok(())),
        (b"https://shop.example", b"shop.example, evil.example", Err(Refusal::OtherOrigin)),
        (b"https://shop.example", b"user@shop.example", Err(Refusal::OtherOrigin)),
        (b"https://shop.example", b"", Err(Refusal::Host)),
        (b"https://shop.example", b"shop.example\xff", Err(Refusal::Host)),
    ] {
        assert_eq!(post(&[("origin", origin), ("host", host)]), expected, "{origin:?} {host:?}");
    }
    let ours = ("origin", &b"https://shop.example"[..]);
    assert_eq!(post(&[ours, ("host", b"shop.example"), ("host", b"shop.example")]), Err(Refusal::Host));
    let mut without = headers(&[ours]);
    without.remove(HOST);
    let check = |uri| trusting().check(&Method::POST, &Uri::from_static(uri), &without);
    assert_eq!(check("/cart"), Err(Refusal::Host));
    // HTTP/2 has the host in the address; there it counts before the header.
    assert_eq!(check("https://shop.example/cart"), Ok(()));
    assert_eq!(check("https://evil.example/cart"), Err(Refusal::OtherOrigin));
    let mut both = headers(&[ours, ("host", b"evil.example")]);
    let at = Uri::from_static("https://shop.example/cart");
    assert_eq!(trusting().check(&Method::POST, &at, &both), Ok(()));
    both.insert(HOST, HeaderValue::from_static("shop.example"));
    let at = Uri::from_static("https://evil.example/cart");
    assert_eq!(trusting().check(&Method::POST, &at, &both), Err(Refusal::OtherOrigin));
}

#[test]
fn a_trusted_origin_may_do_all() {
    for origin in [&b"https://accounts.example"[..], b"https://accounts.example:443", b"HTTPS://ACCOUNTS.EXAMPLE"] {
        for site in [&b""[..], b"cross-site", b"same-site", b"anything"] {
            assert_eq!(post(&[(SITE, site), ("origin", origin)]), Ok(()), "{site:?} {origin:?}");
        }
    }
    for origin in [&b"http://accounts.example"[..], b"https://accounts.example:8443", b"https://a.accounts.example"] {
        assert_eq!(post(&[(SITE, b"cross-site"), ("origin", origin)]), Err(Refusal::CrossSite));
        assert_eq!(post(&[("origin", origin)]), Err(Refusal::OtherOrigin));
    }
    let trusted = ("origin", &b"https://accounts.example"[..]);
    assert_eq!(post(&[trusted, trusted]), Err(Refusal::Origin));
    assert_eq!(post(&[(SITE, b"cross-site")]), Err(Refusal::CrossSite), "who is trusted has to say who it is");
}

#[test]
fn what_tells_nothing_passes_unless_it_is_refused() {
    let uri = Uri::from_static("/cart");
    let strict = trusting().refuse_unknown();
    let check = |more: &[_]| strict.check(&Method::POST, &uri, &headers(more));
    assert_eq!(post(&[]), Ok(()));
    assert_eq!(post(&[(SITE, b""), ("origin", b"")]), Ok(()));
    assert_eq!(check(&[]), Err(Refusal::Unknown));
    assert_eq!(check(&[(SITE, b""), ("origin", b"")]), Err(Refusal::Unknown));
    assert_eq!(check(&[("referer", b"https://shop.example:8443/")]), Err(Refusal::Unknown), "it may be cut off");
    assert_eq!(check(&[(SITE, b"same-origin")]), Ok(()));
    assert_eq!(check(&[("origin", b"https://shop.example:8443")]), Ok(()));
    assert_eq!(check(&[("origin", b"https://accounts.example")]), Ok(()));
    assert_eq!(strict.check(&Method::GET, &uri, &headers(&[])), Ok(()), "reading is free");
}

#[test]
fn reading_is_free() {
    let evil: [&[(&str, &[u8])]; 3] =
        [&[(SITE, b"cross-site")], &[("origin", b"https://evil.example")], &[(SITE, b"\xff"), ("origin", b"null")]];
    for more in evil {
        let check = |method| trusting().check(&method, &Uri::from_static("/cart"), &headers(more));
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert_eq!(check(method), Ok(()));
        }
        let others = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE, Method::CONNECT];
        let own = ["get", "PROPFIND", "X"].map(|name| Method::from_bytes(name.as_bytes()).unwrap());
        for method in others.into_iter().chain(own) {
            assert!(check(method.clone()).is_err(), "{method}");
        }
    }
}

#[test]
fn a_websocket_is_no_read() {
    let check = |method: &Method, more: &[_]| trusting().check(method, &Uri::from_static("/live"), &headers(more));
    let evil = ("origin", &b"https://evil.example"[..]);
    let ours = ("origin", &b"https://shop.example:8443"[..]);
    for upgrade in [&b"websocket"[..], b"WebSocket", b"h2c, websocket", b" websocket/13 ", b"h2c,WEBSOCKET/13,x"] {
        let upgrade = ("upgrade", upgrade);
        assert_eq!(check(&Method::GET, &[upgrade, evil]), Err(Refusal::OtherOrigin));
        assert_eq!(check(&Method::GET, &[upgrade, ("origin", b"null")]), Err(Refusal::OpaqueOrigin));
        assert_eq!(check(&Method::GET, &[upgrade, evil, (SITE, b"cross-site")]), Err(Refusal::CrossSite));
        assert_eq!(check(&Method::GET, &[upgrade, ours]), Ok(()));
        assert_eq!(check(&Method::GET, &[upgrade]), Ok(()), "no browser: those always send their origin");
        assert_eq!(check(&Method::GET, &[("upgrade", b"h2c"), upgrade, evil]), Err(Refusal::OtherOrigin));
    }
    for upgrade in [&b"h2c"[..], b"", b"websockets", b"x/websocket"] {
        assert_eq!(check(&Method::GET, &[("upgrade", upgrade), evil]), Ok(()), "{upgrade:?}");
    }
    // HTTP/2 and 3 begin one with CONNECT (RFC 8441, RFC 9220).
    assert_eq!(check(&Method::CONNECT, &[evil]), Err(Refusal::OtherOrigin));
}

#[test]
fn chosen_reads_are_protected_and_chosen_requests_are_exempt() {
    let layer = CrossSiteLayer::new()
        .protect_reads(|method, uri| *method == Method::GET && uri.path().starts_with("/export/"))
        .exempt(|method, uri| *method == Method::POST && uri.path() == "/webhook");
    let check =
        |method: &Method, path: &'static str, more: &[_]| layer.check(method, &Uri::from_static(path), &headers(more));
    let evil = (SITE, &b"cross-site"[..]);
    assert_eq!(check(&Method::GET, "/export/all", &[evil]), Err(Refusal::CrossSite));
    assert_eq!(check(&Method::GET, "/export/all", &[(SITE, b"same-origin")]), Ok(()));
    assert_eq!(check(&Method::GET, "/export/all", &[(SITE, b"none")]), Ok(()), "from the address bar");
    assert_eq!(check(&Method::GET, "/export/all", &[]), Ok(()), "plain HTTP tells nothing");
    assert_eq!(check(&Method::HEAD, "/export/all", &[evil]), Ok(()), "the function says GET");
    assert_eq!(check(&Method::GET, "/exports", &[evil]), Ok(()));
    assert_eq!(check(&Method::POST, "/webhook", &[evil]), Ok(()));
    assert_eq!(check(&Method::PUT, "/webhook", &[evil]), Err(Refusal::CrossSite));
    assert_eq!(check(&Method::POST, "/webhook/", &[evil]), Err(Refusal::CrossSite));
}

// Random requests

/// Words as headers have them, now and then with anything in between.
fn value(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec());
    let odd = prop::collection::vec((0x20_u8..=0xff).prop_filter("no header has it", |byte| *byte != 0x7f), 0..6);
    prop_oneof![8 => word.clone(), 1 => odd.clone(), 1 => (word, odd).prop_map(|(word, odd)| [word, odd].concat())]
}

fn values(words: &'static [&'static str]) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop_oneof![
        2 => Just(vec![]),
        6 => value(words).prop_map(|value| vec![value]),
        1 => prop::collection::vec(value(words), 2),
    ]
}

fn request() -> impl Strategy<Value = HeaderMap> {
    let sites = values(&["same-origin", "same-site", "cross-site", "none", "", "None"]);
    let origins = values(&[
        "https://shop.example",
        "http://shop.example",
        "https://shop.example:443",
        "https://shop.example:8443",
        "https://SHOP.EXAMPLE",
        "https://evil.example",
        "https://trusted.example",
        "http://[::1]:3000",
        "null",
        "",
    ]);
    let hosts = values(&["shop.example", "shop.example:443", "shop.example:8443", "Shop.Example", "[::1]:3000", ""]);
    (sites, origins, hosts).prop_map(|(sites, origins, hosts)| {
        let mut headers = HeaderMap::new();
        let all = [(HeaderName::from_static(SITE), sites), (ORIGIN, origins), (HOST, hosts)];
        for (name, values) in all {
            for value in values {
                headers.append(&name, HeaderValue::from_bytes(&value).unwrap());
            }
        }
        headers
    })
}

/// As Go has it, with its simple comparison of texts: what passes there for these headers.
fn passes_in_go(headers: &HeaderMap) -> bool {
    let first = |name: &str| headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    let (site, origin) = (first(SITE), first("origin"));
    let is_trusted = origin == b"https://trusted.example";
    match site {
        b"same-origin" | b"none" => true,
        b"" if origin.is_empty() => true,
        b"" => is_trusted || origin.split(|byte| *byte == b'/').nth(2) == Some(first("host")),
        _ => is_trusted,
    }
}

/// One form of a host for all that mean the same: no port that is the scheme's own, and lower case.
fn plain(headers: &HeaderMap) -> HeaderMap {
    let mut plain = headers.clone();
    let lower = |name: &str| headers.get(name).map(|value| value.as_bytes().to_ascii_lowercase());
    let is_https = lower("origin").is_some_and(|origin| origin.starts_with(b"https:"));
    for name in ["origin", "host"] {
        let Some(mut value) = lower(name) else { continue };
        if is_https && value.ends_with(b":443") {
            value.truncate(value.len() - 4);
        }
        plain.insert(HeaderName::from_static(name), HeaderValue::from_bytes(&value).unwrap());
    }
    plain
}

proptest! {
    #[test]
    fn nothing_passes_that_does_not_in_go(headers in request()) {
        let uri = Uri::from_static("/");
        let layer = CrossSiteLayer::new().trust(Origin::new("https://trusted.example").unwrap());
        let outcome = layer.check(&Method::POST, &uri, &headers);
        if outcome.is_ok() {
            prop_assert!(passes_in_go(&plain(&headers)), "{headers:?}");
        }
        // And what does pass there is refused only if something is there twice or can't be read.
        let is_legible = matches!(outcome, Ok(()) | Err(Refusal::CrossSite | Refusal::SameSite | Refusal::OtherOrigin));
        let is_sole = [SITE, "origin", "host"].iter().all(|name| headers.get_all(*name).iter().count() < 2);
        if passes_in_go(&headers) && is_legible && is_sole {
            prop_assert_eq!(outcome, Ok(()));
        }
    }

    #[test]
    fn settings_only_move_what_they_are_for(headers in request()) {
        let uri = Uri::from_static("/");
        let plain = CrossSiteLayer::new();
        let outcome = |layer: &CrossSiteLayer| layer.check(&Method::POST, &uri, &headers);
        let trusting = plain.clone().trust(Origin::new("https://trusted.example").unwrap());
        if outcome(&trusting) != outcome(&plain) {
            prop_assert!(outcome(&trusting).is_ok(), "trust refuses nobody");
        }
        let strict = plain.clone().refuse_unknown();
        if outcome(&strict) != outcome(&plain) {
            prop_assert_eq!((outcome(&plain), outcome(&strict)), (Ok(()), Err(Refusal::Unknown)));
        }
        let protected = plain.clone().protect_reads(|_, _| true);
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            prop_assert_eq!(plain.check(&method, &uri, &headers), Ok(()));
            prop_assert_eq!(protected.check(&method, &uri, &headers), outcome(&plain));
        }
        prop_assert_eq!(outcome(&plain.clone().exempt(|_, _| true)), Ok(()));
    }
}
