//! A cookie described by plain text and numbers, as it comes over a wire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloakroom::cookie::{CookieError, Priority, SameSite, SetCookie};
use serde::Deserialize;

/// The attributes of a cookie; what is missing or null is not set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Attributes {
    pub(crate) path: Option<String>,
    pub(crate) domain: Option<String>,
    /// Whole seconds; fractions are cut off, and less than zero is zero: both remove the cookie.
    pub(crate) max_age: Option<f64>,
    pub(crate) expires_unix: Option<f64>,
    pub(crate) secure: Option<bool>,
    pub(crate) http_only: Option<bool>,
    pub(crate) same_site: Option<String>,
    pub(crate) partitioned: Option<bool>,
    pub(crate) priority: Option<String>,
}

impl Attributes {
    /// The cookie, or why there is none.
    pub(crate) fn cookie(self, name: String, value: String) -> Result<SetCookie, String> {
        let said = |error: CookieError| error.to_string();
        let mut cookie = SetCookie::new(name, value)
            .and_then(|cookie| cookie.path(self.path.unwrap_or_default()))
            .and_then(|cookie| cookie.domain(self.domain.unwrap_or_default()))
            .map_err(said)?
            .secure(self.secure.unwrap_or(false))
            .http_only(self.http_only.unwrap_or(false))
            .partitioned(self.partitioned.unwrap_or(false));
        if let Some(seconds) = self.max_age {
            cookie = cookie.max_age(Duration::from_secs(whole_seconds(seconds)));
        }
        if let Some(seconds) = self.expires_unix {
            cookie = cookie.expires(instant(seconds));
        }
        if let Some(same_site) = self.same_site {
            cookie = cookie.same_site(same_site_by_name(&same_site).ok_or("SameSite is Strict, Lax or None")?);
        }
        if let Some(priority) = self.priority {
            cookie = cookie.priority(priority_by_name(&priority).ok_or("Priority is Low, Medium or High")?);
        }
        Ok(cookie)
    }
}

/// From a float, `as` cuts fractions off and saturates at both ends.
fn whole_seconds(seconds: f64) -> u64 {
    seconds as u64
}

/// Thousands of years away every time is as good as any other, but not every system has a word for it.
const FAR: f64 = 1e11;

fn instant(unix_seconds: f64) -> SystemTime {
    let distance = Duration::from_secs(whole_seconds(unix_seconds.abs().min(FAR)));
    let moved = if unix_seconds < 0.0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    moved.unwrap_or(UNIX_EPOCH)
}

fn same_site_by_name(name: &str) -> Option<SameSite> {
    let all = [SameSite::Strict, SameSite::Lax, SameSite::None];
    all.into_iter().find(|each| each.as_str().eq_ignore_ascii_case(name))
}

fn priority_by_name(name: &str) -> Option<Priority> {
    let all = [Priority::Low, Priority::Medium, Priority::High];
    all.into_iter().find(|each| each.as_str().eq_ignore_ascii_case(name))
}
