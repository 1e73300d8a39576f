//! Cookies are those of Express, held against what the npm packages `cookie`, `cookie-signature`
//! and `express-session` really wrote and accepted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloakroom::cookie::{CookieError, CookieErrorKind, CookieJar, KeyRing, Priority, SameSite, SetCookie};
use http::{HeaderMap, HeaderValue, header::COOKIE};
use serde_json::Value;

fn jar(cookie_header: &str) -> Result<CookieJar, Box<dyn std::error::Error>> {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_bytes(cookie_header.as_bytes())?);
    Ok(CookieJar::from_headers(&headers))
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

#[test]
fn signatures_are_those_of_cookie_signature() {
    let all: Value = serde_json::from_str(include_str!("vectors/01-signatures.json")).unwrap();
    let all = all["vectors"].as_array().unwrap();
    assert!(!all.is_empty());
    for vector in all {
        let text = |key: &str| vector[key].as_str().unwrap();
        let secret = match vector["secret_hex"].as_str() {
            Some(hex) => unhex(hex),
            None => text("secret").as_bytes().to_vec(),
        };
        let keys = KeyRing::weak([secret]).unwrap();
        let sid = text("sid");
        let plain = format!("{sid}.{}", text("signature"));

        assert_eq!(keys.cookie_signature(sid), plain);
        assert_eq!(keys.unsign(&plain), Some(sid));
        assert_eq!(keys.express_sign(sid), text("signed_value"));
        assert_eq!(keys.express_unsign(text("signed_value")), Some(sid));

        let cookie = SetCookie::new("connect.sid", keys.express_sign(sid)).unwrap();
        let pair = format!("connect.sid={}", text("cookie_header_value"));
        assert_eq!(cookie.to_header_value().unwrap(), pair);
        let jar = jar(&pair).unwrap();
        assert_eq!(jar.get_raw("connect.sid"), Some(text("cookie_header_value").as_bytes()));
        assert_eq!(jar.get("connect.sid").as_deref(), Some(text("signed_value")));
        assert_eq!(jar.express_signed(&keys).get("connect.sid").as_deref(), Some(sid));
    }
}

#[test]
fn only_the_very_signature_is_accepted() {
    let keys = KeyRing::weak(["keyboard cat"]).unwrap();
    let good = keys.cookie_signature("id");
    let (_, signature) = good.split_once('.').unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "id".to_owned(),
        "id.".to_owned(),
        format!("{good}="),
        format!("{good}A"),
        format!("{good} "),
        format!("id.{}", signature.to_lowercase()),
        format!("id.{}", signature.replace(['+', '/'], "-")),
        format!("Id.{signature}"),
        format!(".id.{signature}"),
        signature.to_owned(),
        good[..good.len() - 1].to_owned(),
    ] {
        assert_eq!(keys.unsign(&bad), None, "{bad}");
        assert_eq!(keys.express_unsign(&format!("s:{bad}")), None, "{bad}");
    }
    assert_eq!(keys.express_unsign(&good), None, "without s:");
    assert_eq!(keys.express_unsign(&format!("S:{good}")), None);

    // The last character holds two bits that say nothing; `cookie-signature` compares text, so they
    // must be zero.
    let last = good.chars().last().unwrap();
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".chars() {
        let changed = format!("{}{other}", &good[..good.len() - 1]);
        assert_eq!(keys.unsign(&changed).is_some(), other == last);
    }
    assert_eq!(keys.unsign(&keys.cookie_signature("")), Some(""));
}

#[test]
fn cookies_are_accepted_as_express_session_accepts_them() {
    let all: Value = serde_json::from_str(include_str!("vectors/02-cookie-acceptance.json")).unwrap();
    let keys = KeyRing::weak(all["secrets"].as_array().unwrap().iter().map(|s| s.as_str().unwrap())).unwrap();
    let all = all["cases"].as_array().unwrap();
    assert!(!all.is_empty());
    for case in all {
        let jar = jar(case["cookie_header"].as_str().unwrap()).unwrap();
        let first = jar.get("connect.sid");
        // That an empty id is none is for the session to say.
        let found = first.as_deref().and_then(|signed| keys.express_unsign(signed)).filter(|sid| !sid.is_empty());
        match case["sid"].as_str() {
            Some(long) if long.ends_with("*4000") => assert_eq!(found.map(str::len), Some(4000)),
            sid => assert_eq!(found, sid, "{}", case["about"]),
        }
    }
}

/// A case's options as the builder has them: what `express-session` does with them is not ours.
fn built(case: &Value, pair: (&str, &str), now: SystemTime) -> Result<SetCookie, CookieError> {
    let options = &case["cookie_options"];
    let at = |date: &str| {
        // The vectors have these two dates, as ISO text.
        let minute_and_second = if date.contains("22:30:00") { 1_700_001_000 } else { 1_700_000_005 };
        UNIX_EPOCH + Duration::from_millis(minute_and_second * 1000 + 123)
    };
    let mut cookie = SetCookie::new(pair.0, pair.1)?
        .path(options["path"].as_str().unwrap_or("/").to_owned())?
        .http_only(options["httpOnly"].as_bool().unwrap_or(true))
        .partitioned(options["partitioned"] == true)
        .domain(options["domain"].as_str().unwrap_or_default().to_owned())?;
    match (options["maxAge"].as_i64(), options["maxAge"].as_str().or(options["expires"].as_str())) {
        (Some(ms), _) if ms < 0 => cookie = cookie.expires(now - Duration::from_millis(ms.unsigned_abs())),
        (Some(ms), _) => cookie = cookie.expires(now + Duration::from_millis(ms.unsigned_abs())),
        (None, Some(date)) => cookie = cookie.expires(at(date)),
        (None, None) => {}
    }
    let https = case["request_headers"]["x-forwarded-proto"].is_string();
    cookie = cookie.secure(options["secure"] == true || options["secure"] == "auto" && https);
    cookie = match options["sameSite"].as_str() {
        Some("lax") => cookie.same_site(SameSite::Lax),
        Some("strict") => cookie.same_site(SameSite::Strict),
        Some("auto") => cookie.same_site(if https { SameSite::None } else { SameSite::Lax }),
        _ if options["sameSite"] == true => cookie.same_site(SameSite::Strict),
        _ => cookie,
    };
    Ok(match options["priority"].as_str() {
        Some(_) => cookie.priority(Priority::High),
        None => cookie,
    })
}

#[test]
fn set_cookie_lines_are_those_of_express_session() {
    let all: Value = serde_json::from_str(include_str!("vectors/03-set-cookie.json")).unwrap();
    let now = UNIX_EPOCH + Duration::from_millis(all["now_ms"].as_u64().unwrap());
    let keys = KeyRing::weak([all["secret"].as_str().unwrap()]).unwrap();
    let signed = keys.express_sign(all["sid"].as_str().unwrap());
    let (mut same, mut refused) = (0, Vec::new());
    for case in all["cases"].as_array().unwrap() {
        let about = case["about"].as_str().unwrap();
        let name = case["session_options"]["name"].as_str().unwrap_or("connect.sid");
        let line = built(case, (name, &signed), now).and_then(|cookie| cookie.to_header_value_at(now));
        match (line, case["set_cookie"][0].as_str()) {
            (Ok(line), Some(express)) => {
                assert_eq!(line, express, "{about}");
                same += 1;
            }
            (Err(error), _) => refused.push((about, error.kind())),
            // Express wrote none since the request came over plain HTTP, or since an option was no
            // date.
            (Ok(_), None) => {}
        }
    }
    assert_eq!(
        refused,
        [
            ("domain bad", CookieErrorKind::Domain),
            ("partitioned", CookieErrorKind::NeedsSecure),
            ("name with space (invalid)", CookieErrorKind::Name),
        ]
    );
    assert!(same > 15, "{same}");
}
