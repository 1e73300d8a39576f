//! Writing `Set-Cookie` lines: what a browser would drop is an error, what it would change is a
//! warning.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloakroom::cookie::{
    CookieError, CookieErrorKind, CookieJar, CookieName, CookieValue, CookieWarning, Priority, SameSite, SetCookie,
    Site,
};
use http::HeaderMap;
use http::header::SET_COOKIE;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn cookie(name: &'static str) -> Result<SetCookie, CookieError> {
    SetCookie::new(name, "1")
}

fn lines(jar: &CookieJar) -> Vec<String> {
    let mut headers = HeaderMap::new();
    jar.write_to(&mut headers);
    headers.get_all(SET_COOKIE).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect()
}

#[test]
fn attributes_come_in_the_order_of_express() {
    let all = cookie("a")
        .unwrap()
        .same_site(SameSite::None)
        .priority(Priority::Medium)
        .partitioned(true)
        .secure(true)
        .http_only(true)
        .expires(UNIX_EPOCH)
        .path("/p")
        .unwrap()
        .domain(".example.com")
        .unwrap()
        .max_age(Duration::from_millis(5999));
    assert_eq!(
        all.to_header_value().unwrap(),
        "a=1; Max-Age=5; Domain=.example.com; Path=/p; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; \
         Partitioned; Priority=Medium; SameSite=None"
    );
}

#[test]
fn names_and_values_come_typed_or_as_text() {
    const THEME: CookieName = CookieName::from_static("theme");
    let value = CookieValue::encode("a b").unwrap();
    for cookie in [
        SetCookie::new("theme", "a b"),
        SetCookie::new("theme".to_owned(), "a b".to_owned()),
        SetCookie::new(THEME, value.clone()),
        SetCookie::new(&THEME, &value),
        SetCookie::new(&THEME, "a b"),
    ] {
        assert_eq!(cookie.unwrap().to_header_value().unwrap(), "theme=a%20b");
    }
}

#[test]
fn a_header_can_not_be_split() {
    for evil in ["\r\nSet-Cookie: b=2", "; Domain=evil.example", "\n", "\0", "\u{7f}"] {
        assert!(SetCookie::new(evil, "1").is_err());
        assert!(CookieValue::verbatim(evil).is_err());
        assert!(cookie("a").unwrap().path(evil).is_err());
        assert!(cookie("a").unwrap().domain(evil).is_err());
    }
    let line = SetCookie::new("a", "; Domain=evil.example").unwrap().to_header_value().unwrap();
    assert_eq!(line, "a=%3B%20Domain%3Devil.example");
}

#[test]
fn prefixed_names_are_held_to_their_promise() {
    let full = |name| cookie(name).unwrap().path("/").unwrap().secure(true).http_only(true);
    let kind = |cookie: SetCookie| cookie.to_header_value().err().map(|error| error.kind());
    let refused = Some(CookieErrorKind::Prefix);
    for name in
        ["__Secure-a", "__Host-a", "__Http-a", "__Host-Http-a", "__secure-a", "__HOST-a", "__hTTp-a", "__host-HTTP-a"]
    {
        let lower = name.to_ascii_lowercase();
        let (host, http) = (lower.starts_with("__host-"), lower.contains("http-"));
        assert_eq!(kind(full(name)), None, "{name}");
        assert_eq!(kind(full(name).secure(false)), refused, "{name}");
        assert_eq!(kind(full(name).http_only(false)), refused.filter(|_| http), "{name}");
        assert_eq!(kind(full(name).path("/a").unwrap()), refused.filter(|_| host), "{name}");
        assert_eq!(kind(full(name).path("").unwrap()), refused.filter(|_| host), "{name}");
        assert_eq!(kind(full(name).domain("a.example").unwrap()), refused.filter(|_| host), "{name}");
    }
    assert_eq!(kind(cookie("__Other-a").unwrap()), None);
}

#[test]
fn same_site_none_and_partitioned_need_secure() {
    for cookie in [cookie("a").unwrap().same_site(SameSite::None), cookie("a").unwrap().partitioned(true)] {
        assert_eq!(cookie.to_header_value().unwrap_err().kind(), CookieErrorKind::NeedsSecure);
        assert!(cookie.secure(true).to_header_value().is_ok());
    }
}

#[test]
fn name_and_value_end_at_4096_bytes() {
    let of = |name: usize, value: usize| SetCookie::new("n".repeat(name), "v".repeat(value)).unwrap().to_header_value();
    assert!(of(1, 4095).is_ok());
    assert!(of(4096, 0).is_ok());
    assert_eq!(of(1, 4096).unwrap_err().kind(), CookieErrorKind::TooLong);
    assert_eq!(of(4097, 0).unwrap_err().kind(), CookieErrorKind::TooLong);
    // It is the encoded length that counts, and attributes don't.
    assert!(SetCookie::new("n", "é".repeat(700)).unwrap().to_header_value().is_err());
    assert!(SetCookie::new("n", "v".repeat(4095)).unwrap().path("/path").unwrap().to_header_value().is_ok());
}

#[test]
fn lifetimes_over_400_days_are_cut() {
    let now = UNIX_EPOCH + 20_000 * DAY;
    for (cookie, line, warned) in [
        (cookie("a").unwrap().max_age(400 * DAY), "a=1; Max-Age=34560000", false),
        (cookie("a").unwrap().max_age(400 * DAY + Duration::from_secs(1)), "a=1; Max-Age=34560000", true),
        (cookie("a").unwrap().max_age(Duration::MAX), "a=1; Max-Age=34560000", true),
        (cookie("a").unwrap().expires(now + 400 * DAY), "a=1; Expires=Sat, 08 Nov 2025 00:00:00 GMT", false),
        (cookie("a").unwrap().expires(now + 4000 * DAY), "a=1; Expires=Sat, 08 Nov 2025 00:00:00 GMT", true),
    ] {
        assert_eq!(cookie.to_header_value_at(now).unwrap(), line);
        assert_eq!(cookie.warnings(now), if warned { vec![CookieWarning::Capped] } else { vec![] });
    }
}

#[test]
fn a_cookie_that_removes_itself_is_warned_of() {
    let now = UNIX_EPOCH + 20_000 * DAY;
    let expired = [CookieWarning::Expired];
    assert_eq!(cookie("a").unwrap().max_age(Duration::ZERO).warnings(now), expired);
    assert_eq!(cookie("a").unwrap().expires(now).warnings(now), expired);
    assert_eq!(cookie("a").unwrap().expires(now + DAY).warnings(now), []);
    assert_eq!(cookie("a").unwrap().removal().warnings(now), expired);
}

#[test]
fn a_path_that_browsers_ignore_is_warned_of() {
    let now = SystemTime::now();
    assert_eq!(cookie("a").unwrap().path("shop").unwrap().warnings(now), [CookieWarning::PathIgnored]);
    assert_eq!(cookie("a").unwrap().path("/shop").unwrap().warnings(now), []);
}

#[test]
fn the_site_decides_what_it_may_set() {
    let domain = |domain: &'static str| cookie("a").unwrap().domain(domain).unwrap();
    let https = Site::https("www.shop.example");
    for good in ["www.shop.example", ".www.shop.example", "shop.example", "SHOP.example"] {
        assert_eq!(domain(good).check_at(&https).unwrap(), [], "{good}");
    }
    for bad in ["other.example", "a.www.shop.example", "example", ".example", "op.example"] {
        assert_eq!(domain(bad).check_at(&https).unwrap_err().kind(), CookieErrorKind::Site, "{bad}");
    }
    let secure = cookie("a").unwrap().secure(true);
    assert!(secure.check_at(&https).unwrap().is_empty());
    assert!(secure.check_at(&Site::http("www.shop.example")).is_err());
    for local in ["localhost", "app.localhost:3000", "127.0.0.1:80", "[::1]:80"] {
        assert_eq!(secure.check_at(&Site::http(local)).unwrap(), [CookieWarning::SecureOnLoopback], "{local}");
    }
    // What is wrong everywhere is wrong here too.
    assert_eq!(cookie("__Host-a").unwrap().check_at(&https).unwrap_err().kind(), CookieErrorKind::Prefix);
}

#[test]
fn a_jar_writes_what_was_added_last() {
    let mut jar = CookieJar::new();
    jar.add(SetCookie::new("a", "1").unwrap().path("/").unwrap()).unwrap();
    jar.add(SetCookie::new("a", "2").unwrap().path("/b").unwrap()).unwrap();
    jar.add(SetCookie::new("a", "3").unwrap().path("/").unwrap()).unwrap();
    assert_eq!(lines(&jar), ["a=2; Path=/b", "a=3; Path=/"]);
    assert_eq!(jar.get("a").as_deref(), Some("3"));

    let mut jar = CookieJar::new();
    jar.add(SetCookie::new("a", "1").unwrap().domain("Shop.example").unwrap()).unwrap();
    jar.add(SetCookie::new("a", "2").unwrap().domain(".shop.example").unwrap()).unwrap();
    assert_eq!(lines(&jar), ["a=2; Domain=.shop.example"]);
}

#[test]
fn a_cookie_can_be_moved_to_another_path() {
    let moved = SetCookie::new("a", "1").unwrap();
    let (old, new) = (moved.clone().path("/old").unwrap(), moved.path("/").unwrap());
    let mut jar = CookieJar::new();
    jar.add(new).unwrap();
    jar.remove(&old).unwrap();
    assert_eq!(jar.get("a").as_deref(), Some("1"));
    assert_eq!(lines(&jar).len(), 2);
}

#[test]
fn a_refused_cookie_leaves_the_jar_as_it_was() {
    let mut jar = CookieJar::new();
    jar.add(cookie("a").unwrap()).unwrap();
    assert!(jar.add(cookie("a").unwrap().partitioned(true)).is_err());
    assert_eq!(lines(&jar), ["a=1"]);
}

#[test]
fn a_removal_mirrors_the_cookie_and_hides_it() {
    const SID: CookieName = CookieName::from_static("__Secure-sid");
    let mut request = HeaderMap::new();
    request.insert(http::header::COOKIE, http::HeaderValue::from_static("__Secure-sid=x; b=2"));
    let mut jar = CookieJar::from_headers(&request);
    let set = SetCookie::new(SID, "x")
        .unwrap()
        .path("/p")
        .unwrap()
        .domain("shop.example")
        .unwrap()
        .max_age(DAY)
        .secure(true)
        .http_only(true)
        .partitioned(true)
        .priority(Priority::High)
        .same_site(SameSite::None);
    jar.remove(&set).unwrap();
    assert_eq!(jar.get(&SID), None);
    assert_eq!(jar.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b"]);
    assert_eq!(
        lines(&jar),
        [
            "__Secure-sid=; Max-Age=0; Domain=shop.example; Path=/p; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; \
          Partitioned; Priority=High; SameSite=None"
        ]
    );
    // Set again, it is there again.
    jar.add(set).unwrap();
    assert_eq!(jar.get(&SID).as_deref(), Some("x"));
    assert_eq!(lines(&jar).len(), 1);
}

#[test]
fn a_removal_is_written_whether_the_request_brought_the_cookie_or_not() {
    let mut jar = CookieJar::new();
    jar.remove_named("theme").unwrap();
    assert_eq!(lines(&jar), ["theme=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
    assert!(jar.remove_named("no name").is_err());
    for name in ["__Host-a", "__Http-a", "__Host-Http-a", "__Secure-a"] {
        jar.remove_named(name).unwrap();
    }
}

#[test]
fn a_value_never_shows() {
    let cookie = SetCookie::new("sid", "secret").unwrap();
    let mut jar = CookieJar::new();
    jar.add(cookie.clone()).unwrap();
    for shown in [format!("{cookie:?}"), format!("{jar:?}"), format!("{:?}", cookie.to_header_value().unwrap())] {
        assert!(!shown.contains("secret"), "{shown}");
    }
    let bad = [
        SetCookie::new("sid", "secret\n").unwrap_err(),
        CookieValue::verbatim("secret secret").unwrap_err(),
        SetCookie::new("sid", "secret".repeat(1000)).unwrap().to_header_value().unwrap_err(),
        SetCookie::new("sid", "secret").unwrap().partitioned(true).to_header_value().unwrap_err(),
    ];
    for error in bad {
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().map_err(|_| std::io::Error::other("poisoned"))?.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_cut_lifetime_is_logged_with_the_name_and_without_the_value() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        SetCookie::new("theme", "secret").unwrap().max_age(400 * DAY).to_header_value().unwrap();
        assert!(log.0.lock().unwrap().is_empty());
        SetCookie::new("theme", "secret").unwrap().max_age(401 * DAY).to_header_value().unwrap();
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("WARN") && log.contains("theme") && log.contains("400 days"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}
