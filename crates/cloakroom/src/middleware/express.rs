//! The options of express-session, by their names there.

use std::borrow::Cow;
use std::time::Duration;

use super::attributes::Attributes;
use crate::cookie::{CookieError, CookieName, KeyRing, Priority, SameSite};

/// The key of a record's metadata under which the stores of Express' layouts keep the attributes of the session's cookie, all but
/// its times.
pub(super) const COOKIE: &str = "cookie";

const DEFAULT_NAME: CookieName = CookieName::from_static("connect.sid");

/// How long Express' stores keep a session whose cookie ends with the browser.
const TWO_WEEKS: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The options of express-session that a layer beside an Express application must share with it, with their defaults there.
///
/// Give it to [`SessionLayer::express`](crate::SessionLayer::express), together with a store in a layout of Express. All other
/// options of express-session are either always as its documentation recommends, or settings of the layer: see
/// `docs/from-express.md`.
///
/// ```
/// use cloakroom::{ExpressOptions, SessionLayer, cookie::SameSite, store::MemoryStore};
/// use std::time::Duration;
///
/// // session({ secret: ["new cat", "keyboard cat"], rolling: true, cookie: { maxAge: 3600000, sameSite: "lax" } })
/// let options = ExpressOptions::new(["new cat", "keyboard cat"])?
///     .rolling(true)
///     .max_age(Duration::from_secs(3600))
///     .same_site(SameSite::Lax);
/// let layer = SessionLayer::express(MemoryStore::new(), options).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct ExpressOptions {
    pub(super) keys: KeyRing,
    pub(super) name: CookieName,
    pub(super) max_age: Option<Duration>,
    pub(super) ttl: Duration,
    pub(super) rolling: bool,
    pub(super) attributes: Attributes,
}

impl ExpressOptions {
    /// Options with these secrets (`secret`), the newest first. Short ones are taken as Express takes them; but one under 32 bytes
    /// can be guessed from a single cookie.
    ///
    /// # Errors
    ///
    /// If there is no secret, or one is empty.
    pub fn new(secrets: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<ExpressOptions, CookieError> {
        let keys = KeyRing::weak(secrets)?;
        let attributes = Attributes::default();
        Ok(ExpressOptions { keys, name: DEFAULT_NAME, max_age: None, ttl: TWO_WEEKS, rolling: false, attributes })
    }

    /// The name of the cookie (`name`; default: `connect.sid`).
    pub fn name(mut self, name: CookieName) -> ExpressOptions {
        self.name = name;
        self
    }

    /// How long the cookie and an idle session live (`cookie.maxAge`; default: until the browser closes). As in Express, using the
    /// session puts off its end; though not with every request, but at most every tenth of this time or every five minutes.
    pub fn max_age(mut self, max_age: Duration) -> ExpressOptions {
        self.max_age = Some(max_age);
        self
    }

    /// How long the store keeps an idle session without a `maxAge` (`ttl` of connect-mongo and connect-redis, `expires` of
    /// connect-mongodb-session; default: 14 days).
    pub fn ttl(mut self, ttl: Duration) -> ExpressOptions {
        self.ttl = ttl;
        self
    }

    /// Whether the cookie is sent again whenever the end of the session is put off (`rolling`; default: no, only when the
    /// session is changed). It means something to sessions with a `maxAge` only.
    pub fn rolling(mut self, rolling: bool) -> ExpressOptions {
        self.rolling = rolling;
        self
    }

    /// The Path of the cookie (`cookie.path`; default: `/`).
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> ExpressOptions {
        self.attributes.path = path.into();
        self
    }

    /// The Domain of the cookie (`cookie.domain`; default: none).
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> ExpressOptions {
        self.attributes.domain = Some(domain.into());
        self
    }

    /// Whether the cookie is for HTTPS only (`cookie.secure`; default: no). Unlike Express, the layer then sends it without
    /// asking what the connection was like, which only the proxy in front knows.
    pub fn secure(mut self, secure: bool) -> ExpressOptions {
        self.attributes.secure = secure;
        self
    }

    /// Whether scripts can't see the cookie (`cookie.httpOnly`; default: yes).
    pub fn http_only(mut self, http_only: bool) -> ExpressOptions {
        self.attributes.http_only = http_only;
        self
    }

    /// When other sites' requests carry the cookie (`cookie.sameSite`; default: no attribute). `true` is
    /// [`Strict`](SameSite::Strict) there.
    pub fn same_site(mut self, same_site: SameSite) -> ExpressOptions {
        self.attributes.same_site = Some(same_site);
        self
    }

    /// The Priority of the cookie (`cookie.priority`; default: none).
    pub fn priority(mut self, priority: Priority) -> ExpressOptions {
        self.attributes.priority = Some(priority);
        self
    }

    /// A cookie jar of its own for each site that embeds this one (`cookie.partitioned`; default: no).
    pub fn partitioned(mut self, partitioned: bool) -> ExpressOptions {
        self.attributes.partitioned = partitioned;
        self
    }
}
