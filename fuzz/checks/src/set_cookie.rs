//! Writing `Set-Cookie`: whatever is accepted reaches the browser as it was meant and comes back the same, and what is
//! refused is refused for a reason.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloakroom::cookie::{
    CookieError, CookieErrorKind, CookieJar, CookieName, CookieValue, Priority, SameSite, SetCookie, Site,
};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::input::{Bytes, Fields};
use crate::oracle::browser::{Received, receive};
use crate::oracle::express;

const LONGEST_LIFE: u64 = 400 * 24 * 3600;

/// A cookie as an application asks for it.
#[derive(Debug)]
struct Asked {
    name: String,
    value: String,
    path: String,
    domain: String,
    host: String,
    verbatim: bool,
    max_age: Option<u64>,
    expires: Option<SystemTime>,
    secure: bool,
    http_only: bool,
    partitioned: bool,
    same_site: Option<SameSite>,
    priority: Option<Priority>,
}

/// Two bytes of flags, two numbers, and fields: name, value, Path, Domain, host.
pub fn check(input: &[u8]) {
    let mut bytes = Bytes(input);
    let (flags, more) = (bytes.byte(), bytes.byte());
    let (max_age, expires) = (bytes.number().unsigned_abs(), bytes.number());
    let mut fields = Fields::new(bytes.0);
    let asked = Asked {
        name: fields.text().into_owned(),
        value: fields.text().into_owned(),
        path: fields.text().into_owned(),
        domain: fields.text().into_owned(),
        host: fields.text().into_owned(),
        verbatim: flags & 1 != 0,
        max_age: (flags & 2 != 0).then_some(max_age),
        expires: if flags & 4 != 0 { time(expires) } else { None },
        secure: flags & 8 != 0,
        http_only: flags & 16 != 0,
        partitioned: flags & 32 != 0,
        same_site: [None, Some(SameSite::Strict), Some(SameSite::Lax), Some(SameSite::None)][usize::from(more & 3)],
        priority: [None, Some(Priority::Low), Some(Priority::Medium), Some(Priority::High)][usize::from(more >> 2 & 3)],
    };
    // Any time: half of them near the end of the cookie.
    let now = if more & 16 == 0 { asked.expires } else { time(expires / 3) }.unwrap_or(UNIX_EPOCH);

    let written = write(&asked).and_then(|cookie| {
        let line = cookie.to_header_value_at(now)?;
        Ok((cookie, line))
    });
    match written {
        Err(error) => assert_eq!(Some(error.kind()), fault(&asked), "{error}"),
        Ok((cookie, line)) => {
            assert_eq!(fault(&asked), None, "{line:?}");
            let text = std::str::from_utf8(line.as_bytes()).expect("ASCII");
            assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
            let received = receive(text).expect("browsers take it");
            arrives(&asked, &received, now);
            comes_back(&asked, &cookie, &received);
            fits_its_site(&asked, &cookie);
        }
    }
}

fn time(seconds: i64) -> Option<SystemTime> {
    let away = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH.checked_sub(away) } else { UNIX_EPOCH.checked_add(away) }
}

fn write(asked: &Asked) -> Result<SetCookie, CookieError> {
    let name = CookieName::new(asked.name.clone())?;
    let value =
        if asked.verbatim { CookieValue::verbatim(asked.value.clone())? } else { CookieValue::encode(&asked.value)? };
    let mut cookie = SetCookie::new(name, value)?.path(asked.path.clone())?.domain(asked.domain.clone())?;
    cookie = cookie.secure(asked.secure).http_only(asked.http_only).partitioned(asked.partitioned);
    if let Some(max_age) = asked.max_age {
        cookie = cookie.max_age(Duration::from_secs(max_age));
    }
    if let Some(expires) = asked.expires {
        cookie = cookie.expires(expires);
    }
    if let Some(same_site) = asked.same_site {
        cookie = cookie.same_site(same_site);
    }
    if let Some(priority) = asked.priority {
        cookie = cookie.priority(priority);
    }
    Ok(cookie)
}

/// Why the cookie has to be refused, if it has to be.
fn fault(asked: &Asked) -> Option<CookieErrorKind> {
    let value = asked.value.as_str();
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let is_octet = |letter: char| matches!(letter, '!'..='~') && !"\",;\\".contains(letter);
    let bad_value = if asked.verbatim {
        !inner.chars().all(is_octet)
    } else {
        value.chars().any(|letter| letter.is_ascii_control())
    };
    let sent = if asked.verbatim { value.to_owned() } else { express::encode(value) };
    let is_token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);

    if asked.name.is_empty() || !asked.name.chars().all(is_token) {
        return Some(CookieErrorKind::Name);
    }
    if bad_value {
        return Some(CookieErrorKind::Value);
    }
    if asked.path.len() > 1024 || asked.path.chars().any(|letter| !matches!(letter, ' '..='~') || ";<".contains(letter))
    {
        return Some(CookieErrorKind::Path);
    }
    if asked.domain.len() > 1024 || !(asked.domain.is_empty() || is_host_name(&asked.domain)) {
        return Some(CookieErrorKind::Domain);
    }
    if asked.name.len() + sent.len() > 4096 {
        return Some(CookieErrorKind::TooLong);
    }
    // The rest, browsers decide, of the same cookie in other words. That they overlook the spaces in `Path= /` is no reason
    // for anybody to write it.
    let is_kept = |line: &str| receive(line).is_some_and(|received| received.is_kept());
    let line = [
        (true, asked.name.as_str()),
        (true, "="),
        (asked.secure, "; secure"),
        (asked.http_only, "; httponly"),
        (!asked.domain.is_empty(), "; domain=example.com"),
        (asked.path == "/", "; path=/"),
    ];
    let line: String = line.into_iter().filter(|(is_there, _)| *is_there).map(|(_, part)| part).collect();
    if !is_kept(&line) {
        return Some(CookieErrorKind::Prefix);
    }
    let partitioned = if asked.partitioned { "; partitioned" } else { "" };
    let same_site = if asked.same_site == Some(SameSite::None) { "; samesite=none" } else { "" };
    (!is_kept(&(line + partitioned + same_site))).then_some(CookieErrorKind::NeedsSecure)
}

fn is_host_name(domain: &str) -> bool {
    let name = domain.strip_prefix('.').unwrap_or(domain);
    name.split('.').all(|label| {
        let edges = [label.chars().next(), label.chars().last()];
        label.len() <= 63
            && edges.iter().all(|edge| edge.is_some_and(|letter| letter.is_ascii_alphanumeric()))
            && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    })
}

/// The browser has each attribute as it was asked for, and no other.
fn arrives(asked: &Asked, received: &Received<'_>, now: SystemTime) {
    assert!(received.is_kept(), "{received:?}");
    assert_eq!(received.name, asked.name);
    let sent = if asked.verbatim { asked.value.clone() } else { express::encode(&asked.value) };
    assert_eq!(received.value, sent);

    let mut left = received.attributes.clone();
    let mut take = |name: &str| left.remove(name).map(str::to_owned);
    assert_eq!(take("secure"), asked.secure.then(String::new));
    assert_eq!(take("httponly"), asked.http_only.then(String::new));
    assert_eq!(take("partitioned"), asked.partitioned.then(String::new));
    assert_eq!(take("samesite"), asked.same_site.map(|same_site| format!("{same_site:?}")));
    assert_eq!(take("priority"), asked.priority.map(|priority| format!("{priority:?}")));
    assert_eq!(take("path"), (!asked.path.is_empty()).then(|| asked.path.trim().to_owned()));
    assert_eq!(take("domain"), (!asked.domain.is_empty()).then(|| asked.domain.clone()));
    assert_eq!(take("max-age"), asked.max_age.map(|seconds| seconds.min(LONGEST_LIFE).to_string()));
    let expires = take("expires").map(|date| httpdate::parse_http_date(&date).expect("a date"));
    assert_eq!(expires.is_some(), asked.expires.is_some());
    if let (Some(expires), Some(asked)) = (expires, asked.expires) {
        let longest = now.checked_add(Duration::from_secs(LONGEST_LIFE)).unwrap_or(now);
        let last = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        assert_eq!(expires, asked.min(longest).max(UNIX_EPOCH).min(last));
    }
    assert!(left.is_empty(), "{left:?}");
}

/// A jar sends that line and no other, and reads the cookie when the browser sends it back.
fn comes_back(asked: &Asked, cookie: &SetCookie, received: &Received<'_>) {
    let mut jar = CookieJar::new();
    jar.add(cookie.clone()).expect("the line was written before");
    let mut headers = HeaderMap::new();
    jar.write_to(&mut headers);
    assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 1);

    let pair = format!("before=1; {}={}; {}x=2", received.name, received.value, received.name);
    headers.insert(COOKIE, HeaderValue::from_str(&pair).expect("visible ASCII"));
    let jar = CookieJar::from_headers(&headers);
    let text = jar.get(&asked.name).expect("it was sent");
    // `before` stands before it.
    if asked.name != "before" {
        assert_eq!(text, cookie.value().decoded());
        assert!(asked.verbatim || text == asked.value, "{text:?}");
    }
}

fn fits_its_site(asked: &Asked, cookie: &SetCookie) {
    let over_https = cookie.check_at(&Site::https(&asked.host));
    let over_http = cookie.check_at(&Site::http(&asked.host));
    for error in [&over_https, &over_http].into_iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(error.kind(), CookieErrorKind::Site);
        assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    }
    assert!(over_https.is_ok() || over_http.is_err(), "plain HTTP may do more than HTTPS");
    if asked.domain.is_empty() {
        assert!(over_https.is_ok());
    }
}
