//! [`ExpressStore`]: sessions that Express reads and writes too.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Feed, Finding, Guard, Loaded, Rotated, Store, StoreError,
    StoreFuture, Written,
};

use super::layout::{ConnectRedis, KEYS};
use super::text::{self, Next, Stored};
use super::turnstile::{Turnstiles, pause};
use crate::checkup;
use crate::error::{Call, corrupt};
use crate::feed::Keys;
use crate::layout::{self, Fields, millis};
use crate::names;
use crate::script::{EXPRESS_CREATE, EXPRESS_END, EXPRESS_READ, EXPRESS_WRITE, Request};
use crate::store::Place;

/// How long it is remembered that a session was ended here, in milliseconds: longer than any request of Express takes.
const REMEMBERED: i64 = 60 * 60 * 1_000;

/// Keeps sessions in the layout of connect-redis, and shares them with it.
///
/// Made by [`RedisStore::with_layout`](crate::RedisStore::with_layout). Clones share the connection.
#[derive(Clone)]
pub struct ExpressStore {
    pub(super) place: Place,
    pub(super) layout: Arc<ConnectRedis>,
    pub(super) turnstiles: Turnstiles,
}

/// What stands under an id.
#[derive(Debug)]
pub(super) struct Reading {
    /// The session, if Express can take it for one.
    pub(super) stored: Option<Stored>,
    /// Whether there is a text that Express can't.
    pub(super) is_broken: bool,
    pub(super) mark: Fields,
}

impl ExpressStore {
    pub(crate) fn new(place: Place, layout: ConnectRedis) -> ExpressStore {
        ExpressStore { place, layout: Arc::new(layout), turnstiles: Turnstiles::default() }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The keys of its sessions.
    pub(crate) fn tracked(&self) -> Keys {
        Keys::express(&self.layout.prefix)
    }

    /// Bounds a call by the deadline.
    pub(super) async fn within<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.layout.check()?;
        self.place.within(call).await
    }

    /// The key of a session, and of the mark that it leaves, which a cluster has at the same place.
    pub(super) fn with_keys(&self, request: Request, id: &str) -> Request {
        let session = format!("{}{id}", self.layout.prefix);
        let mark = if names::has_tag(session.as_bytes()) {
            format!("{}:{session}", self.place.prefix)
        } else {
            format!("{}:{{{session}}}", self.place.prefix)
        };
        request.key(session).key(mark)
    }

    pub(super) async fn read(&self, id: &str, now: Timestamp) -> Result<Reading, StoreError> {
        let request = self.with_keys(Request::script(&EXPRESS_READ), id);
        let mut answer = layout::list(self.place.ask(Call::Read, &request).await?)?.into_iter();
        let text = match answer.next().unwrap_or_default() {
            redis::Value::Nil | redis::Value::Boolean(false) => None,
            text => Some(layout::bytes(text)?),
        };
        let removal = layout::number(&answer.next().unwrap_or_default())?;
        let mark = Fields::read(answer.next().unwrap_or_default())?;
        let is_there = text.is_some();
        let stored = match text.map(String::from_utf8) {
            None => None,
            Some(text) => {
                let stored = text.ok().and_then(|text| Stored::read(text, removal, &self.layout, now));
                if stored.is_none() {
                    tracing::warn!(handle = %text::handle(id), "a session that Express could not read counts as missing");
                }
                stored
            }
        };
        Ok(Reading { is_broken: is_there && stored.is_none(), stored, mark })
    }

    /// The session of an id, if it lives.
    pub(super) async fn live(&self, id: &str, now: Timestamp) -> Result<Option<Stored>, StoreError> {
        Ok(self.read(id, now).await?.stored.filter(|stored| stored.record().is_live(now)))
    }

    async fn load_now(&self, key: &StoreKey, now: Timestamp) -> Result<Loaded, StoreError> {
        let Reading { stored, mark, .. } = self.read(key.plain(), now).await?;
        if let Some(stored) = stored {
            return Ok(if stored.record().is_live(now) {
                Loaded::Found(stored.found(key.plain())?)
            } else {
                Loaded::Missing
            });
        }
        let Some(next) = mark.text(layout::NEXT)? else { return Ok(Loaded::Missing) };
        if mark.time(layout::NEXT_UNTIL)? <= now {
            return Ok(Loaded::Missing);
        }
        let next = self.read(next, now).await?;
        let lives_on = match &next.stored {
            Some(next) => next.record().is_live(now) && next.previous() == Some(text::handle(key.plain()).as_str()),
            // It is about to be made.
            None => next.mark.text(layout::RESERVED)? == Some(key.plain()),
        };
        Ok(if lives_on { Loaded::Superseded } else { Loaded::Missing })
    }

    async fn create_now(&self, key: &StoreKey, record: &Record) -> Result<Created, StoreError> {
        let next = text::new(record, &self.layout)?;
        if self.make(key.plain(), &next, None).await? {
            Ok(Created::Done { token: next.token, handle: text::handle(key.plain()) })
        } else {
            Ok(Created::Taken)
        }
    }

    /// Makes a session where there is none; tells whether it did.
    pub(super) async fn make(&self, id: &str, next: &Next, reserved: Option<&str>) -> Result<bool, StoreError> {
        let request = self.with_keys(Request::script(&EXPRESS_CREATE), id).arg(next.text.as_str());
        let request = request.arg(next.removal.to_string()).arg(reserved.unwrap_or_default());
        Ok(layout::string(self.place.ask(Call::Write, &request).await?)? == "done")
    }

    async fn apply_now(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let _turn = self.turnstiles.pass(key).await;
        let mut attempt = 0;
        loop {
            let (before, next) = match self.step(key, patch, guard, None, now).await? {
                Step::Next(before, next) => (before, next),
                Step::Gone => return Ok(Applied::Gone),
                Step::Conflict => return Ok(Applied::Conflict),
                Step::WrongType => return Ok(Applied::WrongType),
            };
            let end = if next.removal == before.removal { "keep".to_owned() } else { next.removal.to_string() };
            let request = self.with_keys(Request::script(&EXPRESS_WRITE), key.plain()).arg(before.text.as_str());
            let request = request.arg(before.removal.to_string()).arg(next.text).arg(end);
            if layout::number(&self.place.ask(Call::Write, &request).await?)? == 1 {
                return Ok(Applied::Done(Written::new(next.token, next.numbers)));
            }
            pause(key, attempt).await;
            attempt += 1;
        }
    }

    /// What is to be written over what, or why not.
    pub(super) async fn step(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        previous: Option<&str>,
        now: Timestamp,
    ) -> Result<Step, StoreError> {
        let Some(before) = self.live(key.plain(), now).await? else { return Ok(Step::Gone) };
        if let Guard::Unchanged(token) = guard
            && *token != before.token()?
        {
            return Ok(Step::Conflict);
        }
        Ok(match before.patched(patch, previous, &self.layout, now)? {
            Ok(next) => Step::Next(Box::new(before), next),
            Err(_) => Step::WrongType,
        })
    }

    async fn destroy_now(&self, key: &StoreKey, now: Timestamp) -> Result<bool, StoreError> {
        self.end(key.plain(), None, now).await
    }

    /// Ends a session, if it has this text still; tells whether it lived.
    pub(super) async fn end(&self, id: &str, text: Option<&str>, now: Timestamp) -> Result<bool, StoreError> {
        let request = self.with_keys(Request::script(&EXPRESS_END), id).arg(text.unwrap_or_default());
        let request = request.arg(millis(remembered_until(now))).arg("");
        let mut answer = layout::list(self.place.ask(Call::Write, &request).await?)?.into_iter();
        if layout::number(&answer.next().unwrap_or_default())? == 0 {
            return Ok(false);
        }
        let (Some(text), Some(removal)) = (answer.next(), answer.next()) else { return Err(corrupt("an answer")) };
        // It is gone in any case. If it can't be read, nobody could load it either.
        let Ok(text) = layout::string(text) else { return Ok(false) };
        let stored = Stored::read(text, layout::number(&removal)?, &self.layout, now);
        Ok(stored.is_some_and(|stored| stored.record().is_live(now)))
    }
}

/// Until when it is remembered that a session was ended here.
pub(super) fn remembered_until(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(REMEMBERED).max(1))
}

/// How a write begins.
#[derive(Debug)]
pub(super) enum Step {
    Next(Box<Stored>, Next),
    Gone,
    Conflict,
    WrongType,
}

impl Store for ExpressStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(self.within(self.load_now(key, now)))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, _: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(self.within(self.create_now(key, record)))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(self.within(self.apply_now(key, patch, guard, now)))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(self.within(self.rotate_now(old, new, patch, guard, now)))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.within(self.destroy_now(key, now)))
    }

    /// The server removes what is over at its end; there is no garbage.
    fn sweep(&self, _: usize, _: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::ready(self.layout.check().map(|()| 0))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::least().remembering_previous_key().with_keys(&KEYS)
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    fn export(&self) -> Option<&dyn Export> {
        Some(self)
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        StoreFuture::new(self.within(checkup::checkup(&self.place)))
    }

    fn feed(&self) -> Option<&dyn Feed> {
        // In a cluster each node would have to be listened to.
        (!self.place.is_cluster()).then_some(self as &dyn Feed)
    }
}

impl fmt::Debug for ExpressStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ExpressStore");
        debug.field("server", &self.place.server).field("deadline", &self.place.deadline);
        debug.field("layout", &self.layout).finish_non_exhaustive()
    }
}
