//! The cookie code as a protocol of JSON lines, so that it can be held against the test suites of other implementations.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::SystemTime;

use cloakroom::cookie::{self, CookieError, CookieWarning, KeyRing, SetCookie, Site};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::attributes::Attributes;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Request {
    Parse { cookie: Option<String>, cookie_hex: Option<String> },
    Serialize { name: String, value: String, attrs: Option<Attributes>, context: Option<Context> },
    Sign { value: String, secret: String },
    Unsign { signed: String, secret: String },
}

/// The site that sets the cookie.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    scheme: Scheme,
    host: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Http,
    Https,
}

/// The answer to one line. A line that can't be read, and a request that can't be met, is answered with an `error`.
///
/// ```
/// use cloakroom_bench::adapter::answer;
///
/// assert_eq!(answer(br#"{"op":"parse","cookie":"a=1; a=2; b=%20"}"#), r#"{"pairs":[["a","1"],["b"," "]]}"#);
/// assert!(answer(b"nonsense").starts_with(r#"{"error":"#));
/// ```
pub fn answer(line: &[u8]) -> String {
    let answer = serde_json::from_slice(line).map_err(|error| error.to_string()).and_then(meet);
    answer.unwrap_or_else(|reason| json!({ "error": reason })).to_string()
}

fn meet(request: Request) -> Result<Value, String> {
    match request {
        Request::Parse { cookie: Some(text), cookie_hex: None } => Ok(parse(text.as_bytes())),
        Request::Parse { cookie: None, cookie_hex: Some(hex) } => {
            Ok(parse(&bytes(&hex).ok_or("cookie_hex is no hex")?))
        }
        Request::Parse { .. } => Err("parse takes either cookie or cookie_hex".to_owned()),
        Request::Serialize { name, value, attrs, context } => {
            serialize(&attrs.unwrap_or_default().cookie(name, value)?, context.map(Site::from).as_ref())
        }
        Request::Sign { value, secret } => Ok(json!({ "signed": keys(&secret)?.cookie_signature(&value) })),
        Request::Unsign { signed, secret } => Ok(match keys(&secret)?.unsign(&signed) {
            Some(value) => json!({ "value": value }),
            None => json!({ "value": false }),
        }),
    }
}

/// Of equal names the first, as in Express.
fn parse(header: &[u8]) -> Value {
    let mut seen = HashSet::new();
    let pairs = cookie::pairs(header).filter(|(name, _)| seen.insert(*name));
    let text: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        pairs.map(|(name, value)| (String::from_utf8_lossy(name), cookie::decode(value))).collect();
    json!({ "pairs": text })
}

fn serialize(cookie: &SetCookie, site: Option<&Site>) -> Result<Value, String> {
    let said = |error: CookieError| error.to_string();
    let now = SystemTime::now();
    let line = cookie.to_header_value_at(now).map_err(said)?;
    let line = line.to_str().map_err(|error| error.to_string())?;
    let mut warnings = cookie.warnings(now);
    if let Some(site) = site {
        warnings.extend(cookie.check_at(site).map_err(said)?);
    }
    if warnings.is_empty() {
        return Ok(json!({ "set_cookie": line }));
    }
    let warnings: Vec<String> = warnings.iter().map(CookieWarning::to_string).collect();
    Ok(json!({ "warning": warnings.join("; "), "set_cookie": line }))
}

fn keys(secret: &str) -> Result<KeyRing, String> {
    KeyRing::weak([secret]).map_err(|error| error.to_string())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let (pairs, rest) = digits.as_ref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

impl From<Context> for Site {
    fn from(context: Context) -> Site {
        match context.scheme {
            Scheme::Http => Site::http(context.host),
            Scheme::Https => Site::https(context.host),
        }
    }
}
