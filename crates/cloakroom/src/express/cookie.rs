//! The cookie that stands in every session of Express.

use super::date::{from_iso, to_iso};
use super::json::{Object, decode, quote, read, write};
use super::text::{TextError, TextErrorKind};
use crate::clock::Timestamp;
use crate::record::Value;

const MAX_AGE: &str = "originalMaxAge";
const EXPIRES: &str = "expires";

/// The longest `originalMaxAge` that is written, in milliseconds: 136,000 years, from when on there is no end that JavaScript
/// has a date for.
pub(super) const LONGEST: i64 = 50_000_000 * 86_400_000;

/// The keys that express-session writes, in its order.
const KEYS: [&str; 9] =
    [MAX_AGE, "partitioned", "priority", EXPIRES, "secure", "httpOnly", "domain", "path", "sameSite"];

/// Keys under which express-session's class `Cookie` has something else.
const NOT_ATTRIBUTES: [&str; 6] = ["__proto__", "_expires", "data", "maxAge", "serialize", "toJSON"];

/// Whether express-session could use the cookie: its `originalMaxAge` is a number, null or missing.
pub(super) fn is_usable(cookie: &Object) -> bool {
    cookie.get(MAX_AGE).is_none_or(|age| age == "null" || millis(age).is_some())
}

pub(super) fn original_max_age(cookie: &Object) -> Option<i64> {
    cookie.get(MAX_AGE).and_then(millis)
}

pub(super) fn expires(cookie: &Object) -> Option<Timestamp> {
    from_iso(&decode(cookie.get(EXPIRES)?)?)
}

/// The attributes beside the two times, as far as they are set; none if they are Express' defaults.
pub(super) fn attributes(cookie: &Object) -> Option<Value> {
    let mut set = Object::new();
    for (key, value) in cookie.iter().filter(|(key, _)| ![MAX_AGE, EXPIRES].contains(key)) {
        match read(value).as_json() {
            "null" => set.unset(key),
            _ => set.set(key, value),
        }
    }
    let is_default =
        set.iter().count() == 2 && set.get("httpOnly") == Some("true") && set.get("path") == Some(r#""/""#);
    (!is_default).then(|| read(&set.text()))
}

/// The cookie with other attributes, or the defaults, and the same times.
///
/// # Errors
///
/// If there is one with which Express would fail.
pub(super) fn with_attributes(cookie: &Object, attributes: Option<&Value>) -> Result<Object, TextError> {
    let attributes = attributes.map_or(r#"{"httpOnly":true,"path":"/"}"#.to_owned(), write);
    let attributes = Object::parse(&attributes).ok_or(TextError::new(TextErrorKind::CookieAttribute))?;
    let mut new = Object::new();
    for key in [MAX_AGE, EXPIRES] {
        new.set(key, cookie.get(key).unwrap_or("null"));
    }
    for (key, value) in attributes.iter().filter(|(key, _)| ![MAX_AGE, EXPIRES].contains(key)) {
        if value != "null" && !is_attribute(key, value) {
            return Err(TextError::new(TextErrorKind::CookieAttribute));
        }
        match value {
            "null" => new.unset(key),
            value => new.set(key, value),
        }
    }
    sort(&mut new);
    Ok(new)
}

/// Gives the cookie new times: `expires` is `idle_end` where there is an `originalMaxAge`.
pub(super) fn set_times(cookie: &mut Object, original_max_age: Option<i64>, idle_end: Timestamp) {
    if cookie.get(MAX_AGE).is_none() || self::original_max_age(cookie) != original_max_age {
        let original_max_age = original_max_age.map(|millis| millis.clamp(-LONGEST, LONGEST));
        cookie.set(MAX_AGE, &original_max_age.map_or("null".to_owned(), |millis| millis.to_string()));
    }
    let expires = original_max_age.and_then(|_| to_iso(idle_end));
    cookie.set(EXPIRES, &expires.map_or("null".to_owned(), |date| quote(&date)));
    sort(cookie);
}

fn sort(cookie: &mut Object) {
    cookie.sort_by_key(|key| KEYS.iter().position(|known| key == Some(known)).unwrap_or(KEYS.len()));
}

/// A number of milliseconds, as a Date of JavaScript takes it: without its fraction.
fn millis(number: &str) -> Option<i64> {
    let number = number.parse::<f64>().ok().filter(|number| number.is_finite())?;
    // Beyond i64 the nearest: as far beyond all dates.
    Some(number as i64)
}

/// Whether Express can make a Set-Cookie of it (the package `cookie` 0.7, as express-session has it), or ignores it.
fn is_attribute(key: &str, value: &str) -> bool {
    let text = decode(value);
    let is_one_of = |words: &[&str]| text.as_deref().is_some_and(|text| words.contains(&&*text.to_ascii_lowercase()));
    let is_bool = matches!(value, "true" | "false");
    match key {
        // What counts of these is whether JavaScript takes it for true: Express itself may leave `"auto"` there.
        "partitioned" | "secure" | "httpOnly" => true,
        "priority" => is_one_of(&["low", "medium", "high"]),
        "sameSite" => is_bool || is_one_of(&["lax", "strict", "none"]),
        "domain" => text.is_some_and(|text| is_domain(&text)),
        "path" => text.is_some_and(|text| text.bytes().all(|byte| matches!(byte, b' '..=b':' | b'='..=b'~'))),
        _ => !NOT_ATTRIBUTES.contains(&key),
    }
}

/// `^([.]?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`, or empty, which is none.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.is_empty() || text.strip_prefix('.').unwrap_or(text).split('.').all(is_label)
}
