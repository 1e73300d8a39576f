use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;

/// Why a cookie can't be written, or a key ring not be made.
///
/// The message says what is wrong and never shows a value or a secret, so it is safe to log. A
/// program decides by [`kind`](Self::kind).
///
/// ```
/// use cloakroom::cookie::{CookieErrorKind, SetCookie};
///
/// let error = SetCookie::new("the theme", "dark").unwrap_err();
/// assert_eq!(error.kind(), CookieErrorKind::Name);
/// assert_eq!(error.to_string(), "the cookie's name has a character that is not allowed in a token, at byte 3");
/// ```
#[derive(Debug)]
pub struct CookieError {
    kind: CookieErrorKind,
    message: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a [`CookieError`] is about.
///
/// ```
/// use cloakroom::cookie::{CookieErrorKind, KeyRing};
///
/// assert_eq!(KeyRing::new("too short").unwrap_err().kind(), CookieErrorKind::Secret);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CookieErrorKind {
    /// The name is empty or no token.
    Name,
    /// The value holds a control character, or, if it is to be sent verbatim, anything that is no
    /// cookie octet.
    Value,
    /// `Path` holds a character that a browser would not take, or is over 1,024 bytes.
    Path,
    /// `Domain` is no host name, or is over 1,024 bytes.
    Domain,
    /// The name begins with `__Secure-`, `__Host-`, `__Http-` or `__Host-Http-`, and the attributes
    /// don't fit it.
    Prefix,
    /// Name and value together are over 4,096 bytes.
    TooLong,
    /// `SameSite=None` or `Partitioned` without `Secure`.
    NeedsSecure,
    /// The site that answers may not set this cookie: `Secure` over plain HTTP, or a foreign
    /// `Domain`.
    Site,
    /// A secret is too short, or a key ring would hold none.
    Secret,
    /// The operating system gave no random bytes.
    Random,
    /// A sealed value could not be made.
    Seal,
}

impl CookieError {
    pub(crate) fn new(kind: CookieErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What the error is about.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieErrorKind, CookieValue};
    ///
    /// assert_eq!(CookieValue::encode("two\nlines").unwrap_err().kind(), CookieErrorKind::Value);
    /// ```
    #[must_use]
    pub fn kind(&self) -> CookieErrorKind {
        self.kind
    }
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CookieError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Lets [`SetCookie::new`](super::SetCookie::new) take names and values that are already typed.
impl From<Infallible> for CookieError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_handed_on() {
        let error = CookieError::new(CookieErrorKind::Random, "no randomness").caused_by(std::fmt::Error);
        assert!(error.source().is_some());
        assert_eq!(error.to_string(), "no randomness");
    }

    #[test]
    fn it_crosses_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<CookieError>();
    }
}
