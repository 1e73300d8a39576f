use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::time::SystemTime;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::error::CookieError;
use super::header::{pairs, unquote};
use super::name::CookieName;
use super::rules;
use super::set_cookie::SetCookie;
use super::value::{CookieValue, decode};

/// The cookies that a request brought and those that its response sets.
///
/// With the feature `axum` it is an extractor that never fails, and a part of a response. What was
/// added is sent only if the jar is returned.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use cloakroom::cookie::{CookieError, CookieJar, SetCookie};
///
/// async fn toggle(mut jar: CookieJar) -> Result<(CookieJar, &'static str), CookieError> {
///     let theme = if jar.get("theme").as_deref() == Some("dark") { "light" } else { "dark" };
///     jar.add(SetCookie::new("theme", theme)?.path("/")?)?;
///     Ok((jar, "toggled"))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::post(toggle));
/// # }
/// ```
///
/// Elsewhere it is made from headers and written to headers.
///
/// ```
/// use cloakroom::cookie::{CookieJar, SetCookie};
/// use http::{HeaderMap, HeaderValue, header};
///
/// let mut request = HeaderMap::new();
/// request.insert(header::COOKIE, HeaderValue::from_static("theme=dark"));
///
/// let mut jar = CookieJar::from_headers(&request);
/// assert_eq!(jar.get("theme").as_deref(), Some("dark"));
/// jar.add(SetCookie::new("theme", "light")?.path("/")?)?;
/// assert_eq!(jar.get("theme").as_deref(), Some("light"));
///
/// let mut response = HeaderMap::new();
/// jar.write_to(&mut response);
/// assert_eq!(response[header::SET_COOKIE], "theme=light; Path=/");
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
#[derive(Clone, Default)]
pub struct CookieJar {
    /// The `Cookie` lines as they came: they are read when asked for, and sharing them costs
    /// nothing.
    incoming: Vec<HeaderValue>,
    outgoing: Vec<Outgoing>,
}

#[derive(Clone)]
struct Outgoing {
    cookie: SetCookie,
    line: HeaderValue,
    /// It removes the cookie, so it is not there to be read.
    gone: bool,
}

impl CookieJar {
    /// An empty jar.
    ///
    /// ```
    /// assert_eq!(cloakroom::cookie::CookieJar::new().iter().count(), 0);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The jar of a request with these headers. Nothing is parsed yet, and nothing in them can be
    /// an error.
    ///
    /// ```
    /// use cloakroom::cookie::CookieJar;
    /// use http::{HeaderMap, HeaderValue, header::COOKIE};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(COOKIE, HeaderValue::from_static("a=1"));
    /// assert_eq!(CookieJar::from_headers(&headers).get("a").as_deref(), Some("1"));
    /// ```
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        Self { incoming: headers.get_all(COOKIE).iter().cloned().collect(), outgoing: Vec::new() }
    }

    /// The value of a cookie, decoded; of equal names the first, as in Express. What was added to
    /// the jar goes before what came in.
    ///
    /// ```
    /// use cloakroom::cookie::CookieJar;
    /// use http::{HeaderMap, HeaderValue, header::COOKIE};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(COOKIE, HeaderValue::from_static("a=x%20y; a=second"));
    /// let jar = CookieJar::from_headers(&headers);
    /// assert_eq!(jar.get("a").as_deref(), Some("x y"));
    /// assert_eq!(jar.get("b"), None);
    /// ```
    #[must_use]
    pub fn get(&self, name: impl AsRef<str>) -> Option<Cow<'_, str>> {
        self.get_raw(name).map(decode)
    }

    /// The value of a cookie as it is on the wire, without surrounding quotes; otherwise as
    /// [`get`](Self::get).
    ///
    /// ```
    /// use cloakroom::cookie::CookieJar;
    /// use http::{HeaderMap, HeaderValue, header::COOKIE};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(COOKIE, HeaderValue::from_bytes(b"a=%20\xff")?);
    /// assert_eq!(CookieJar::from_headers(&headers).get_raw("a"), Some(b"%20\xff".as_slice()));
    /// # Ok::<(), http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn get_raw(&self, name: impl AsRef<str>) -> Option<&[u8]> {
        self.get_all_raw(name.as_ref()).next()
    }

    /// Every value that came in under the name, or the one that was added.
    pub(super) fn get_all_raw(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let name = name.as_bytes();
        let written = self.written(name);
        let incoming = if written.is_some() { [].iter() } else { self.incoming.iter() };
        let incoming = incoming
            .flat_map(|line| pairs(line.as_bytes()))
            .filter(move |(found, _)| *found == name)
            .map(|(_, value)| value);
        written.into_iter().filter_map(Outgoing::value).chain(incoming)
    }

    /// All cookies, decoded: those that came in, in their order, each name once, then those that
    /// were added.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, SetCookie};
    /// use http::{HeaderMap, HeaderValue, header::COOKIE};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(COOKIE, HeaderValue::from_static("a=1; b=2; a=3"));
    /// let mut jar = CookieJar::from_headers(&headers);
    /// jar.add(SetCookie::new("c", "4")?)?;
    /// let all: Vec<_> = jar.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    /// assert_eq!(all, ["a:1", "b:2", "c:4"]);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let mut seen = HashSet::new();
        let incoming = self.incoming.iter().flat_map(|line| pairs(line.as_bytes()));
        let outgoing = self.outgoing.iter().map(|written| (written.cookie.name.as_str().as_bytes(), [].as_slice()));
        incoming.chain(outgoing).filter(move |(name, _)| seen.insert(*name)).filter_map(|(name, value)| {
            let value = match self.written(name) {
                Some(written) => written.value()?,
                None => value,
            };
            Some((String::from_utf8_lossy(name), decode(value)))
        })
    }

    /// Sets a cookie with the response. From now on [`get`](Self::get) sees it. It replaces one
    /// that was added with the same name, domain and path.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, SetCookie};
    ///
    /// let mut jar = CookieJar::new();
    /// jar.add(SetCookie::new("theme", "dark")?.path("/")?)?;
    /// assert_eq!(jar.get("theme").as_deref(), Some("dark"));
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What browsers would drop, as [`SetCookie::to_header_value_at`]. The jar is then as it was.
    pub fn add(&mut self, cookie: SetCookie) -> Result<(), CookieError> {
        let line = cookie.to_header_value()?;
        let gone = rules::is_expired(&cookie, SystemTime::now());
        self.outgoing.retain(|written| !is_same(&written.cookie, &cookie));
        self.outgoing.push(Outgoing { cookie, line, gone });
        Ok(())
    }

    /// Removes a cookie from the browser, whether the request brought it or not. Give it the cookie
    /// with the attributes it is set with; value and lifetime don't matter.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, SetCookie};
    /// use http::{HeaderMap, header};
    ///
    /// let mut jar = CookieJar::new();
    /// jar.remove(&SetCookie::new("theme", "dark")?.path("/shop")?)?;
    ///
    /// let mut response = HeaderMap::new();
    /// jar.write_to(&mut response);
    /// assert_eq!(
    ///     response[header::SET_COOKIE],
    ///     "theme=; Max-Age=0; Path=/shop; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    /// );
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add): browsers check a removal as they check any cookie.
    pub fn remove(&mut self, cookie: &SetCookie) -> Result<(), CookieError> {
        self.add(cookie.removal())
    }

    /// Removes a cookie that was set with `Path=/`, without `Domain`, by its name alone. Flags that
    /// a prefix of the name asks for are added.
    ///
    /// ```
    /// use cloakroom::cookie::CookieJar;
    /// use http::{HeaderMap, header};
    ///
    /// let mut jar = CookieJar::new();
    /// jar.remove_named("__Host-theme")?;
    ///
    /// let mut response = HeaderMap::new();
    /// jar.write_to(&mut response);
    /// assert_eq!(
    ///     response[header::SET_COOKIE],
    ///     "__Host-theme=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure"
    /// );
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Name`](super::CookieErrorKind::Name) if it is no name.
    pub fn remove_named<N>(&mut self, name: N) -> Result<(), CookieError>
    where
        N: TryInto<CookieName>,
        CookieError: From<N::Error>,
    {
        let cookie = SetCookie::bare(name.try_into()?, CookieValue::EMPTY).path("/")?;
        let promised = cookie.name.prefix().is_some();
        self.remove(&cookie.secure(promised).http_only(promised))
    }

    /// Adds the `Set-Cookie` lines to the headers of a response; those already there stay.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, SetCookie};
    /// use http::{HeaderMap, header::SET_COOKIE};
    ///
    /// let mut jar = CookieJar::new();
    /// jar.add(SetCookie::new("a", "1")?)?;
    /// jar.add(SetCookie::new("b", "2")?)?;
    /// let mut headers = HeaderMap::new();
    /// jar.write_to(&mut headers);
    /// assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 2);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    pub fn write_to(&self, headers: &mut HeaderMap) {
        for written in &self.outgoing {
            headers.append(SET_COOKIE, written.line.clone());
        }
    }

    /// The latest that was added under the name. One that stays goes before a removal: who moves a
    /// cookie to another path sets it there and removes it here.
    fn written(&self, name: &[u8]) -> Option<&Outgoing> {
        let all = || {
            let named = |written: &&Outgoing| written.cookie.name.as_str().as_bytes() == name;
            self.outgoing.iter().rev().filter(named)
        };
        all().find(|written| !written.gone).or_else(|| all().next())
    }
}

impl Outgoing {
    fn value(&self) -> Option<&[u8]> {
        (!self.gone).then(|| unquote(self.cookie.value.as_str().as_bytes()))
    }
}

/// Whether a browser would put one in the place of the other (RFC 6265bis, 5.7).
fn is_same(one: &SetCookie, other: &SetCookie) -> bool {
    let domain = |cookie: &SetCookie| {
        cookie.domain.as_deref().map(|domain| domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase())
    };
    one.name == other.name && one.path == other.path && domain(one) == domain(other)
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let incoming = self.incoming.iter().flat_map(|line| pairs(line.as_bytes()));
        let incoming: Vec<_> = incoming.map(|(name, _)| String::from_utf8_lossy(name)).collect();
        let outgoing: Vec<_> = self.outgoing.iter().map(|written| written.cookie.name.as_str()).collect();
        f.debug_struct("CookieJar").field("incoming", &incoming).field("outgoing", &outgoing).finish()
    }
}
