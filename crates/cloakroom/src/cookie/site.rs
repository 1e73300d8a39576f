use std::net::IpAddr;

use super::error::{CookieError, CookieErrorKind};
use super::rules;
use super::set_cookie::SetCookie;
use super::warning::CookieWarning;

/// The site that answers, as the browser sees it: HTTPS or not, and the host in the address bar.
///
/// ```
/// use cloakroom::cookie::{SetCookie, Site};
///
/// let cookie = SetCookie::new("theme", "dark")?.domain("example.com")?;
/// assert!(cookie.check_at(&Site::https("shop.example.com")).is_ok());
/// assert!(cookie.check_at(&Site::https("example.org")).is_err());
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    secure: bool,
    host: String,
}

impl Site {
    /// A site over HTTPS. The host may have a port, as in a `Host` header; cookies know no ports.
    ///
    /// ```
    /// use cloakroom::cookie::Site;
    ///
    /// assert_eq!(Site::https("Example.com:8443"), Site::https("example.com"));
    /// ```
    #[must_use]
    pub fn https(host: impl AsRef<str>) -> Self {
        Self { secure: true, host: bare_host(host.as_ref()) }
    }

    /// A site over plain HTTP. The host may have a port, as in a `Host` header; cookies know no
    /// ports.
    ///
    /// ```
    /// use cloakroom::cookie::{SetCookie, Site};
    ///
    /// let cookie = SetCookie::new("theme", "dark")?.secure(true);
    /// assert!(cookie.check_at(&Site::http("example.com:8080")).is_err());
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn http(host: impl AsRef<str>) -> Self {
        Self { secure: false, host: bare_host(host.as_ref()) }
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Whether browsers trust the host although it is plain HTTP, since nothing leaves the machine.
    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost") || self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// Whether this host may set a cookie for that domain (RFC 6265bis, 5.1.3 and 5.7).
    fn may_set_for(&self, domain: &str) -> bool {
        if self.host.eq_ignore_ascii_case(domain) {
            return true;
        }
        let name = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
        if self.ip().is_some() {
            return false;
        }
        let is_parent = self.host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.')) && name.contains('.');
        self.host == name || is_parent
    }
}

fn bare_host(host: &str) -> String {
    let without_port = match host.rsplit_once(':') {
        // A colon inside of brackets, or one of several, belongs to an IPv6 address.
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    };
    without_port.to_ascii_lowercase()
}

impl SetCookie {
    /// Whether browsers would keep the cookie when this site sets it: all that
    /// [`to_header_value`](Self::to_header_value) checks, and what depends on the site. In the good
    /// case come the warnings that this site adds to those of [`warnings`](Self::warnings).
    ///
    /// Which suffixes are public (`co.uk`) is known to browsers by a list; here only a single label
    /// (`com`) counts as one.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieErrorKind, CookieWarning, SetCookie, Site};
    ///
    /// let cookie = SetCookie::new("__Host-theme", "dark")?.path("/")?.secure(true);
    /// assert_eq!(cookie.check_at(&Site::https("example.com"))?, []);
    /// assert_eq!(cookie.check_at(&Site::http("localhost:3000"))?, [CookieWarning::SecureOnLoopback]);
    /// let error = cookie.check_at(&Site::http("example.com")).unwrap_err();
    /// assert_eq!(error.kind(), CookieErrorKind::Site);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`to_header_value_at`](Self::to_header_value_at), and [`CookieErrorKind::Site`] for a
    /// `Secure` cookie over plain HTTP and for a `Domain` that the host may not set cookies for.
    pub fn check_at(&self, site: &Site) -> Result<Vec<CookieWarning>, CookieError> {
        rules::check(self)?;
        let refused = |why: String| Err(CookieError::new(CookieErrorKind::Site, why));
        let (name, host) = (&self.name, site.host.escape_debug());
        if let Some(domain) = &self.domain
            && !site.may_set_for(domain)
        {
            return refused(format!("the host `{host}` can't set the cookie `{name}` for the Domain `{domain}`"));
        }
        if !self.secure || site.secure {
            Ok(Vec::new())
        } else if site.is_loopback() {
            Ok(vec![CookieWarning::SecureOnLoopback])
        } else {
            refused(format!("the cookie `{name}` is Secure and `{host}` answers over plain HTTP; browsers drop it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_sets_cookies_for_itself_and_what_is_above_it() {
        let site = Site::https("www.shop.example");
        for good in ["www.shop.example", ".www.shop.example", "shop.example", ".SHOP.example"] {
            assert!(site.may_set_for(good), "{good}");
        }
        for bad in ["example", ".example", "a.www.shop.example", "op.example", "ww.shop.example", "other.example"] {
            assert!(!site.may_set_for(bad), "{bad}");
        }
    }

    #[test]
    fn a_single_label_is_fine_if_it_is_the_host() {
        assert!(Site::http("localhost").may_set_for("localhost"));
        assert!(!Site::http("app.localhost").may_set_for("localhost"));
    }

    #[test]
    fn an_address_stands_for_itself_only() {
        assert!(Site::http("127.0.0.1:80").may_set_for("127.0.0.1"));
        for bad in [".127.0.0.1", "0.0.1", "0.1", "1"] {
            assert!(!Site::http("127.0.0.1").may_set_for(bad), "{bad}");
        }
    }

    #[test]
    fn ports_go_and_addresses_stay() {
        for (given, host) in [
            ("A.b:80", "a.b"),
            ("a.b:", "a.b"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
            ("a:b", "a:b"),
        ] {
            assert_eq!(Site::http(given).host, host);
        }
    }

    #[test]
    fn loopback_is_recognised() {
        for host in ["localhost", "app.LOCALHOST:80", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:3000", "::1"] {
            assert!(Site::http(host).is_loopback(), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "mylocalhost", "128.0.0.1", "[::2]", ""] {
            assert!(!Site::http(host).is_loopback(), "{host}");
        }
    }
}
