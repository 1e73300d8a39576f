//! Caches with one fault each, on two servers: that reads may be a little old must hide none of them.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Feed, Guard, Listener, Loaded, MemoryStore, NearCache, News, Rotated,
    Store, StoreFuture,
};
use cloakroom_torture::history::nodes::Nodes;
use cloakroom_torture::history::torment::{Dose, Figures, in_turns};
use cloakroom_torture::history::violation::Violation;

const BOUND: Duration = Duration::from_millis(400);

/// The common store, seen by a server whose feed does not tell all.
#[derive(Debug)]
struct Deaf {
    store: Arc<MemoryStore>,
    hears: fn(&News) -> bool,
}

impl Store for Deaf {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.store.load(key, now)
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

    fn feed(&self) -> Option<&dyn Feed> {
        Some(self)
    }
}

impl Feed for Deaf {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::new(async move {
            let inner = self.store.listen(listener).await?;
            let ear: Box<dyn Listener> = Box::new(Ear { inner, hears: self.hears });
            Ok(ear)
        })
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        self.store.echo(listener, mark)
    }
}

#[derive(Debug)]
struct Ear {
    inner: Box<dyn Listener>,
    hears: fn(&News) -> bool,
}

impl Listener for Ear {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(async move {
            loop {
                let news = self.inner.next().await?;
                if (self.hears)(&news) {
                    return Ok(news);
                }
            }
        })
    }
}

/// A server whose writes pass by its own cache.
#[derive(Debug)]
struct Bypassing {
    cache: NearCache,
    store: Arc<MemoryStore>,
}

impl Store for Bypassing {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.cache.load(key, now)
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
}

fn deaf(hears: fn(&News) -> bool) -> Nodes {
    let store = Arc::new(MemoryStore::new());
    let cache = || NearCache::new(Deaf { store: store.clone(), hears }).unwrap().with_bound(BOUND);
    Nodes::lagging(vec![Arc::new(cache()), Arc::new(cache())], BOUND)
}

fn bypassing() -> Nodes {
    let store = Arc::new(MemoryStore::new());
    // It hears of nothing before it is too late.
    let server = || {
        let behind = Deaf { store: store.clone(), hears: |news| matches!(news, News::Echo(_)) };
        Bypassing { cache: NearCache::new(behind).unwrap().with_bound(BOUND), store: store.clone() }
    };
    Nodes::lagging(vec![Arc::new(server()), Arc::new(server())], BOUND)
}

fn run(histories: u64, nodes: impl Fn() -> Nodes) -> Figures {
    let dose = Dose { first_seed: 0, histories, time: Duration::from_secs(60), shrinking: Duration::from_secs(5) };
    in_turns(dose, || Ok(nodes())).unwrap()
}

fn is_found(nodes: impl Fn() -> Nodes, names: &[Violation]) {
    let figures = run(2_000, nodes);
    let failure = figures.failure.unwrap_or_else(|| panic!("not found in {} histories", figures.histories));
    assert!(names.contains(&failure.finding.violation), "{}", failure.describe("near"));
}

#[test]
fn a_cache_that_hears_all_is_fine() {
    let figures = run(100, || deaf(|_| true));
    assert!(figures.failure.is_none(), "{}", figures.failure.unwrap().describe("near"));
}

#[test]
fn a_feed_that_tells_nothing() {
    let stale = [Violation::LostWrite, Violation::LostUpdate, Violation::StaleRead, Violation::WrongUser];
    let ended = [Violation::Resurrection, Violation::OldIdAlive, Violation::LiveSessionLost];
    is_found(|| deaf(|news| matches!(news, News::Echo(_))), &[&stale[..], &ended].concat());
}

#[test]
fn a_feed_that_tells_of_no_end() {
    is_found(|| deaf(|news| !matches!(news, News::Gone(_))), &[Violation::Resurrection]);
}

#[test]
fn a_server_that_does_not_see_its_own_writes() {
    let stale = [Violation::LostWrite, Violation::LostUpdate, Violation::StaleRead, Violation::WrongUser];
    let ended = [Violation::Resurrection, Violation::OldIdAlive, Violation::LiveSessionLost];
    is_found(bypassing, &[&stale[..], &ended].concat());
}
