//! What is served from memory, and when it is not any more.

use std::sync::Arc;

use cloakroom::record::{Expiry, Patch, Record, StoreKey};
use cloakroom::store::{Applied, Created, Guard, Loaded, MemoryStore, NearCache, Rotated, Store};
use tokio::time::{advance, timeout};

use crate::support::{BOUND, Line, Node, add, at, heard, key, record};

async fn two() -> (Node, Node) {
    let store = Arc::new(MemoryStore::new());
    (Node::live(&store).await, Node::live(&store).await)
}

#[tokio::test(start_paused = true)]
async fn what_was_loaded_once_is_served_from_memory() {
    let (one, _) = two().await;
    let key = one.begin().await;
    heard().await;
    assert_eq!(one.number(&key).await, Some(1));
    let loads = one.link.loads();
    for _ in 0..100 {
        assert_eq!(one.number(&key).await, Some(1));
    }
    assert_eq!(one.link.loads(), loads);
    assert!(one.cache.stats().hits >= 100);
}

#[tokio::test(start_paused = true)]
async fn what_another_server_does_is_seen_when_the_feed_tells() {
    let (one, two) = two().await;
    let key = one.begin().await;
    for number in 2..10 {
        two.number(&key).await;
        one.add(&key).await;
        heard().await;
        assert_eq!(two.number(&key).await, Some(number));
    }
    let new = self::key();
    let rotated = one.cache.rotate(&key, &new, &Patch::default(), &Guard::Exists, at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    heard().await;
    assert!(matches!(two.load(&key).await, Loaded::Superseded));
    assert_eq!(two.number(&new).await, Some(9));
    assert!(one.cache.destroy(&new, at(1)).await.unwrap());
    heard().await;
    assert_eq!(two.number(&new).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_does_itself_it_sees_at_once() {
    let (one, two) = two().await;
    one.link.set_feed(Line::Silent);
    let key = one.begin().await;
    for number in 1..10 {
        assert_eq!(one.number(&key).await, Some(number));
        one.add(&key).await;
    }
    let (new, mut shorter) = (self::key(), Patch::default());
    assert!(matches!(one.load(&new).await, Loaded::Missing));
    one.cache.rotate(&key, &new, &Patch::default(), &Guard::Exists, at(1)).await.unwrap();
    assert!(matches!(one.load(&key).await, Loaded::Superseded));
    assert_eq!(one.number(&new).await, Some(10));
    shorter.expiry = Expiry::Exactly(at(1));
    one.cache.apply(&new, &shorter, &Guard::Exists, at(0)).await.unwrap();
    assert_eq!(one.number(&new).await, None);
    let ended = two.begin().await;
    assert_eq!(one.number(&ended).await, Some(1));
    assert!(one.cache.destroy(&ended, at(1)).await.unwrap());
    assert_eq!(one.number(&ended).await, None);
    assert!(one.cache.stats().is_live, "all of this was seen without the feed");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_overtaken_leaves_no_copy() {
    for line in [Line::Up, Line::Silent] {
        let (one, two) = two().await;
        let key = two.begin().await;
        heard().await;
        one.link.hold_answers();
        let early = one.number(&key);
        let late = async {
            heard().await;
            // Its own write must be seen without the feed.
            match line {
                Line::Up => two.add(&key).await,
                line => {
                    one.link.set_feed(line);
                    one.add(&key).await;
                }
            }
            heard().await;
            one.link.release_answers();
        };
        let (early, ()) = tokio::join!(early, late);
        assert_eq!(early, Some(1), "it was asked before");
        assert_eq!(one.number(&key).await, Some(2), "{line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_ask_the_store_once() {
    let (one, two) = two().await;
    let key = two.begin().await;
    heard().await;
    let loads = one.link.loads();
    one.link.hold_answers();
    let ask = || async { one.number(&key).await };
    let all = async { tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask()) };
    let release = async {
        heard().await;
        one.link.release_answers();
    };
    let (all, ()) = tokio::join!(all, release);
    assert_eq!(all, (Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), Some(1)));
    assert_eq!(one.link.loads(), loads + 1);
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_leaves_nobody_waiting() {
    let (one, two) = two().await;
    let key = two.begin().await;
    heard().await;
    one.link.hold_answers();
    let ask = || async { one.number(&key).await };
    let (first, waiting, ()) = tokio::join!(timeout(BOUND / 10, ask()), ask(), async {
        tokio::time::sleep(BOUND / 5).await;
        one.link.release_answers();
    });
    assert!(first.is_err());
    assert_eq!(waiting, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_guarded_write_from_an_old_copy_is_refused_once() {
    let (one, two) = two().await;
    let key = two.begin().await;
    assert_eq!(one.number(&key).await, Some(1));
    one.link.set_feed(Line::Silent);
    two.add(&key).await;
    for round in 0..2 {
        let Loaded::Found(found) = one.load(&key).await else { panic!("it is gone") };
        let written = one.cache.apply(&key, &add(), &Guard::Unchanged(found.token), at(1)).await.unwrap();
        assert_eq!(matches!(written, Applied::Conflict), round == 0, "{written:?}");
    }
    assert_eq!(two.number(&key).await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn that_there_is_no_session_is_known_until_there_is_one() {
    let (one, two) = two().await;
    let key = key();
    assert!(matches!(one.load(&key).await, Loaded::Missing));
    let loads = one.link.loads();
    assert!(matches!(one.load(&key).await, Loaded::Missing));
    assert_eq!(one.link.loads(), loads);
    let created = two.cache.create(&key, &record(), at(0)).await.unwrap();
    assert!(matches!(created, Created::Done { .. }));
    heard().await;
    assert_eq!(one.number(&key).await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn that_there_is_none_any_more_is_no_answer_for_a_clock_that_is_behind() {
    let (one, _) = two().await;
    let key = one.begin().await;
    assert!(matches!(one.cache.load(&key, at(100)).await.unwrap(), Loaded::Missing));
    assert!(matches!(one.cache.load(&key, at(99)).await.unwrap(), Loaded::Found(_)));
    assert!(matches!(one.cache.load(&key, at(100)).await.unwrap(), Loaded::Missing));
}

#[tokio::test(start_paused = true)]
async fn a_touch_elsewhere_keeps_a_session_alive_here() {
    let (one, two) = two().await;
    let key = one.begin().await;
    assert_eq!(one.number(&key).await, Some(1));
    one.link.set_feed(Line::Silent);
    let mut touch = Patch::default();
    touch.expiry = Expiry::AtLeast(at(200));
    two.cache.apply(&key, &touch, &Guard::Exists, at(50)).await.unwrap();
    assert!(matches!(one.cache.load(&key, at(150)).await.unwrap(), Loaded::Found(_)));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_read_under_its_new_id_is_not_served_under_the_old_one() {
    let (one, two) = two().await;
    let (old, new) = (one.begin().await, key());
    assert_eq!(one.number(&old).await, Some(1));
    one.link.set_feed(Line::Silent);
    two.cache.rotate(&old, &new, &Patch::default(), &Guard::Exists, at(1)).await.unwrap();
    assert_eq!(one.number(&new).await, Some(1));
    assert!(matches!(one.load(&old).await, Loaded::Superseded));
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_cache_behind_is_no_answer_of_the_store() {
    let (one, _) = two().await;
    let key = one.begin().await;
    heard().await;
    assert_eq!((one.number(&key).await, one.number(&key).await), (Some(1), Some(1)));
    let behind = Arc::new(one.cache);
    let outer = Node { cache: NearCache::new(behind.clone()).unwrap().with_bound(BOUND), link: one.link };
    outer.until_live().await;
    let hits = behind.stats().hits;
    assert_eq!(outer.number(&key).await, Some(1));
    assert_eq!(behind.stats().hits, hits);
}

#[test]
fn who_is_on_no_runtime_of_tokio_waits_for_nobody() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let store = Arc::new(MemoryStore::new());
    let node = runtime.block_on(Node::live(&store));
    let key = runtime.block_on(node.begin());
    node.link.hold_answers();
    let mut first = std::pin::pin!(node.number(&key));
    let mut second = std::pin::pin!(node.number(&key));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    let loads = node.link.loads();
    assert!(second.as_mut().poll(&mut cx).is_pending());
    assert_eq!(node.link.loads(), loads + 1);
}

#[tokio::test(start_paused = true)]
async fn it_holds_no_more_than_it_may() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::of(&store);
    let cache = NearCache::new(node.link.clone()).unwrap().with_capacity(160);
    let node = Node { cache, link: node.link };
    node.until_live().await;
    let often = node.begin().await;
    for _ in 0..2_000 {
        let key: StoreKey = node.begin().await;
        heard().await;
        node.number(&key).await;
        node.number(&often).await;
    }
    let stats = node.cache.stats();
    assert!(stats.entries <= 160 && stats.entries > 100, "{stats:?}");
    assert!(stats.hits > 1_900, "what is used again and again stays: {stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_not_believed_for_ever() {
    let (one, _) = two().await;
    let key = one.begin().await;
    heard().await;
    one.number(&key).await;
    let loads = one.link.loads();
    for _ in 0..70 {
        advance(BOUND / 4).await;
        heard().await;
        assert_eq!(one.number(&key).await, Some(1));
    }
    assert_eq!(one.link.loads(), loads, "all of this time the feed was there");
    for _ in 0..200 {
        advance(BOUND / 4).await;
        heard().await;
    }
    one.number(&key).await;
    assert_eq!(one.link.loads(), loads + 1);
}

#[test]
fn a_store_without_a_feed_has_no_cache() {
    #[derive(Debug)]
    struct Mute(MemoryStore);
    impl Store for Mute {
        fn load<'a>(
            &'a self,
            key: &'a StoreKey,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, Loaded> {
            self.0.load(key, now)
        }
        fn create<'a>(
            &'a self,
            key: &'a StoreKey,
            record: &'a Record,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, Created> {
            self.0.create(key, record, now)
        }
        fn apply<'a>(
            &'a self,
            key: &'a StoreKey,
            patch: &'a Patch,
            guard: &'a Guard,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, Applied> {
            self.0.apply(key, patch, guard, now)
        }
        fn rotate<'a>(
            &'a self,
            old: &'a StoreKey,
            new: &'a StoreKey,
            patch: &'a Patch,
            guard: &'a Guard,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, Rotated> {
            self.0.rotate(old, new, patch, guard, now)
        }
        fn destroy<'a>(
            &'a self,
            key: &'a StoreKey,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, bool> {
            self.0.destroy(key, now)
        }
        fn sweep(&self, limit: usize, now: cloakroom::Timestamp) -> cloakroom::store::StoreFuture<'_, usize> {
            self.0.sweep(limit, now)
        }
        fn capabilities(&self) -> cloakroom::store::Capabilities {
            self.0.capabilities()
        }
    }
    let error = NearCache::new(Mute(MemoryStore::new())).unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the store has no feed");
}
