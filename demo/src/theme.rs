//! Light, dark, or as the visitor's system has it: a plain cookie, since it is nobody's secret and harms nobody if forged.

use std::time::Duration;

use cloakroom::cookie::{CookieError, CookieJar, CookieName, SameSite, SetCookie};
use serde::Deserialize;

const NAME: CookieName = CookieName::from_static("theme");

const A_YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    Light,
    Dark,
    #[default]
    System,
}

impl Theme {
    pub(crate) const ALL: [Theme; 3] = [Theme::Light, Theme::Dark, Theme::System];

    /// What the visitor chose. What is no theme was not chosen here, and counts as no choice.
    pub(crate) fn of(jar: &CookieJar) -> Theme {
        match jar.get(NAME).as_deref() {
            Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            _ => Theme::System,
        }
    }

    /// Remembers the choice. The default needs no cookie.
    pub(crate) fn keep(self, jar: &mut CookieJar) -> Result<(), CookieError> {
        let cookie =
            SetCookie::new(NAME, self.as_str())?.path("/")?.max_age(A_YEAR).http_only(true).same_site(SameSite::Lax);
        if self == Theme::System { jar.remove(&cookie) } else { jar.add(cookie) }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
            Theme::System => "system",
        }
    }
}
