//! [`RedisStore`]: each method of the contract as one script.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Handle, Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Feed, Finding, Guard, Loaded, Rotated, Store, StoreError,
    StoreErrorKind, StoreFuture, Token,
};
use redis::{Client, ConnectionInfo, IntoConnectionInfo, Value as Reply};

use crate::changes::{self, Outcome, Site, Turn, margin};
use crate::checkup;
use crate::cluster::Cluster;
use crate::error::{self, Call};
use crate::express::{ConnectRedis, ExpressStore};
use crate::layout::{self, Fields, millis};
use crate::names;
use crate::script::{CREATE, DESTROY, Request};
use crate::server::{Replicas, Server, within};

const PREFIX: &str = "cloakroom";
const DEADLINE: Duration = Duration::from_secs(2);

/// One in so many new sessions brings some order into the index of all, so that what the server has removed leaves no trace.
const TIDIED_EACH: usize = 64;

/// Keeps sessions in Redis or Valkey.
///
/// It connects when it is first needed, and again whenever the connection was lost. Clones share the connection.
///
/// ```no_run
/// use cloakroom_redis::RedisStore;
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), cloakroom::store::StoreError> {
/// let store = RedisStore::connect("redis://127.0.0.1:6379/0")
///     .await?
///     .with_prefix("shop")
///     .with_deadline(Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) place: Place,
    creations: Arc<AtomicUsize>,
}

/// A server, and how it is asked.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) server: Arc<Server>,
    pub(crate) prefix: Arc<str>,
    pub(crate) deadline: Duration,
    pub(crate) replicas: Option<Replicas>,
}

impl RedisStore {
    /// A store on the server of this address: `redis://`, `rediss://` (TLS), or `unix://` with a socket's path.
    ///
    /// It does not wait for the server, which may come up later. A server that is a part of a cluster needs
    /// [`connect_cluster`](RedisStore::connect_cluster).
    ///
    /// # Errors
    ///
    /// If the address is not valid.
    pub async fn connect(url: &str) -> Result<RedisStore, StoreError> {
        Ok(RedisStore::on(Server::one(&settings(url)?).map_err(|error| error::bad_url(url, &error))?))
    }

    /// A store on the server of the application's own client: with its address, credentials and certificates.
    ///
    /// The store makes a connection of its own, by RESP3. What else is asked on a connection must not wait behind a session.
    ///
    /// # Errors
    ///
    /// If the client's settings can't be used.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = redis::Client::open("redis://127.0.0.1:6379")?;
    /// let store = cloakroom_redis::RedisStore::new(&client)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(client: &Client) -> Result<RedisStore, StoreError> {
        let server = Server::one(client.get_connection_info());
        Ok(RedisStore::on(server.map_err(|error| error::bad_url("@", &error))?))
    }

    /// A store on a cluster, by the addresses of some of its nodes. The others are found by these.
    ///
    /// The credentials and the TLS settings of the first count for all nodes. In a cluster a session and the indexes are on
    /// different nodes: a rotation ends the old id before it makes the new one, and the [handle](Handle) stays.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), cloakroom::store::StoreError> {
    /// use cloakroom_redis::RedisStore;
    ///
    /// let store = RedisStore::connect_cluster(["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no address, or one that is not valid or is that of a socket.
    pub async fn connect_cluster<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<RedisStore, StoreError> {
        let nodes = urls.into_iter().map(|url| settings(url.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let cluster = Cluster::new(nodes);
        let cluster = cluster.ok_or_else(|| error::bad_setting("a cluster needs the address of a node"))?;
        Ok(RedisStore::on(Server::Cluster(Box::new(cluster))))
    }

    fn on(server: Server) -> RedisStore {
        let server = Arc::new(server);
        let place = Place { server, prefix: PREFIX.into(), deadline: DEADLINE, replicas: None };
        RedisStore { place, creations: Arc::default() }
    }

    /// Begins the names of all keys with `prefix` and a colon, not with `cloakroom:`.
    #[must_use]
    pub fn with_prefix(self, prefix: &str) -> RedisStore {
        RedisStore { place: Place { prefix: prefix.into(), ..self.place }, ..self }
    }

    /// Waits at most so long for the answer to a call, all in all; 2 seconds unless set.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> RedisStore {
        RedisStore { place: Place { deadline, ..self.place }, ..self }
    }

    /// Confirms a write only when so many replicas have it (`WAIT`), and waits for them for `timeout`, in whole milliseconds.
    ///
    /// A write that fewer have confirmed in time is an error of unknown outcome
    /// ([`Timeout`](StoreErrorKind::Timeout)): the master has it. That makes it unlikely that a fail-over takes back what was
    /// confirmed; it does not make it impossible. All calls share one connection, so each write makes those behind it wait;
    /// keep `timeout` well below the [deadline](RedisStore::with_deadline).
    #[must_use]
    pub fn wait_for_replicas(self, count: usize, timeout: Duration) -> RedisStore {
        let replicas = (count > 0).then_some(Replicas { count, timeout });
        RedisStore { place: Place { replicas, ..self.place }, ..self }
    }

    /// Keeps the sessions as connect-redis does, so that Express and this application share them.
    ///
    /// What this store keeps beside them, for a while, begins with the prefix of [`with_prefix`](RedisStore::with_prefix).
    ///
    /// ```no_run
    /// use cloakroom_redis::{ConnectRedis, RedisStore};
    ///
    /// # async fn example() -> Result<(), cloakroom::store::StoreError> {
    /// let store = RedisStore::connect("redis://127.0.0.1:6379").await?.with_layout(ConnectRedis::new());
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_layout(self, layout: ConnectRedis) -> ExpressStore {
        ExpressStore::new(self.place, layout)
    }

    async fn load_now(&self, key: &StoreKey, now: Timestamp) -> Result<Loaded, StoreError> {
        let digest = names::digest(key);
        let fields = self.place.read(&digest).await?;
        if fields.is_record() {
            let found = fields.found()?;
            return Ok(if found.record.is_live(now) { Loaded::Found(found) } else { Loaded::Missing });
        }
        let Some(next) = fields.text(layout::NEXT)? else { return Ok(Loaded::Missing) };
        if fields.time(layout::NEXT_UNTIL)? <= now {
            return Ok(Loaded::Missing);
        }
        let next = self.place.read(next).await?;
        let lives_on = if next.is_record() {
            next.text(layout::PREVIOUS)? == Some(&digest) && next.found()?.record.is_live(now)
        } else {
            // It is about to be made.
            next.text(layout::RESERVED)? == Some(&digest)
        };
        Ok(if lives_on { Loaded::Superseded } else { Loaded::Missing })
    }

    async fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let (digest, handle) = (names::digest(key), names::new_handle()?);
        let created = if self.place.is_cluster() {
            self.create_in_cluster(&digest, &handle, record, now).await?
        } else {
            let request = self.place.creation(&digest, &handle, record, now, Some(&self.place.prefix), None);
            layout::string(self.place.ask(Call::Write, &request).await?)? == "done"
        };
        if !created {
            return Ok(Created::Taken);
        }
        if self.creations.fetch_add(1, Ordering::Relaxed) % TIDIED_EACH == TIDIED_EACH - 1 {
            self.tidy_aside(handle.clone(), now);
        }
        Ok(Created::Done { token: Token::version(layout::FIRST_VERSION), handle: Handle::new(handle) })
    }

    async fn apply_now(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let digest = names::digest(key);
        if self.place.is_cluster() {
            return self.apply_in_cluster(&digest, patch, guard, now).await;
        }
        let key = self.place.key_of(&digest);
        let site = Site { key: &key, digest: &digest, indexes: Some(&self.place.prefix) };
        let request = changes::request(site, patch, guard, Turn::Stay, now);
        Outcome::read(self.place.ask(Call::Write, &request).await?, patch)
    }

    async fn rotate_now(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let (old, new) = (names::digest(old), names::digest(new));
        if self.place.is_cluster() {
            return self.rotate_in_cluster(&old, &new, patch, guard, now).await;
        }
        let (old_key, new_key) = (self.place.key_of(&old), self.place.key_of(&new));
        let site = Site { key: &old_key, digest: &old, indexes: Some(&self.place.prefix) };
        let request = changes::request(site, patch, guard, Turn::Place(&new, &new_key), now);
        Outcome::read(self.place.ask(Call::Write, &request).await?, patch)
    }

    async fn destroy_now(&self, key: &StoreKey, now: Timestamp) -> Result<bool, StoreError> {
        let digest = names::digest(key);
        if self.place.is_cluster() {
            return self.end_in_cluster(&digest, End::Any, now).await;
        }
        let request = self.place.end(&digest, End::Any, Some(&self.place.prefix), now);
        Ended::read(self.place.ask(Call::Write, &request).await?).map(|ended| ended.was_there)
    }
}

/// Which record a `destroy` may take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End<'a> {
    Any,
    /// A live one of this user.
    Of(&'a str),
    /// One that is over.
    Over,
}

/// What a `destroy` has taken.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) was_there: bool,
    /// Its handle, when its entry in the index of all was written, and its user.
    pub(crate) entry: Option<(String, String, Option<String>)>,
}

impl Ended {
    pub(crate) fn read(answer: Reply) -> Result<Ended, StoreError> {
        let mut answer = layout::list(answer)?.into_iter();
        let was_there = layout::number(&answer.next().unwrap_or_default())? == 1;
        let mut text = || match answer.next() {
            None | Some(Reply::Nil | Reply::Boolean(false)) => Ok(None),
            Some(text) => layout::string(text).map(Some),
        };
        let (handle, written, user) = (text()?, text()?, text()?);
        Ok(Ended { was_there, entry: handle.zip(written).map(|(handle, written)| (handle, written, user)) })
    }
}

impl Place {
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(*self.server, Server::Cluster(_))
    }

    /// Where the record of a digest is.
    pub(crate) fn key_of(&self, digest: &str) -> Vec<u8> {
        names::session(&self.prefix, digest)
    }

    pub(crate) async fn ask(&self, call: Call, request: &Request) -> Result<Reply, StoreError> {
        self.server.ask(call, request, self.replicas).await
    }

    /// Bounds a call by the deadline.
    pub(crate) async fn within<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        within(self.deadline, call).await
    }

    /// All that stands under a digest.
    pub(crate) async fn read(&self, digest: &str) -> Result<Fields, StoreError> {
        let request = Request::command("HGETALL").key(self.key_of(digest));
        Fields::read(self.ask(Call::Read, &request).await?)
    }

    /// The call that makes a record, where nothing is but what is `reserved` by a rotation from that digest.
    pub(crate) fn creation(
        &self,
        digest: &str,
        handle: &str,
        record: &Record,
        now: Timestamp,
        indexes: Option<&str>,
        reserved: Option<&str>,
    ) -> Request {
        let place = [layout::HANDLE, handle, layout::WRITTEN, &millis(now)].map(|text| text.as_bytes().to_vec());
        self.creation_of(
            digest,
            handle,
            record,
            layout::fields(record).into_iter().chain(place),
            now,
            indexes,
            reserved,
        )
    }

    #[allow(clippy::too_many_arguments, reason = "as many as the script has")]
    pub(crate) fn creation_of(
        &self,
        digest: &str,
        handle: &str,
        record: &Record,
        fields: impl IntoIterator<Item = Vec<u8>>,
        now: Timestamp,
        indexes: Option<&str>,
        reserved: Option<&str>,
    ) -> Request {
        Request::script(&CREATE)
            .key(self.key_of(digest))
            .arg(indexes.unwrap_or_default())
            .arg(digest)
            .arg(handle)
            .arg(millis(now))
            .arg(margin())
            .arg(millis(record.idle_end))
            .arg(millis(record.absolute_end))
            .arg(record.user.as_ref().map(|user| user.as_str()).unwrap_or_default())
            .arg(reserved.unwrap_or_default())
            .args(fields)
    }

    /// The call that ends a record.
    pub(crate) fn end(&self, digest: &str, end: End<'_>, indexes: Option<&str>, now: Timestamp) -> Request {
        let (which, user) = match end {
            End::Any => ("any", ""),
            End::Of(user) => ("user", user),
            End::Over => ("over", ""),
        };
        Request::script(&DESTROY)
            .key(self.key_of(digest))
            .arg(indexes.unwrap_or_default())
            .arg(digest)
            .arg(millis(now))
            .arg(which)
            .arg(user)
    }
}

fn settings(url: &str) -> Result<ConnectionInfo, StoreError> {
    #[cfg(feature = "tls")]
    if url.starts_with("rediss") || url.starts_with("valkeys") {
        // The application's own choice goes first; if there is one, this fails, and that is fine.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    url.into_connection_info().map_err(|error| error::bad_url(url, &error))
}

impl Store for RedisStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(self.place.within(self.load_now(key, now)))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(self.place.within(self.create_now(key, record, now)))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(self.place.within(async move {
            Ok(match self.apply_now(key, patch, guard, now).await? {
                Outcome::Done(done) => Applied::Done(done.written),
                Outcome::Gone => Applied::Gone,
                Outcome::Conflict => Applied::Conflict,
                Outcome::WrongType => Applied::WrongType,
                // No key changes here.
                Outcome::Taken => return Err(StoreError::new(StoreErrorKind::Other)),
            })
        }))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(self.place.within(async move {
            Ok(match self.rotate_now(old, new, patch, guard, now).await? {
                Outcome::Done(done) => Rotated::Done { written: done.written, handle: Handle::new(done.handle) },
                Outcome::Gone => Rotated::Gone,
                Outcome::Conflict => Rotated::Conflict,
                Outcome::Taken => Rotated::Taken,
                Outcome::WrongType => Rotated::WrongType,
            })
        }))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.place.within(self.destroy_now(key, now)))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::new(self.place.within(self.sweep_now(limit, now)))
    }

    fn capabilities(&self) -> Capabilities {
        let capabilities = Capabilities::least().remembering_previous_key();
        if self.place.is_cluster() { capabilities } else { capabilities.rotating_in_place() }
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    fn export(&self) -> Option<&dyn Export> {
        Some(self)
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        StoreFuture::new(self.place.within(checkup::checkup(&self.place)))
    }

    fn feed(&self) -> Option<&dyn Feed> {
        // In a cluster each node would have to be listened to.
        (!self.place.is_cluster()).then_some(self as &dyn Feed)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RedisStore");
        debug.field("server", &self.place.server).field("prefix", &self.place.prefix);
        debug.field("deadline", &self.place.deadline).field("replicas", &self.place.replicas).finish_non_exhaustive()
    }
}
