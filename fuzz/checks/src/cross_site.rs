//! The decision about other sites' requests, held against the rules as Go has them.

use cloakroom::cross_site::{CrossSiteLayer, Origin, Refusal};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const TRUSTED: &str = "https://trusted.example";

/// Lines of a letter and a text: headers (`s` for Sec-Fetch-Site, `o` for Origin, `h` for Host), and origins that somebody wants to
/// trust (`t`).
pub fn check(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let name = match line.first() {
            Some(b's') => SITE,
            Some(b'o') => ORIGIN,
            Some(b'h') => HOST,
            Some(b't') => {
                check_origin(&String::from_utf8_lossy(&line[1..]));
                continue;
            }
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_bytes(&line[1..]) {
            headers.append(name, value);
        }
    }
    check_request(&headers);
}

/// What is taken for an origin is written as browsers write it, and read again as the same.
fn check_origin(text: &str) {
    let Ok(origin) = Origin::new(text) else { return };
    let shown = origin.to_string();
    assert_eq!(Origin::new(&shown).as_ref(), Ok(&origin), "{text}");
    assert!(shown.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()), "{shown}");
    let (_, place) = shown.split_once("://").expect("there is a scheme");
    assert!(!place.contains(['/', '?', '#', '@', '\\']), "{shown}");
}

fn check_request(headers: &HeaderMap) {
    let uri = Uri::from_static("/");
    let layer = CrossSiteLayer::new().trust(Origin::new(TRUSTED).expect("it is one"));
    let outcome = layer.check(&Method::POST, &uri, headers);
    let sole = |name: &HeaderName| match headers.get_all(name).iter().collect::<Vec<_>>()[..] {
        [] => Some(&b""[..]),
        [value] => Some(value.as_bytes()),
        _ => None,
    };
    let (site, origin, host) = (sole(&SITE), sole(&ORIGIN), sole(&HOST));
    let may = match (site, origin) {
        (Some(b"same-origin" | b"none"), _) | (Some(b""), Some(b"")) => true,
        (_, Some(origin)) if plain(origin) == TRUSTED.as_bytes() => true,
        (Some(b""), Some(origin)) => is_at(&plain(origin), host),
        _ => false,
    };
    assert!(outcome.is_err() || may, "{headers:?}");
    // The other way round it is only held for what needs no reading: a host in brackets means the same in many ways.
    let strict = layer.clone().refuse_unknown().check(&Method::POST, &uri, headers);
    assert!(strict == outcome || strict == Err(Refusal::Unknown), "{headers:?}");
    assert_eq!(layer.check(&Method::GET, &uri, headers), Ok(()));
    assert_eq!(layer.clone().protect_reads(|_, _| true).check(&Method::GET, &uri, headers), outcome);
    assert_eq!(layer.exempt(|_, _| true).check(&Method::POST, &uri, headers), Ok(()));
}

/// In lower case, without the port that is the scheme's own. IPv6 addresses stay as they are, or become one.
fn plain(origin: &[u8]) -> Vec<u8> {
    let lower = String::from_utf8_lossy(origin).to_ascii_lowercase();
    let Some((scheme, place)) = lower.split_once("://") else { return lower.into_bytes() };
    format!("{scheme}://{}", without_port(place, scheme)).into_bytes()
}

fn without_port(place: &str, scheme: &str) -> String {
    let own = if scheme == "https" { "443" } else { "80" };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.trim_start_matches('0'))),
        _ => (place, None),
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match address.and_then(|address| address.parse::<std::net::Ipv6Addr>().ok()) {
        Some(address) => format!("[{address}]"),
        None => host.to_owned(),
    };
    match port {
        Some(port) if port != own => format!("{host}:{port}"),
        _ => host,
    }
}

fn is_at(origin: &[u8], host: Option<&[u8]>) -> bool {
    let origin = String::from_utf8_lossy(origin);
    let (Some((scheme, place)), Some(host)) = (origin.split_once("://"), host) else { return false };
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    matches!(scheme, "http" | "https") && without_port(&host, scheme) == place
}
