//! What happens to the sessions, by the server's assisted client-side caching (`CLIENT TRACKING` in broadcasting mode).
//!
//! The server tells of each key with a prefix that was written, removed, expired or evicted, by whichever client, before it
//! answers that one. A mark is such a key too. So no script has to publish anything, and Express' own writes are told as well.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cloakroom::store::{Feed, Listener, Name, News, StoreError, StoreFuture};
use redis::aio::MultiplexedConnection;
use redis::{PushInfo, PushKind, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::RedisStore;
use crate::error::{self, Call};
use crate::express::ExpressStore;
use crate::script::Request;
use crate::server::Server;
use crate::store::Place;

/// So much waits for a listener at most. One that is slower has missed something.
const WAITING: usize = 10_000;

/// How long the key of a mark is there, in milliseconds. That it goes is told as well.
const MARKED: &str = "2000";

/// Which keys are those of sessions, and of which one.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Vec<u8>,
    digest: fn(&[u8]) -> Option<[u8; 32]>,
}

impl Keys {
    /// In the native layout the digest stands in the key.
    fn native(place: &Place) -> Keys {
        Keys { prefix: place.key_of(""), digest: of_hex }
    }

    /// In that of Express, the id.
    pub(crate) fn express(prefix: &str) -> Keys {
        Keys { prefix: prefix.as_bytes().to_vec(), digest: |id| Some(Sha256::digest(id).into()) }
    }
}

impl Feed for RedisStore {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::new(self.place.within(listen(&self.place, Keys::native(&self.place), listener)))
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        StoreFuture::new(self.place.within(echo(&self.place, listener, mark)))
    }
}

impl Feed for ExpressStore {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::new(self.place().within(listen(self.place(), self.tracked(), listener)))
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        StoreFuture::new(self.place().within(echo(self.place(), listener, mark)))
    }
}

/// What the keys of a listener's marks begin with.
fn marks_of(place: &Place, listener: u64) -> Vec<u8> {
    format!("{}:m:{listener}:", place.prefix).into_bytes()
}

async fn listen(place: &Place, keys: Keys, listener: u64) -> Result<Box<dyn Listener>, StoreError> {
    let Server::One(link) = &*place.server else { return Err(error::bad_setting("a cluster has no feed")) };
    let (tell, heard) = mpsc::channel(WAITING);
    let has_missed = Arc::new(AtomicBool::new(false));
    let missed = has_missed.clone();
    let marks = marks_of(place, listener);
    let hear = move |push: PushInfo| {
        if matches!(push.kind, PushKind::Invalidate | PushKind::Disconnection) && tell.try_send(push).is_err() {
            missed.store(true, Ordering::SeqCst);
        }
    };
    // The server refuses a prefix within another one.
    let prefixes: &[&[u8]] = if marks.starts_with(&keys.prefix) { &[&keys.prefix] } else { &[&keys.prefix, &marks] };
    let connection = link.track(prefixes, hear).await?;
    let (ready, seen) = (VecDeque::new(), HashSet::new());
    Ok(Box::new(Tracked { keys, marks, heard, has_missed, ready, seen, _connection: connection }))
}

async fn echo(place: &Place, listener: u64, mark: u64) -> Result<(), StoreError> {
    let mut key = marks_of(place, listener);
    key.extend(mark.to_string().into_bytes());
    let request = Request::command("SET").key(key).arg("").arg("PX").arg(MARKED);
    // Not a write that replicas would have to confirm.
    place.server.ask(Call::Read, &request, None).await.map(drop)
}

/// A listener. It does not connect anew by itself.
struct Tracked {
    keys: Keys,
    marks: Vec<u8>,
    heard: mpsc::Receiver<PushInfo>,
    has_missed: Arc<AtomicBool>,
    ready: VecDeque<News>,
    /// Marks whose keys are still there.
    seen: HashSet<u64>,
    _connection: MultiplexedConnection,
}

impl Tracked {
    async fn next_now(&mut self) -> Result<News, StoreError> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Ok(news);
            }
            if self.has_missed.swap(false, Ordering::SeqCst) {
                return Ok(News::Gap);
            }
            match self.heard.recv().await {
                Some(push) if push.kind == PushKind::Invalidate => self.read(&push.data),
                Some(_) | None => {
                    // So that who asks again hears it again.
                    self.heard.close();
                    return Err(error::no_news());
                }
            }
        }
    }

    /// What a message tells. The keys in it are in no order, so marks come last.
    fn read(&mut self, data: &[Value]) {
        let Some(Value::Array(keys)) = data.first() else {
            // All keys are gone.
            self.ready.push_back(News::Gap);
            return;
        };
        let mut marks = Vec::new();
        for key in keys {
            let Value::BulkString(key) = key else {
                self.ready.push_back(News::Gap);
                continue;
            };
            if let Some(mark) = key.strip_prefix(&*self.marks) {
                marks.extend(std::str::from_utf8(mark).ok().and_then(|mark| mark.parse::<u64>().ok()));
            } else if let Some(rest) = key.strip_prefix(&*self.keys.prefix) {
                let name = (self.keys.digest)(rest).map(Name::Key);
                self.ready.push_back(name.map_or(News::Gap, |name| News::Changed(name, None)));
            }
        }
        for mark in marks {
            // The second time its key has expired.
            if self.seen.insert(mark) {
                self.ready.push_back(News::Echo(mark));
            } else {
                self.seen.remove(&mark);
            }
        }
    }
}

impl Listener for Tracked {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(self.next_now())
    }
}

/// Nothing of any session.
impl fmt::Debug for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracked(…)")
    }
}

/// 32 bytes in hex.
fn of_hex(hex: &[u8]) -> Option<[u8; 32]> {
    let text = std::str::from_utf8(hex).ok()?;
    let bytes: Option<Vec<u8>> =
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}
