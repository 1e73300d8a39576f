//! What the session cookie is like, but for its name, its value and its times.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::cookie::{CookieError, CookieName, CookieValue, Priority, SameSite, SetCookie};
use crate::record::Value;

/// The attributes of a session cookie.
#[derive(Clone, Debug)]
pub(super) struct Attributes {
    pub(super) path: Cow<'static, str>,
    pub(super) domain: Option<Cow<'static, str>>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<SameSite>,
    pub(super) priority: Option<Priority>,
    pub(super) partitioned: bool,
}

impl Default for Attributes {
    /// Those that Express gives a cookie of which nothing is said.
    fn default() -> Attributes {
        Attributes {
            path: Cow::Borrowed("/"),
            domain: None,
            secure: false,
            http_only: true,
            same_site: None,
            priority: None,
            partitioned: false,
        }
    }
}

impl Attributes {
    /// A cookie with them, and without a value.
    ///
    /// # Errors
    ///
    /// If a browser would refuse it.
    pub(super) fn cookie(&self, name: CookieName) -> Result<SetCookie, CookieError> {
        let mut cookie = SetCookie::new(name, CookieValue::verbatim("")?)?
            .path(self.path.clone())?
            .http_only(self.http_only)
            .secure(self.secure)
            .partitioned(self.partitioned);
        if let Some(domain) = &self.domain {
            cookie = cookie.domain(domain.clone())?;
        }
        if let Some(same_site) = self.same_site {
            cookie = cookie.same_site(same_site);
        }
        if let Some(priority) = self.priority {
            cookie = cookie.priority(priority);
        }
        cookie.to_header_value()?;
        Ok(cookie)
    }

    /// As Express keeps them with a session: a JSON object of those that are set.
    pub(super) fn to_express(&self) -> Map<String, Json> {
        let word = |text: &str| Json::from(text.to_ascii_lowercase());
        let flag = |is_set: bool| is_set.then_some(Json::Bool(true));
        let fields = [
            ("partitioned", flag(self.partitioned)),
            ("priority", self.priority.map(|priority| word(priority.as_str()))),
            ("secure", flag(self.secure)),
            ("httpOnly", Some(Json::Bool(self.http_only))),
            ("domain", self.domain.as_deref().map(Json::from)),
            ("path", Some(Json::from(&*self.path))),
            ("sameSite", self.same_site.map(|same_site| word(same_site.as_str()))),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Those that are kept with a session of Express'. What JavaScript takes for true counts as set, and what no cookie can say as
    /// not there.
    pub(super) fn from_express(kept: &Value) -> Attributes {
        let kept: Map<String, Json> = kept.deserialize().unwrap_or_default();
        let text = |name: &str| kept.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let is_set = |name: &str, default: bool| kept.get(name).map_or(default, is_truthy);
        let usual = Attributes::default();
        Attributes {
            path: text("path").map_or(usual.path, |path| path.to_owned().into()),
            domain: text("domain").map(|domain| domain.to_owned().into()),
            secure: is_set("secure", usual.secure),
            http_only: is_set("httpOnly", usual.http_only),
            same_site: kept.get("sameSite").and_then(same_site),
            priority: text("priority").and_then(priority),
            partitioned: is_set("partitioned", usual.partitioned),
        }
    }
}

fn is_truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(is_set) => *is_set,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(_) | Json::Object(_) => true,
    }
}

fn same_site(value: &Json) -> Option<SameSite> {
    match value {
        Json::Bool(true) => Some(SameSite::Strict),
        Json::String(text) => match text.to_ascii_lowercase().as_str() {
            "strict" => Some(SameSite::Strict),
            "lax" => Some(SameSite::Lax),
            "none" => Some(SameSite::None),
            _ => None,
        },
        _ => None,
    }
}

fn priority(text: &str) -> Option<Priority> {
    match text.to_ascii_lowercase().as_str() {
        "low" => Some(Priority::Low),
        "medium" => Some(Priority::Medium),
        "high" => Some(Priority::High),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kept: &Value) -> Option<String> {
        let cookie = Attributes::from_express(kept).cookie(CookieName::from_static("connect.sid")).ok()?;
        Some(cookie.to_header_value().unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_kept_is_read_as_express_reads_it() {
        for (kept, expected) in [
            ("{}", "Path=/; HttpOnly"),
            ("[]", "Path=/; HttpOnly"),
            (r#"{"httpOnly":false,"path":"/app"}"#, "Path=/app"),
            (r#"{"sameSite":true,"priority":"high"}"#, "Path=/; HttpOnly; Priority=High; SameSite=Strict"),
            (r#"{"sameSite":false,"secure":1}"#, "Path=/; HttpOnly; Secure"),
            (r#"{"domain":"example.com","sameSite":"LAX"}"#, "Domain=example.com; Path=/; HttpOnly; SameSite=Lax"),
            (r#"{"secure":"","unknown":{"a":1},"sameSite":"bogus"}"#, "Path=/; HttpOnly"),
        ] {
            let expected = format!("connect.sid=; {expected}");
            assert_eq!(line(&Value::from_json(kept).unwrap()), Some(expected), "{kept}");
        }
    }

    #[test]
    fn what_a_browser_would_refuse_is_an_error() {
        for kept in [r#"{"path":"/;"}"#, r#"{"sameSite":"none"}"#, r#"{"partitioned":true}"#, r#"{"domain":"a b"}"#] {
            assert_eq!(line(&Value::from_json(kept).unwrap()), None, "{kept}");
        }
    }

    #[test]
    fn what_is_kept_is_what_it_was_made_of() {
        let attributes = Attributes {
            path: "/app".into(),
            domain: Some("example.com".into()),
            secure: true,
            http_only: false,
            same_site: Some(SameSite::None),
            priority: Some(Priority::Low),
            partitioned: true,
        };
        let kept = Value::serialize(&attributes.to_express()).unwrap();
        let cookie = attributes.cookie(CookieName::from_static("connect.sid")).unwrap();
        assert_eq!(line(&kept).as_deref(), cookie.to_header_value().unwrap().to_str().ok());
    }
}
