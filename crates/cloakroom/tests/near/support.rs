//! Two servers with a near cache each, over one store that a test can hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Feed, Found, Guard, Listener, Loaded, MemoryStore, NearCache,
    News, Rotated, Store, StoreError, StoreErrorKind, StoreFuture,
};
use cloakroom::{Timestamp, UserId};
use tokio::sync::watch;

pub(crate) const BOUND: Duration = Duration::from_secs(1);

/// What a server sees of the common store: its loads and its feed can be held, and its feed can fail.
#[derive(Debug)]
pub(crate) struct Link {
    store: Arc<MemoryStore>,
    pub(crate) loads: AtomicUsize,
    pub(crate) listens: AtomicUsize,
    /// Loads that were answered wait here for their answer to arrive.
    pub(crate) answers: watch::Sender<bool>,
    pub(crate) feed: watch::Sender<Line>,
}

/// How the feed's connection is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Line {
    Up,
    /// Nothing comes through.
    Silent,
    /// News come through, but no mark.
    Markless,
    /// It is known to be broken.
    Down,
}

impl Link {
    pub(crate) fn to(store: &Arc<MemoryStore>) -> Arc<Link> {
        let (answers, feed) = (watch::Sender::new(true), watch::Sender::new(Line::Up));
        Arc::new(Link { store: store.clone(), loads: AtomicUsize::new(0), listens: AtomicUsize::new(0), answers, feed })
    }

    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    pub(crate) fn hold_answers(&self) {
        self.answers.send_replace(false);
    }

    pub(crate) fn release_answers(&self) {
        self.answers.send_replace(true);
    }

    pub(crate) fn set_feed(&self, line: Line) {
        self.feed.send_replace(line);
    }
}

impl Store for Link {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(async move {
            self.loads.fetch_add(1, Ordering::SeqCst);
            let answer = self.store.load(key, now).await;
            self.answers.subscribe().wait_for(|flow| *flow).await.unwrap();
            answer
        })
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.store.create(key, record, now)
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.store.apply(key, patch, guard, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.store.rotate(old, new, patch, guard, now)
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.store.destroy(key, now)
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.store.sweep(limit, now)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.store.directory()
    }

    fn export(&self) -> Option<&dyn Export> {
        self.store.export()
    }

    fn feed(&self) -> Option<&dyn Feed> {
        Some(self)
    }
}

impl Feed for Link {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::new(async move {
            self.listens.fetch_add(1, Ordering::SeqCst);
            let mut line = self.feed.subscribe();
            if *line.wait_for(|line| *line != Line::Silent).await.unwrap() == Line::Down {
                return Err(StoreError::new(StoreErrorKind::Unavailable));
            }
            let inner = self.store.listen(listener).await?;
            let held: Box<dyn Listener> = Box::new(Held { inner, line });
            Ok(held)
        })
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        self.store.echo(listener, mark)
    }
}

#[derive(Debug)]
struct Held {
    inner: Box<dyn Listener>,
    line: watch::Receiver<Line>,
}

impl Listener for Held {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(async move {
            loop {
                let state = *self.line.wait_for(|line| *line != Line::Silent).await.unwrap();
                if state == Line::Down {
                    return Err(StoreError::new(StoreErrorKind::Unavailable));
                }
                tokio::select! {
                    biased;
                    _ = self.line.changed() => {}
                    news = self.inner.next() => match news {
                        Ok(News::Echo(_)) if state == Line::Markless => {}
                        news => return news,
                    },
                }
            }
        })
    }
}

/// A server.
pub(crate) struct Node {
    pub(crate) link: Arc<Link>,
    pub(crate) cache: NearCache,
}

impl Node {
    pub(crate) fn of(store: &Arc<MemoryStore>) -> Node {
        let link = Link::to(store);
        Node { cache: NearCache::new(link.clone()).unwrap().with_bound(BOUND), link }
    }

    /// One that serves from memory.
    pub(crate) async fn live(store: &Arc<MemoryStore>) -> Node {
        let node = Node::of(store);
        node.until_live().await;
        node
    }

    pub(crate) async fn until_live(&self) {
        while !self.cache.stats().is_live {
            self.cache.load(&key(), at(0)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn load(&self, key: &StoreKey) -> Loaded {
        self.cache.load(key, at(1)).await.unwrap()
    }

    /// The number that a session has; none if there is no session.
    pub(crate) async fn number(&self, key: &StoreKey) -> Option<i64> {
        match self.load(key).await {
            Loaded::Found(Found { record, .. }) => record.data.get("n").and_then(Value::as_i64),
            Loaded::Superseded | Loaded::Missing => None,
        }
    }

    pub(crate) async fn add(&self, key: &StoreKey) {
        let added = self.cache.apply(key, &add(), &Guard::Exists, at(1)).await.unwrap();
        assert!(matches!(added, Applied::Done(_)), "{added:?}");
    }

    pub(crate) async fn begin(&self) -> StoreKey {
        let key = key();
        let created = self.cache.create(&key, &record(), at(0)).await.unwrap();
        assert!(matches!(created, Created::Done { .. }));
        key
    }
}

/// Until all that was told so far has been heard: what waits has its turn.
pub(crate) async fn heard() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + seconds * 1_000)
}

pub(crate) fn key() -> StoreKey {
    StoreKey::generate().unwrap()
}

/// Ada's, with the number 1, idle from 100 on and over at 1,000.
pub(crate) fn record() -> Record {
    let mut record = Record::new(at(0), at(100), at(1_000));
    record.data = Arc::new([("n", Value::from(1))].into_iter().collect());
    record.user = Some(user());
    record
}

pub(crate) fn user() -> UserId {
    UserId::new("ada").unwrap()
}

pub(crate) fn add() -> Patch {
    let mut patch = Patch::default();
    patch.add("n", 1).unwrap();
    patch
}
