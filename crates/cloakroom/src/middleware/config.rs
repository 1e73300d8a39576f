//! How a layer is set up, and what it refuses.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;

use super::address::{AddressDetail, IpNetwork, ProxyHeader};
use super::attributes::Attributes;
use super::browser::Notes;
use super::clear_site_data::ClearSiteData;
use super::express::{COOKIE, ExpressOptions};
use super::service::SessionLayer;
use super::verified::VerifiedTickets;
use crate::clock::Clock;
use crate::cookie::{CookieError, CookieName, KeyRing, Priority, SameSite, SetCookie};
use crate::events::{Observer, Observers};
use crate::record::{Lifetime, Value, ValueError};
use crate::session::{Breaker, Epoch, FormKeys, Limit, Policy, Queues, Renewal, Settings, WhenFull};
use crate::store::Store;

/// What a layer knows, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) settings: Arc<Settings>,
    pub(crate) keys: KeyRing,
    /// Tickets that one of the keys has signed.
    pub(super) verified: VerifiedTickets,
    /// The session cookie with all its attributes, but without a value.
    pub(crate) cookie: SetCookie,
    pub(crate) persistent: bool,
    pub(crate) on_gone: OnGone,
    pub(crate) on_outage: OnOutage,
    /// Whether it stands in for express-session: the cookie's end is the idle end, and its attributes are kept with each session.
    pub(crate) is_express: bool,
    /// What is noted of each browser.
    pub(super) notes: Notes,
    /// What a browser is asked to forget at a log-out.
    pub(super) clear_site_data: Vec<ClearSiteData>,
}

/// What the client gets if the session was gone when the handler's changes were to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnGone {
    /// 409 Conflict in place of the handler's response, which speaks of changes that were not kept. Like the layer's 503, it
    /// has no body, and carries the [`SessionErrorKind`](crate::SessionErrorKind) as an extension: a layer around
    /// this one can put a page into it.
    #[default]
    Conflict,
    /// The handler's response, though its changes of the session are lost.
    KeepResponse,
}

/// What a request gets whose session can't be loaded, since the store is away. Requests that do not ask for their session are
/// served either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOutage {
    /// An error in place of the session: 503 with `Retry-After`.
    #[default]
    Fail,
    /// An empty session that takes no changes: each is an error of the kind
    /// [`ReadOnly`](crate::SessionErrorKind::ReadOnly), a 503. For sites whose pages are of use to visitors who are not logged
    /// in, and say so where [`is_read_only`](crate::Session::is_read_only) tells it. No cookie is set or removed.
    ReadAsAnonymous,
}

/// Sets up a [`SessionLayer`]; every setting has a default.
///
/// ```
/// use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
/// use std::time::Duration;
///
/// let keys = KeyRing::new("a secret of 32 bytes or more, from your secret store")?;
/// let layer = SessionLayer::builder(MemoryStore::new(), keys)
///     .idle_timeout(Duration::from_secs(30 * 60))
///     .absolute_timeout(Duration::from_secs(12 * 60 * 60))
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct SessionLayerBuilder {
    store: Arc<dyn Store>,
    keys: KeyRing,
    clock: Clock,
    policy: Policy,
    deadline: Duration,
    name: CookieName,
    attributes: Attributes,
    insecure_http: bool,
    persistent: bool,
    on_gone: OnGone,
    on_outage: OnOutage,
    is_express: bool,
    notes: Notes,
    clear_site_data: Vec<ClearSiteData>,
    limit: Option<Limit>,
    global_revocation: bool,
    observers: Observers,
}

const DEFAULT_NAME: CookieName = CookieName::from_static("__Host-sid");

const HOUR: Duration = Duration::from_secs(60 * 60);

impl SessionLayerBuilder {
    pub(super) fn new(store: Arc<dyn Store>, keys: KeyRing) -> SessionLayerBuilder {
        let keys_allowed = store.capabilities().keys;
        let policy = Policy { keys: keys_allowed, ..Policy::new(HOUR, 24 * HOUR, 64 * 1024) };
        SessionLayerBuilder {
            store,
            keys,
            clock: Clock::system(),
            policy,
            deadline: Duration::from_secs(2),
            name: DEFAULT_NAME,
            attributes: Attributes { secure: true, same_site: Some(SameSite::Lax), ..Attributes::default() },
            insecure_http: false,
            persistent: false,
            on_gone: OnGone::default(),
            on_outage: OnOutage::default(),
            is_express: false,
            notes: Notes::default(),
            clear_site_data: Vec::new(),
            limit: None,
            global_revocation: false,
            observers: Observers::default(),
        }
    }

    pub(super) fn express(store: Arc<dyn Store>, options: ExpressOptions) -> SessionLayerBuilder {
        let idle = options.max_age.unwrap_or(options.ttl);
        let mut builder = SessionLayerBuilder::new(store, options.keys);
        builder.policy.idle = idle;
        // Express knows none.
        builder.policy.absolute = Duration::MAX;
        builder.policy.renewal = if options.rolling { Renewal::WithTouches } else { Renewal::WithChanges };
        builder.persistent = options.max_age.is_some();
        SessionLayerBuilder { name: options.name, attributes: options.attributes, is_express: true, ..builder }
    }

    /// A session that nobody uses for this long ends (default: 1 hour). It may end early by a tenth of that, at most by
    /// five minutes, since not every request is worth a write.
    pub fn idle_timeout(mut self, idle: Duration) -> SessionLayerBuilder {
        self.policy.idle = idle;
        self
    }

    /// A session ends this long after it began or after its last log-in, however busy it is (default: 24 hours).
    pub fn absolute_timeout(mut self, absolute: Duration) -> SessionLayerBuilder {
        self.policy.absolute = absolute;
        self
    }

    /// Both timeouts as NIST SP 800-63B-4 has them for AAL1 (section 2.1.3): 30 days in all, and none for idle sessions.
    ///
    /// These three set [`absolute_timeout`](SessionLayerBuilder::absolute_timeout) and
    /// [`idle_timeout`](SessionLayerBuilder::idle_timeout), and nothing else; `docs/security.md` tells what else an assurance
    /// level asks for. [`remember`](crate::Session::remember) goes beyond them.
    pub fn nist_aal1_timeouts(self) -> SessionLayerBuilder {
        self.timeouts(30 * 24 * HOUR, 30 * 24 * HOUR)
    }

    /// Both timeouts as NIST SP 800-63B-4 has them for AAL2 (section 2.2.3): 24 hours in all, and 1 hour idle, which are
    /// the defaults too.
    pub fn nist_aal2_timeouts(self) -> SessionLayerBuilder {
        self.timeouts(HOUR, 24 * HOUR)
    }

    /// Both timeouts as NIST SP 800-63B-4 has them for AAL3 (section 2.3.3): 12 hours in all, and 15 minutes idle.
    ///
    /// ```
    /// use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
    ///
    /// let layer = SessionLayer::builder(MemoryStore::new(), KeyRing::generate()?).nist_aal3_timeouts().build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nist_aal3_timeouts(self) -> SessionLayerBuilder {
        self.timeouts(HOUR / 4, 12 * HOUR)
    }

    fn timeouts(self, idle: Duration, absolute: Duration) -> SessionLayerBuilder {
        self.idle_timeout(idle).absolute_timeout(absolute)
    }

    /// The bytes that the keys and values of one session may take as JSON (default: 65,536).
    pub fn size_limit(mut self, bytes: usize) -> SessionLayerBuilder {
        self.policy.size_limit = bytes;
        self
    }

    /// How long a request may wait for the store, all in all, before it is a 503 (default: 2 seconds). What the handler does
    /// meanwhile does not count; once the response has left, each write has this time for itself. Needs the feature `tokio`,
    /// without which the store's own deadline is the only one.
    ///
    /// When five calls in a row have failed, the store counts as away: requests then fail at once, but for one in 200
    /// milliseconds that finds out whether it is back.
    pub fn deadline(mut self, deadline: Duration) -> SessionLayerBuilder {
        self.deadline = deadline;
        self
    }

    /// The name of the session cookie (default: `__Host-sid`).
    pub fn cookie_name(mut self, name: CookieName) -> SessionLayerBuilder {
        self.name = name;
        self
    }

    /// The Path of the session cookie (default: `/`). Other paths need a name without `__Host-`.
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> SessionLayerBuilder {
        self.attributes.path = path.into();
        self
    }

    /// The Domain of the session cookie, which shares it with all subdomains (default: none, the host alone). Needs a name
    /// without `__Host-`.
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> SessionLayerBuilder {
        self.attributes.domain = Some(domain.into());
        self
    }

    /// When other sites' requests carry the session cookie (default: Lax, on top-level navigation only).
    pub fn same_site(mut self, same_site: SameSite) -> SessionLayerBuilder {
        self.attributes.same_site = Some(same_site);
        self
    }

    /// The Priority of the session cookie, by which Chromium chooses what to evict first (default: none).
    pub fn priority(mut self, priority: Priority) -> SessionLayerBuilder {
        self.attributes.priority = Some(priority);
        self
    }

    /// Keeps a cookie jar of its own for each site that embeds this one (CHIPS; default: off).
    pub fn partitioned(mut self, partitioned: bool) -> SessionLayerBuilder {
        self.attributes.partitioned = partitioned;
        self
    }

    /// Whether the session cookie outlives the browser (default: no). It then carries the session's absolute end. Single
    /// sessions choose for themselves with [`remember`](crate::Session::remember).
    pub fn persistent(mut self, persistent: bool) -> SessionLayerBuilder {
        self.persistent = persistent;
        self
    }

    /// For plain HTTP, as on a developer's machine: drops the Secure attribute, and the prefix of the name that would need
    /// it. Whoever shares the network can then take over sessions.
    pub fn insecure_http(mut self) -> SessionLayerBuilder {
        self.insecure_http = true;
        self.attributes.secure = false;
        self
    }

    /// What happens to the response if the session was gone at commit (default: 409 in its place).
    pub fn on_gone(mut self, on_gone: OnGone) -> SessionLayerBuilder {
        self.on_gone = on_gone;
        self
    }

    /// What a request gets while the store is away (default: 503).
    pub fn on_outage(mut self, on_outage: OnOutage) -> SessionLayerBuilder {
        self.on_outage = on_outage;
        self
    }

    /// Keeps what the browser calls itself with each session, at most 256 bytes of it (default: it is not kept), for the page that
    /// shows a user their devices: [`Entry::user_agent`](crate::store::Entry::user_agent). It is written with a log-in or a
    /// touch, in the same write.
    pub fn keep_user_agent(mut self) -> SessionLayerBuilder {
        self.notes.user_agent = true;
        self
    }

    /// Keeps with each session where its last touch came from (default: [`AddressDetail::Off`], since an address is personal
    /// data): [`Entry::address`](crate::store::Entry::address). It is the peer's address (see
    /// [`peer_address`](SessionLayerBuilder::peer_address)), or what [trusted proxies](SessionLayerBuilder::trusted_proxies) tell.
    pub fn keep_address(mut self, detail: AddressDetail) -> SessionLayerBuilder {
        self.notes.addresses.detail = detail;
        self
    }

    /// The proxies that are believed when they tell where a request comes from, and the header in which all of them do so
    /// (default: none). The last address in it counts that is none of theirs; where that can't be read, no address is kept.
    pub fn trusted_proxies(
        mut self,
        header: ProxyHeader,
        proxies: impl IntoIterator<Item = IpNetwork>,
    ) -> SessionLayerBuilder {
        self.notes.addresses.header = header;
        self.notes.addresses.proxies = proxies.into_iter().collect();
        self
    }

    /// Where the address of the peer stands among a request's extensions (default: a [`PeerAddress`](crate::PeerAddress)).
    ///
    /// ```
    /// use axum::extract::ConnectInfo;
    /// use cloakroom::{AddressDetail, SessionLayer, cookie::KeyRing, store::MemoryStore};
    /// use std::net::SocketAddr;
    ///
    /// // For axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
    /// let layer = SessionLayer::builder(MemoryStore::new(), KeyRing::generate()?)
    ///     .keep_address(AddressDetail::Network)
    ///     .peer_address(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peer_address(mut self, peer: fn(&Extensions) -> Option<IpAddr>) -> SessionLayerBuilder {
        self.notes.addresses.peer = peer;
        self
    }

    /// How many sessions a user may have at once, and what becomes of a log-in beyond that (default: any number). When all
    /// log-ins have been answered at most `most` sessions live, also where they ran at once, in several processes. At least one.
    ///
    /// Each log-in asks the store's directory once more, and twice where it may be [denied](WhenFull::Deny). A denied log-in
    /// leaves the session as it was, without what else was to be written with it; only where it has met others at the same
    /// moment its session ends. So it is where the directory fails: the answer is a 503, and nobody has the ticket of the session,
    /// though it may be counted until it expires. The order of log-ins is that of the processes' clocks.
    ///
    /// ```
    /// use cloakroom::{SessionLayer, WhenFull, cookie::KeyRing, store::MemoryStore};
    ///
    /// let layer = SessionLayer::builder(MemoryStore::new(), KeyRing::generate()?)
    ///     .session_limit(5, WhenFull::EndOldest)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session_limit(mut self, most: usize, when_full: WhenFull) -> SessionLayerBuilder {
        self.limit = Some(Limit { most: most.max(1), when_full });
        self
    }

    /// Gives a session a new id when it has had one for this long (default: never); a stolen ticket is then worthless after
    /// that time, if its owner goes on. It happens at commit, of one request of those that run at once: the others, and those that
    /// are under way with the old ticket, read as empty or are a 409 if they have changed something, as with every rotation. So
    /// choose hours, or at least many minutes. Where the store's answer is lost for good, the browser may be left with the old
    /// ticket: its user then logs in anew.
    pub fn renew_id_after(mut self, age: Duration) -> SessionLayerBuilder {
        self.policy.renew_id_after = Some(age);
        self
    }

    /// Whether [`Sessions::revoke_everything`](crate::Sessions::revoke_everything) ends this layer's sessions (default: no).
    /// It costs one more load in a second, of a record that is kept in the store under a reserved id. Where that can't be
    /// loaded, no session can. Directories tell that record as a session of the user `cloakroom:end-of-all`; the layer's own
    /// [`Sessions`](crate::Sessions) do not.
    pub fn global_revocation(mut self, is_on: bool) -> SessionLayerBuilder {
        self.global_revocation = is_on;
        self
    }

    /// What a browser is asked to forget at a log-out, by the header `Clear-Site-Data` (default: nothing). A handler's own header
    /// of that name stays.
    ///
    /// ```
    /// use cloakroom::{ClearSiteData, SessionLayer, cookie::KeyRing, store::MemoryStore};
    ///
    /// let layer = SessionLayer::builder(MemoryStore::new(), KeyRing::generate()?)
    ///     .clear_site_data([ClearSiteData::Cache, ClearSiteData::Storage])
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_site_data(mut self, what: impl IntoIterator<Item = ClearSiteData>) -> SessionLayerBuilder {
        self.clear_site_data = what.into_iter().collect();
        self
    }

    /// Tells this one of each [event](crate::events) too (default: nobody but `tracing`). It runs within the requests, so it
    /// must be [quick](Observer). What a memory store that is full evicts,
    /// [its own observers](crate::store::MemoryStore::with_observer) are told.
    ///
    /// ```
    /// use cloakroom::events::Event;
    /// use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
    /// use std::sync::mpsc;
    ///
    /// let (sender, audit) = mpsc::channel();
    /// let layer = SessionLayer::builder(MemoryStore::new(), KeyRing::generate()?)
    ///     .observer(move |event: &Event<'_>| {
    ///         if let Some(user) = event.user() {
    ///             // Nobody listens any more: then nobody misses it.
    ///             sender.send(format!("{} {user}", event.name())).ok();
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observer(mut self, observer: impl Observer) -> SessionLayerBuilder {
        self.observers.add(observer);
        self
    }

    /// The clock that decides about expiry (default: the system's).
    pub fn clock(mut self, clock: Clock) -> SessionLayerBuilder {
        self.clock = clock;
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// If browsers would refuse the session cookie, or a timeout is zero (or below a millisecond), or the idle timeout is longer
    /// than the absolute one, or sessions are limited and the store has no directory.
    pub fn build(self) -> Result<SessionLayer, ConfigError> {
        let Policy { idle, absolute, .. } = self.policy;
        // Stores count in milliseconds.
        let is_zero = |time: Duration| time.as_millis() == 0;
        if is_zero(idle) || self.deadline.is_zero() || self.policy.renew_id_after.is_some_and(is_zero) {
            return Err(ConfigError(Fault::ZeroTimeout));
        }
        if idle > absolute {
            return Err(ConfigError(Fault::IdleBeyondAbsolute));
        }
        if self.limit.is_some() && self.store.directory().is_none() {
            return Err(ConfigError(Fault::NoDirectory));
        }
        let cookie = self.cookie().map_err(|error| ConfigError(Fault::Cookie(error)))?;
        let mut policy = self.policy;
        if self.is_express && self.persistent {
            // Express keeps it with each session.
            policy.lifetime = Lifetime { idle: Some(idle), persistent: Some(true) };
        }
        let kept = self.is_express.then(|| Value::serialize(&self.attributes.to_express())).transpose();
        let kept = kept.map_err(|error| ConfigError(Fault::Kept(error)))?;
        let metadata = Arc::new(kept.into_iter().map(|attributes| (COOKIE, attributes)).collect());
        let form_keys = FormKeys::new(&self.keys).map_err(|error| ConfigError(Fault::Keys(error)))?;
        let settings = Settings {
            store: self.store,
            clock: self.clock,
            policy,
            metadata,
            deadline: self.deadline,
            breaker: Breaker::new(),
            queues: Queues::default(),
            epoch: self.global_revocation.then(Epoch::default),
            limit: self.limit,
            form_keys,
            observers: self.observers,
        };
        let config = Config {
            settings: Arc::new(settings),
            keys: self.keys,
            verified: VerifiedTickets::new(),
            cookie,
            persistent: self.persistent && !self.is_express,
            on_gone: self.on_gone,
            on_outage: self.on_outage,
            is_express: self.is_express,
            notes: self.notes,
            clear_site_data: self.clear_site_data,
        };
        Ok(SessionLayer::from_config(config))
    }

    fn cookie(&self) -> Result<SetCookie, CookieError> {
        let name = match self.name.prefix() {
            Some(prefix) if self.insecure_http => {
                CookieName::new(self.name.as_str()[prefix.as_str().len()..].to_owned())?
            }
            _ => self.name.clone(),
        };
        self.attributes.cookie(name)
    }
}

/// Why a layer can't be set up so.
#[derive(Debug)]
pub struct ConfigError(Fault);

#[derive(Debug)]
enum Fault {
    Cookie(CookieError),
    Kept(ValueError),
    Keys(CookieError),
    ZeroTimeout,
    IdleBeyondAbsolute,
    NoDirectory,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Fault::Keys(_) => "the key ring gives no keys for form tokens",
            Fault::Kept(_) => "the cookie's attributes can't be kept with the sessions",
            Fault::Cookie(_) => "browsers would refuse this session cookie",
            Fault::ZeroTimeout => "a timeout of zero would end each session at once",
            Fault::IdleBeyondAbsolute => "the idle timeout is longer than the absolute timeout",
            Fault::NoDirectory => "the store can't look up sessions by user, so they can't be limited",
        })
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Fault::Cookie(error) | Fault::Keys(error) => Some(error),
            Fault::Kept(error) => Some(error),
            Fault::ZeroTimeout | Fault::IdleBeyondAbsolute | Fault::NoDirectory => None,
        }
    }
}
