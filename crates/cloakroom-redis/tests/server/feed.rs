//! What happens to sessions, by client-side caching, and the near cache that rests on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::record::StoreKey;
use cloakroom::store::{Created, Feed as _, Listener, Loaded, Name, NearCache, News, Store, conformance};
use cloakroom_redis::{ConnectRedis, RedisStore};

use crate::process::{Cluster, Process};
use crate::scratch::{PATIENCE, at, key, record, scratch};

async fn wait(start: Instant, for_what: &str) {
    assert!(start.elapsed() < PATIENCE, "{for_what}");
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// A cache that serves from memory. What it sees of others, it has heard: its bound does not end while a test runs.
async fn live(store: impl Store) -> NearCache {
    let (cache, start) = (NearCache::new(store).unwrap().with_bound(PATIENCE * 60), Instant::now());
    while !cache.stats().is_live {
        cache.load(&key(), at(0)).await.unwrap();
        wait(start, "it serves from memory").await;
    }
    cache
}

async fn is_there(store: &impl Store, key: &StoreKey) -> bool {
    matches!(store.load(key, at(1)).await.unwrap(), Loaded::Found(_))
}

/// Loads a session until that is answered from memory.
async fn copied(cache: &NearCache, key: &StoreKey) {
    let start = Instant::now();
    loop {
        let before = cache.stats().hits;
        assert!(is_there(cache, key).await);
        if cache.stats().hits > before {
            return;
        }
        wait(start, "it is served from memory").await;
    }
}

async fn until_gone(cache: &NearCache, key: &StoreKey) {
    let start = Instant::now();
    while is_there(cache, key).await {
        wait(start, "its end is seen").await;
    }
}

async fn next(listener: &mut dyn Listener) -> News {
    tokio::time::timeout(PATIENCE, listener.next()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_in_front_keeps_the_contract() {
    scratch(|scratch| async move {
        let cache = Arc::new(live(scratch.store).await);
        conformance::check(cache.clone()).await;
        assert!(cache.stats().hits > 0, "{:?}", cache.stats());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_removes_is_seen() {
    scratch(|scratch| async move {
        let express = |prefix: String| scratch.store.clone().with_layout(ConnectRedis::new().prefix(&prefix));
        for store in [
            Arc::new(scratch.store.clone()) as Arc<dyn Store>,
            Arc::new(express(format!("{}-sess:", scratch.prefix))) as Arc<dyn Store>,
            // The marks' keys begin with this as well.
            Arc::new(express(format!("{}:", scratch.prefix))) as Arc<dyn Store>,
        ] {
            let (cache, key) = (live(store).await, key());
            assert!(matches!(cache.create(&key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
            copied(&cache, &key).await;
            let mut connection = scratch.connection.clone();
            crate::scratch::remove(&mut connection, &scratch.prefix).await;
            until_gone(&cache, &key).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_mark_is_heard_once_though_its_key_expires() {
    scratch(|scratch| async move {
        let mut listener = scratch.store.listen(7).await.unwrap();
        scratch.store.echo(7, 1).await.unwrap();
        assert_eq!(next(&mut *listener).await, News::Echo(1));
        let name = format!("{}:m:7:1", scratch.prefix);
        let mut connection = scratch.connection.clone();
        let start = Instant::now();
        while redis::cmd("EXISTS").arg(&name).query_async::<i64>(&mut connection).await.unwrap() != 0 {
            wait(start, "its key expires").await;
        }
        let (key, _) = scratch.created(&record()).await;
        assert_eq!(next(&mut *listener).await, News::Changed(Name::Key(*key.digest()), None));
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_lost_is_told() {
    let mut server = Process::start(&[]).await;
    let store = RedisStore::connect(&server.url()).await.unwrap().with_deadline(PATIENCE);
    let mut listener = store.listen(7).await.unwrap();
    server.kill();
    // Who asks again is not left waiting.
    for _ in 0..2 {
        let told = tokio::time::timeout(PATIENCE, listener.next()).await.unwrap();
        assert!(told.is_err(), "{told:?}");
    }
}

#[tokio::test]
async fn a_cluster_has_no_feed() {
    let cluster = Cluster::start().await;
    assert!(RedisStore::connect_cluster(cluster.urls()).await.unwrap().feed().is_none());
}
