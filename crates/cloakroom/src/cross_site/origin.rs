//! Where a page comes from, as RFC 6454 writes it.

use std::error::Error;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Scheme, host and port of a site, such as `https://example.com`: whom to [trust](super::CrossSiteLayer::trust).
///
/// Letters may be in any case, and the scheme's own port may be there or not: both origins below are the same.
///
/// ```
/// use cloakroom::cross_site::Origin;
///
/// assert_eq!(Origin::new("https://Example.com:443")?, Origin::new("https://example.com")?);
/// assert!(Origin::new("https://example.com/").is_err(), "an origin has no path");
/// # Ok::<(), cloakroom::cross_site::OriginError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    place: Place,
}

impl Origin {
    /// An origin by its text, `scheme://host` or `scheme://host:port`, as a browser would send it.
    ///
    /// The host of an international name is in its ASCII form (`xn--…`), and an IPv6 address in brackets.
    ///
    /// # Errors
    ///
    /// If no browser could send it: without a scheme, with a path, a user or a query, `null`, or beyond ASCII.
    pub fn new(text: &str) -> Result<Origin, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError(Fault::NoScheme))?;
        if !is_scheme(scheme) {
            return Err(OriginError(Fault::NoScheme));
        }
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = split(rest).ok_or_else(|| OriginError(Fault::of(rest)))?;
        let port = port.or_else(|| default_port(&scheme));
        Ok(Origin { scheme, place: Place { host, port } })
    }

    /// Whether this is the origin of a site at that `Host`, whose scheme is not known.
    pub(super) fn is_at(&self, host: &str) -> bool {
        let is_web = matches!(self.scheme.as_str(), "http" | "https");
        let place = split(host).map(|(host, port)| Place { host, port: port.or_else(|| default_port(&self.scheme)) });
        is_web && place.is_some_and(|place| place == self.place)
    }
}

/// A host and its port.
#[derive(Clone, PartialEq, Eq)]
struct Place {
    host: Host,
    /// None only where the scheme has none of its own.
    port: Option<u16>,
}

#[derive(Clone, PartialEq, Eq)]
enum Host {
    /// In lower case; IPv4 addresses too.
    Name(String),
    V6(Ipv6Addr),
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_inner)
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// Host and port of what stands behind `://` or in a `Host` header. None if it is neither.
fn split(text: &str) -> Option<(Host, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        return Some((Host::V6(Ipv6Addr::from_str(address).ok()?), port(rest)?));
    }
    let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
    let is_name = !name.is_empty() && name.bytes().all(is_host_byte);
    Some((Host::Name(is_name.then(|| name.to_ascii_lowercase())?), port(rest)?))
}

/// What can stand in a host that a browser has read: the URL standard's forbidden domain code points can't.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"#%/:<>?@[\\]^|".contains(&byte)
}

/// The port behind a host: nothing, or a colon and a number. None if it is neither.
fn port(rest: &str) -> Option<Option<u16>> {
    if rest.is_empty() {
        return Some(None);
    }
    let digits = rest.strip_prefix(':')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?.map(Some)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match &self.place.host {
            Host::Name(name) => f.write_str(name)?,
            Host::V6(address) => write!(f, "[{address}]")?,
        }
        match self.place.port {
            Some(port) if Some(port) != default_port(&self.scheme) => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Origin, OriginError> {
        Origin::new(text)
    }
}

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError(Fault);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    NoScheme,
    NotAscii,
    More,
    Host,
}

impl Fault {
    /// What is wrong with what stands behind the scheme.
    fn of(rest: &str) -> Fault {
        if !rest.is_ascii() {
            Fault::NotAscii
        } else if rest.contains(['/', '?', '#', '@']) {
            Fault::More
        } else {
            Fault::Host
        }
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Fault::NoScheme => "an origin begins with its scheme, such as https://",
            Fault::NotAscii => "the host of an origin is in its ASCII form, such as xn--bcher-kva.example",
            Fault::More => "an origin has no user, path, query or fragment, and no slash at its end",
            Fault::Host => "the host or the port of an origin can't be read",
        })
    }
}

impl Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send() {
        for (text, shown) in [
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.COM", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://example.com:80", "http://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
            ("https://a_b.example", "https://a_b.example"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
            ("tauri://localhost:0", "tauri://localhost:0"),
        ] {
            assert_eq!(Origin::new(text).unwrap().to_string(), shown);
            assert_eq!(Origin::new(shown).unwrap(), text.parse().unwrap());
        }
    }

    #[test]
    fn anything_else_is_refused_where_it_is_written() {
        for (text, fault) in [
            ("", Fault::NoScheme),
            ("null", Fault::NoScheme),
            ("*", Fault::NoScheme),
            ("example.com", Fault::NoScheme),
            ("example.com:443", Fault::NoScheme),
            ("://example.com", Fault::NoScheme),
            ("1http://example.com", Fault::NoScheme),
            (" https://example.com", Fault::NoScheme),
            ("https://example.com/", Fault::More),
            ("https://example.com/path", Fault::More),
            ("https://example.com?x", Fault::More),
            ("https://example.com#x", Fault::More),
            ("https://user@example.com", Fault::More),
            ("https://bücher.example", Fault::NotAscii),
            ("https://", Fault::Host),
            ("https://:443", Fault::Host),
            ("https://example.com:", Fault::Host),
            ("https://example.com:+1", Fault::Host),
            ("https://example.com:65536", Fault::Host),
            ("https://example.com:44a", Fault::Host),
            ("https://example.com:1:2", Fault::Host),
            ("https://*.example.com\\x", Fault::Host),
            ("https://exa mple.com", Fault::Host),
            ("https://2001:db8::1", Fault::Host),
            ("https://[2001:db8::1", Fault::Host),
            ("https://[2001:db8::1]x", Fault::Host),
            ("https://[fe80::1%25eth0]", Fault::Host),
            ("https://[]", Fault::Host),
            ("https://example.com, https://example.org", Fault::More),
        ] {
            assert_eq!(Origin::new(text), Err(OriginError(fault)), "{text}");
        }
    }

    #[test]
    fn a_host_has_an_origin_of_either_scheme() {
        let is_at = |origin: &str, host: &str| Origin::new(origin).unwrap().is_at(host);
        for (origin, host) in [
            ("https://example.com", "example.com"),
            ("http://example.com", "example.com"),
            ("https://example.com", "EXAMPLE.com:443"),
            ("http://example.com", "example.com:80"),
            ("http://example.com:3000", "example.com:3000"),
            ("http://[::1]:3000", "[0:0:0:0:0:0:0:1]:3000"),
        ] {
            assert!(is_at(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("https://example.com", "example.com:80"),
            ("http://example.com", "example.com:443"),
            ("http://example.com:3000", "example.com"),
            ("http://example.com:3000", "example.com:3001"),
            ("https://example.com", "www.example.com"),
            ("https://example.com", "example.com."),
            ("https://example.com", ""),
            ("https://example.com", "user@example.com"),
            ("http://[::1]:3000", "[::2]:3000"),
            ("http://[::1]", "::1"),
            ("chrome-extension://example.com", "example.com"),
            ("wss://example.com", "example.com"),
        ] {
            assert!(!is_at(origin, host), "{origin} {host}");
        }
    }
}
