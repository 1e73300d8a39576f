//! HTTP cookies as a server sees them.
//!
//! This module knows nothing of sessions. It reads the `Cookie` headers of a request and writes the
//! `Set-Cookie` lines of a response, and the two halves follow different rules on purpose.
//!
//! # Reading is tolerant
//!
//! A browser sends what it was once given, by us, by a script or by another application on a
//! sibling domain. Nothing in a `Cookie` header is an error here: pieces that are no cookie are
//! skipped, percent-encoding is undone where it can be undone, and any bytes at all can come in.
//! The rules are those of the npm package `cookie` 0.7.2, which Express uses, so that both sides of
//! a shared login see the same values.
//!
//! ```
//! use cloakroom::cookie::CookieJar;
//! use http::{HeaderMap, HeaderValue, header::COOKIE};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert(COOKIE, HeaderValue::from_static("theme=dark%20blue; nonsense; theme=light"));
//!
//! let jar = CookieJar::from_headers(&headers);
//! assert_eq!(jar.get("theme").as_deref(), Some("dark blue"));
//! assert_eq!(jar.get("nonsense"), None);
//! ```
//!
//! # Writing is strict
//!
//! A browser drops a cookie that it doesn't like without a word, and the mistake shows weeks later
//! as "the log-in does not stick". So what a browser would drop is a [`CookieError`] at the line
//! that wrote it, and what a browser would change is a [`CookieWarning`]. The rules are those of
//! [RFC 6265bis], and where Chromium or Firefox differ from it, theirs.
//!
//! ```
//! use cloakroom::cookie::{CookieErrorKind, SameSite, SetCookie};
//!
//! let cookie = SetCookie::new("theme", "dark blue")?.path("/")?.same_site(SameSite::Lax);
//! assert_eq!(cookie.to_header_value()?, "theme=dark%20blue; Path=/; SameSite=Lax");
//!
//! // A `__Host-` cookie must be Secure; this one would vanish in the browser.
//! let refused = SetCookie::new("__Host-theme", "dark")?.path("/")?.to_header_value();
//! assert_eq!(refused.unwrap_err().kind(), CookieErrorKind::Prefix);
//! # Ok::<(), cloakroom::cookie::CookieError>(())
//! ```
//!
//! # Values that can be trusted
//!
//! Whoever holds the browser can write any cookie. A [`KeyRing`] makes values that can't be forged:
//! signed ones, which the visitor can read but not change, and encrypted ones, which the visitor
//! can't read either. Each is bound to the name of its cookie. Keys are rotated by putting a new
//! secret in front of the ring.
//!
//! ```
//! use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
//!
//! let keys = KeyRing::new("a secret of 32 bytes or more, from your secret store")?;
//! let mut jar = CookieJar::new();
//!
//! jar.signed_mut(&keys).add(SetCookie::new("user", "ada")?.path("/")?)?;
//! assert_eq!(jar.signed(&keys).get("user").as_deref(), Some("ada"));
//!
//! // The same value without the signature is nothing.
//! jar.add(SetCookie::new("user", "mallory")?.path("/")?)?;
//! assert_eq!(jar.signed(&keys).get("user"), None);
//! # Ok::<(), cloakroom::cookie::CookieError>(())
//! ```
//!
//! [RFC 6265bis]: https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html

mod jar;
mod sealed_jar;

mod header;
mod set_cookie;

mod attribute;
mod name;
mod value;

mod line;
mod rules;
mod site;
mod warning;

mod keys;
mod seal;

mod error;

pub use self::attribute::{Priority, SameSite};
pub use self::error::{CookieError, CookieErrorKind};
pub use self::header::{Pairs, pairs, values};
pub use self::jar::CookieJar;
pub use self::keys::KeyRing;
pub use self::name::{CookieName, Prefix};
pub use self::sealed_jar::{SealedJar, SealedJarMut};
pub use self::set_cookie::SetCookie;
pub use self::site::Site;
pub(crate) use self::value::unescape;
pub use self::value::{CookieValue, decode};
pub use self::warning::CookieWarning;
