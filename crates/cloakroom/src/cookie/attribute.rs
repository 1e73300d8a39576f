use std::borrow::Cow;
use std::fmt;

use super::error::{CookieError, CookieErrorKind};

/// With which requests from other sites a browser sends the cookie ([RFC 6265bis, section 5.6.7]).
///
/// ```
/// use cloakroom::cookie::{SameSite, SetCookie};
///
/// let cookie = SetCookie::new("theme", "dark")?.same_site(SameSite::Strict);
/// assert_eq!(cookie.to_header_value()?, "theme=dark; SameSite=Strict");
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
///
/// [RFC 6265bis, section 5.6.7]: https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#section-5.6.7
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// With none of them; a visitor who follows a link to us arrives without the cookie.
    Strict,
    /// With a visitor who follows a link to us, but not with posted forms, frames or scripts.
    Lax,
    /// With all of them. Needs `Secure`.
    None,
}

/// Which cookies Chromium keeps longest when a site has too many; other browsers ignore it
/// ([draft]).
///
/// ```
/// use cloakroom::cookie::{Priority, SetCookie};
///
/// let cookie = SetCookie::new("theme", "dark")?.priority(Priority::Low);
/// assert_eq!(cookie.to_header_value()?, "theme=dark; Priority=Low");
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
///
/// [draft]: https://datatracker.ietf.org/doc/html/draft-west-cookie-priority-00
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Goes first.
    Low,
    /// What a cookie without the attribute has.
    Medium,
    /// Goes last.
    High,
}

impl SameSite {
    /// The attribute's value as it goes over the wire.
    ///
    /// ```
    /// assert_eq!(cloakroom::cookie::SameSite::Lax.as_str(), "Lax");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

impl Priority {
    /// The attribute's value as it goes over the wire.
    ///
    /// ```
    /// assert_eq!(cloakroom::cookie::Priority::High.as_str(), "High");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

impl fmt::Display for SameSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Over this, browsers ignore the attribute, and the cookie is wider or narrower than it was meant
/// (RFC 6265bis, 5.6).
const MAX_ATTRIBUTE: usize = 1024;

pub(super) fn checked_path(path: Cow<'static, str>) -> Result<Cow<'static, str>, CookieError> {
    let refused = |why: String| Err(CookieError::new(CookieErrorKind::Path, why));
    if path.len() > MAX_ATTRIBUTE {
        return refused(format!("the cookie's Path has {} bytes; browsers ignore one over 1,024", path.len()));
    }
    // `<` is refused because Express refuses it; all else because it would end the attribute or the
    // browser drops the cookie.
    match path.bytes().position(|byte| !matches!(byte, b' '..=b':' | b'='..=b'~')) {
        Some(at) => refused(format!("the cookie's Path has a character that is not allowed, at byte {at}")),
        None => Ok(path),
    }
}

pub(super) fn checked_domain(domain: Cow<'static, str>) -> Result<Cow<'static, str>, CookieError> {
    let refused = |why: String| Err(CookieError::new(CookieErrorKind::Domain, why));
    if domain.len() > MAX_ATTRIBUTE {
        return refused(format!("the cookie's Domain has {} bytes; browsers ignore one over 1,024", domain.len()));
    }
    let name = domain.strip_prefix('.').unwrap_or(&domain);
    if name.split('.').all(is_label) {
        return Ok(domain);
    }
    refused(format!(
        "the cookie's Domain `{}` is not a host name: labels of letters, digits and inner hyphens, with single dots between them",
        domain.escape_debug()
    ))
}

/// One label of a host name: up to 63 letters, digits and hyphens, with no hyphen at either end
/// (RFC 1034, 3.5).
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    matches!(bytes.len(), 1..=63)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_that_are_no_host_name_are_refused() {
        for good in
            ["example.com", ".example.com", "EXAMPLE.com", "localhost", "a-b.c1", "127.0.0.1", "xn--bcher-kva.example"]
        {
            assert_eq!(checked_domain(good.into()).unwrap(), good);
        }
        for bad in [
            ".",
            "..a.b",
            "a..b",
            "a.b.",
            "a.b..",
            "a b.c",
            " a.b",
            "a.b ",
            "\"a.b\"",
            "a.b:80",
            "-a.b",
            "a-.b",
            "a_b.c",
            "bücher.example",
            "a.b;Path=/",
            "a.b\n",
            "[::1]",
            "a/b",
        ] {
            assert_eq!(checked_domain(bad.into()).unwrap_err().kind(), CookieErrorKind::Domain, "{bad}");
        }
        assert!(checked_domain("a".repeat(63).into()).is_ok());
        assert!(checked_domain("a".repeat(64).into()).is_err());
    }

    #[test]
    fn they_are_shown_as_they_are_sent() {
        let shown = format!("{} {:>7} {}", SameSite::Strict, SameSite::Lax, SameSite::None);
        assert_eq!(shown, "Strict     Lax None");
        assert_eq!(format!("{} {} {}", Priority::Low, Priority::Medium, Priority::High), "Low Medium High");
    }

    #[test]
    fn paths_stay_inside_their_attribute() {
        for good in ["/", "/login", "/foo=bar?baz", "/foo\"bar\"", "/a b"] {
            assert_eq!(checked_path(good.into()).unwrap(), good);
        }
        for bad in ["/;", "/\n", "/\0", "/<", "/é", "/\u{7f}", "/\t"] {
            assert_eq!(checked_path(bad.into()).unwrap_err().kind(), CookieErrorKind::Path, "{bad:?}");
        }
    }

    #[test]
    fn attributes_end_at_1024_bytes() {
        assert!(checked_path(format!("/{}", "a".repeat(1023)).into()).is_ok());
        assert!(checked_path(format!("/{}", "a".repeat(1024)).into()).is_err());
        let long = "a.".repeat(511);
        assert!(checked_domain(format!("{long}bc").into()).is_ok());
        assert!(checked_domain(format!("{long}bcd").into()).is_err());
    }
}
