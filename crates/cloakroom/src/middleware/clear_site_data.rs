//! What a browser is asked to forget when its user logs out.

use http::{HeaderMap, HeaderName, HeaderValue};

/// What `Clear-Site-Data` names (W3C Clear Site Data). Browsers obey it over HTTPS only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClearSiteData {
    /// What the browser has cached of this origin, so that the back button shows no private page.
    Cache,
    /// All cookies of this registrable domain, those of its other subdomains among them. It is left out where the response begins
    /// a new session, whose cookie it would take away.
    Cookies,
    /// Local storage, IndexedDB, service workers and the like of this origin.
    Storage,
    /// Reloads the open pages of this origin.
    ExecutionContexts,
}

const NAME: HeaderName = HeaderName::from_static("clear-site-data");

impl ClearSiteData {
    fn word(self) -> &'static str {
        match self {
            ClearSiteData::Cache => "\"cache\"",
            ClearSiteData::Cookies => "\"cookies\"",
            ClearSiteData::Storage => "\"storage\"",
            ClearSiteData::ExecutionContexts => "\"executionContexts\"",
        }
    }
}

/// Writes the header, unless the handler has written one. `keeps_cookies`: the response sets a session cookie.
pub(super) fn write(what: &[ClearSiteData], keeps_cookies: bool, headers: &mut HeaderMap) {
    let words = what.iter().filter(|what| !(keeps_cookies && **what == ClearSiteData::Cookies));
    let words: Vec<_> = words.map(|what| what.word()).collect();
    if words.is_empty() || headers.contains_key(NAME) {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&words.join(", ")) {
        headers.insert(NAME, value);
    }
}
