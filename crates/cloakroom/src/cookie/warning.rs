use std::fmt;

/// What a browser would change about a cookie, or do with it, that may not be meant.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use cloakroom::cookie::{CookieWarning, SetCookie};
///
/// let cookie = SetCookie::new("theme", "dark")?.max_age(Duration::MAX);
/// assert_eq!(cookie.warnings(SystemTime::now()), [CookieWarning::Capped]);
/// assert_eq!(CookieWarning::Capped.to_string(), "the lifetime is cut to the 400 days that browsers allow");
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CookieWarning {
    /// It would live over 400 days; the line says 400 days.
    Capped,
    /// `Max-Age` is zero or `Expires` is past: it removes the cookie.
    Expired,
    /// `Path` does not begin with `/`: browsers ignore it and take the directory of the request.
    PathIgnored,
    /// It is `Secure` and set over plain HTTP, by a host that only its own machine can reach:
    /// Chromium and Firefox keep it, others may not.
    SecureOnLoopback,
}

impl fmt::Display for CookieWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capped => "the lifetime is cut to the 400 days that browsers allow",
            Self::Expired => "the cookie has expired already, so it is removed from the browser",
            Self::PathIgnored => "the Path does not begin with `/`, so browsers take the request's directory instead",
            Self::SecureOnLoopback => {
                "the cookie is Secure and set over plain HTTP; only some browsers keep it, and only on localhost"
            }
        })
    }
}
