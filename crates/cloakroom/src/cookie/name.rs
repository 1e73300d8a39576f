use std::borrow::Cow;
use std::fmt;

use super::error::{CookieError, CookieErrorKind};

/// The name of a cookie: a token, compared with case ([RFC 6265bis, section 4.1.1]).
///
/// A name that the program knows is best a constant; a bad one does not compile.
///
/// ```
/// use cloakroom::cookie::CookieName;
///
/// const THEME: CookieName = CookieName::from_static("theme");
/// assert_eq!(THEME.as_str(), "theme");
/// ```
///
/// ```compile_fail
/// use cloakroom::cookie::CookieName;
///
/// const THEME: CookieName = CookieName::from_static("the theme");
/// # println!("{THEME}");
/// ```
///
/// [RFC 6265bis, section 4.1.1]: https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#section-4.1.1
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CookieName(Cow<'static, str>);

/// The promise that a name makes by how it begins ([RFC 6265bis, section 4.1.3]).
///
/// Browsers keep such a cookie only if its attributes hold the promise, so whoever reads it knows
/// how it was set. They look at the prefix without regard to case.
///
/// ```
/// use cloakroom::cookie::{CookieName, Prefix};
///
/// assert_eq!(CookieName::new("__Host-sid")?.prefix(), Some(Prefix::Host));
/// assert_eq!(CookieName::new("__host-http-sid")?.prefix(), Some(Prefix::HostHttp));
/// assert_eq!(CookieName::new("sid")?.prefix(), None);
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
///
/// [RFC 6265bis, section 4.1.3]: https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#section-4.1.3
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Prefix {
    /// `__Secure-`: set with `Secure`.
    Secure,
    /// `__Host-`: set with `Secure` and `Path=/` and without `Domain`, so by this very host.
    Host,
    /// `__Http-`: set with `Secure` and `HttpOnly`, so by a server and not by a script.
    Http,
    /// `__Host-Http-`: both of the above.
    HostHttp,
}

impl CookieName {
    /// A name that is known at compile time.
    ///
    /// ```
    /// use cloakroom::cookie::CookieName;
    ///
    /// const SID: CookieName = CookieName::from_static("__Host-sid");
    /// assert_eq!(SID, CookieName::new("__Host-sid")?);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the name is empty or no token. In a `const` that is a compile error.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(!name.is_empty(), "the cookie's name is empty");
        assert!(first_bad(name.as_bytes()).is_none(), "the cookie's name is not a token");
        Self(Cow::Borrowed(name))
    }

    /// A name that is known at run time.
    ///
    /// ```
    /// use cloakroom::cookie::CookieName;
    ///
    /// assert_eq!(CookieName::new("theme")?.as_str(), "theme");
    /// assert!(CookieName::new("").is_err());
    /// assert!(CookieName::new("a=b").is_err());
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Name`] if the name is empty or no token: ASCII letters, digits and
    /// ``!#$%&'*+-.^_`|~``.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, CookieError> {
        let name = name.into();
        if name.is_empty() {
            return Err(CookieError::new(CookieErrorKind::Name, "the cookie's name is empty"));
        }
        match first_bad(name.as_bytes()) {
            None => Ok(Self(name)),
            Some(at) => Err(CookieError::new(
                CookieErrorKind::Name,
                format!("the cookie's name has a character that is not allowed in a token, at byte {at}"),
            )),
        }
    }

    /// The name as text.
    ///
    /// ```
    /// use cloakroom::cookie::CookieName;
    ///
    /// assert_eq!(CookieName::from_static("theme").as_str(), "theme");
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The promise that the name makes, if it makes one.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieName, Prefix};
    ///
    /// assert_eq!(CookieName::from_static("__SECURE-theme").prefix(), Some(Prefix::Secure));
    /// ```
    #[must_use]
    pub fn prefix(&self) -> Option<Prefix> {
        // `__Host-Http-` before `__Host-`, which it begins with.
        [Prefix::HostHttp, Prefix::Host, Prefix::Http, Prefix::Secure].into_iter().find(|prefix| {
            let text = prefix.as_str().as_bytes();
            self.0.as_bytes().get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
        })
    }
}

impl Prefix {
    /// The prefix as it is usually written.
    ///
    /// ```
    /// assert_eq!(cloakroom::cookie::Prefix::HostHttp.as_str(), "__Host-Http-");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secure => "__Secure-",
            Self::Host => "__Host-",
            Self::Http => "__Http-",
            Self::HostHttp => "__Host-Http-",
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

const fn first_bad(name: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < name.len() {
        if !is_token(name[at]) {
            return Some(at);
        }
        at += 1;
    }
    None
}

const fn is_token(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~'
    )
}

impl AsRef<str> for CookieName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for CookieName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl TryFrom<&str> for CookieName {
    type Error = CookieError;

    fn try_from(name: &str) -> Result<Self, CookieError> {
        Self::new(name.to_owned())
    }
}

impl TryFrom<String> for CookieName {
    type Error = CookieError;

    fn try_from(name: String) -> Result<Self, CookieError> {
        Self::new(name)
    }
}

impl From<&CookieName> for CookieName {
    fn from(name: &CookieName) -> Self {
        name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_token_characters_are_allowed() {
        let allowed: Vec<u8> = (0..=u8::MAX).filter(|byte| is_token(*byte)).collect();
        let mut expected = b"!#$%&'*+-.^_`|~".to_vec();
        expected.extend((b'0'..=b'9').chain(b'A'..=b'Z').chain(b'a'..=b'z'));
        expected.sort_unstable();
        assert_eq!(allowed, expected);
    }

    #[test]
    fn a_bad_name_is_not_repeated_in_the_error() {
        let error = CookieName::new("secret\r\nSet-Cookie: x").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn a_prefix_reads_as_it_is_written() {
        for prefix in [Prefix::Secure, Prefix::Host, Prefix::Http, Prefix::HostHttp] {
            assert_eq!(CookieName::new(prefix.to_string()).unwrap().prefix(), Some(prefix));
        }
    }

    #[test]
    fn a_prefix_alone_counts_and_a_part_of_one_does_not() {
        assert_eq!(CookieName::from_static("__Host-").prefix(), Some(Prefix::Host));
        assert_eq!(CookieName::from_static("__Host-Http-").prefix(), Some(Prefix::HostHttp));
        assert_eq!(CookieName::from_static("__Host-Http").prefix(), Some(Prefix::Host));
        assert_eq!(CookieName::from_static("__Host").prefix(), None);
        assert_eq!(CookieName::from_static("x__Host-").prefix(), None);
    }
}
