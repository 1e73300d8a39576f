use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::attribute::{Priority, SameSite, checked_domain, checked_path};
use super::error::CookieError;
use super::name::CookieName;
use super::value::CookieValue;

/// A cookie to be set: one `Set-Cookie` line ([RFC 6265bis, section 4.1]).
///
/// A new one has no attributes at all, so it lives until the browser closes, is seen by scripts and
/// goes back only to this host and the directory of this request. For most cookies a path is
/// wanted. The line has the attributes in the order of the npm package `cookie` 0.7.2, byte for
/// byte.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::cookie::{SameSite, SetCookie};
///
/// let cookie = SetCookie::new("__Host-theme", "dark blue")?
///     .path("/")?
///     .max_age(Duration::from_secs(3600))
///     .secure(true)
///     .http_only(true)
///     .same_site(SameSite::Lax);
/// assert_eq!(
///     cookie.to_header_value()?,
///     "__Host-theme=dark%20blue; Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=Lax"
/// );
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
///
/// [RFC 6265bis, section 4.1]: https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#section-4.1
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SetCookie {
    pub(super) name: CookieName,
    pub(super) value: CookieValue,
    pub(super) path: Option<Cow<'static, str>>,
    pub(super) domain: Option<Cow<'static, str>>,
    pub(super) max_age: Option<Duration>,
    pub(super) expires: Option<SystemTime>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<SameSite>,
    pub(super) partitioned: bool,
    pub(super) priority: Option<Priority>,
}

impl SetCookie {
    /// A cookie without attributes. Text given as value is percent-encoded; a [`CookieValue`] is
    /// taken as it is.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieName, CookieValue, SetCookie};
    ///
    /// const THEME: CookieName = CookieName::from_static("theme");
    ///
    /// assert_eq!(SetCookie::new(THEME, "a/b")?.to_header_value()?, "theme=a%2Fb");
    /// assert_eq!(SetCookie::new("theme", CookieValue::verbatim("a/b")?)?.to_header_value()?, "theme=a/b");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`CookieName::new`] and [`CookieValue::encode`], for what is given as text.
    pub fn new<N, V>(name: N, value: V) -> Result<Self, CookieError>
    where
        N: TryInto<CookieName>,
        V: TryInto<CookieValue>,
        CookieError: From<N::Error> + From<V::Error>,
    {
        Ok(Self::bare(name.try_into()?, value.try_into()?))
    }

    pub(super) fn bare(name: CookieName, value: CookieValue) -> Self {
        Self {
            name,
            value,
            path: None,
            domain: None,
            max_age: None,
            expires: None,
            secure: false,
            http_only: false,
            same_site: None,
            partitioned: false,
            priority: None,
        }
    }

    /// Which paths the cookie goes back to: this one and all below it. An empty path takes the
    /// attribute away.
    ///
    /// ```
    /// use cloakroom::cookie::SetCookie;
    ///
    /// assert_eq!(SetCookie::new("theme", "dark")?.path("/shop")?.to_header_value()?, "theme=dark; Path=/shop");
    /// assert!(SetCookie::new("theme", "dark")?.path("/shop; Secure").is_err());
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Path`](super::CookieErrorKind::Path) if it holds `;`, `<` or anything but
    /// visible ASCII and spaces, or is over 1,024 bytes.
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Result<Self, CookieError> {
        self.path = Some(checked_path(path.into())?).filter(|path| !path.is_empty());
        Ok(self)
    }

    /// Which host the cookie goes back to, with all hosts below it. Without, or with an empty one,
    /// it goes back to the host that set it and no other. Browsers ignore a leading dot; it is kept
    /// as it is.
    ///
    /// ```
    /// use cloakroom::cookie::SetCookie;
    ///
    /// let cookie = SetCookie::new("theme", "dark")?.domain("example.com")?;
    /// assert_eq!(cookie.to_header_value()?, "theme=dark; Domain=example.com");
    /// assert!(SetCookie::new("theme", "dark")?.domain("example.com:8080").is_err());
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Domain`](super::CookieErrorKind::Domain) if it is no host name (in ASCII;
    /// `xn--` for others) or over 1,024 bytes.
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> Result<Self, CookieError> {
        let domain = domain.into();
        self.domain = if domain.is_empty() { None } else { Some(checked_domain(domain)?) };
        Ok(self)
    }

    /// How long the cookie lives, in whole seconds. Less than one second removes it. Browsers
    /// prefer this to `Expires`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cloakroom::cookie::SetCookie;
    ///
    /// let cookie = SetCookie::new("theme", "dark")?.max_age(Duration::from_secs(60));
    /// assert_eq!(cookie.to_header_value()?, "theme=dark; Max-Age=60");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// When the cookie ends, by the browser's clock. A time in the past removes it.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use cloakroom::cookie::SetCookie;
    ///
    /// let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    /// let cookie = SetCookie::new("theme", "dark")?.expires(now + Duration::from_secs(5));
    /// assert_eq!(cookie.to_header_value_at(now)?, "theme=dark; Expires=Tue, 14 Nov 2023 22:13:25 GMT");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn expires(mut self, expires: SystemTime) -> Self {
        self.expires = Some(expires);
        self
    }

    /// Whether the cookie goes over HTTPS only.
    ///
    /// ```
    /// use cloakroom::cookie::SetCookie;
    ///
    /// assert_eq!(SetCookie::new("theme", "dark")?.secure(true).to_header_value()?, "theme=dark; Secure");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Whether the cookie is hidden from scripts.
    ///
    /// ```
    /// use cloakroom::cookie::SetCookie;
    ///
    /// assert_eq!(SetCookie::new("theme", "dark")?.http_only(true).to_header_value()?, "theme=dark; HttpOnly");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// With which requests from other sites the cookie goes.
    ///
    /// ```
    /// use cloakroom::cookie::{SameSite, SetCookie};
    ///
    /// let cookie = SetCookie::new("theme", "dark")?.same_site(SameSite::None);
    /// assert!(cookie.to_header_value().is_err());
    /// assert_eq!(cookie.secure(true).to_header_value()?, "theme=dark; Secure; SameSite=None");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// Whether a frame on another site has a cookie of its own for each site that embeds it
    /// ([CHIPS]). Needs `Secure`.
    ///
    /// ```
    /// use cloakroom::cookie::SetCookie;
    ///
    /// let cookie = SetCookie::new("theme", "dark")?.secure(true).partitioned(true);
    /// assert_eq!(cookie.to_header_value()?, "theme=dark; Secure; Partitioned");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// [CHIPS]: https://datatracker.ietf.org/doc/html/draft-cutler-httpbis-partitioned-cookies
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// Which of a site's cookies go first when there are too many.
    ///
    /// ```
    /// use cloakroom::cookie::{Priority, SetCookie};
    ///
    /// let cookie = SetCookie::new("theme", "dark")?.priority(Priority::High);
    /// assert_eq!(cookie.to_header_value()?, "theme=dark; Priority=High");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// The cookie that removes this one from the browser. It has all the same attributes, without some of which the browser would take it for another cookie or not take it at all.
    ///
    /// ```
    /// use cloakroom::cookie::SetCookie;
    ///
    /// let cookie = SetCookie::new("__Host-theme", "dark")?.path("/")?.secure(true);
    /// assert_eq!(
    ///     cookie.removal().to_header_value()?,
    ///     "__Host-theme=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure"
    /// );
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn removal(&self) -> Self {
        Self { value: CookieValue::EMPTY, max_age: Some(Duration::ZERO), expires: Some(UNIX_EPOCH), ..self.clone() }
    }

    /// The same cookie with another value.
    pub(crate) fn with_value(mut self, value: CookieValue) -> Self {
        self.value = value;
        self
    }

    /// The cookie's name.
    ///
    /// ```
    /// assert_eq!(cloakroom::cookie::SetCookie::new("theme", "dark")?.name().as_str(), "theme");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &CookieName {
        &self.name
    }

    /// The cookie's value.
    ///
    /// ```
    /// assert_eq!(cloakroom::cookie::SetCookie::new("theme", "dark")?.value().decoded(), "dark");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn value(&self) -> &CookieValue {
        &self.value
    }
}
