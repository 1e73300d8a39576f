//! What happens to sessions, by `NOTIFY`, and the near cache that rests on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::record::StoreKey;
use cloakroom::store::{Created, Feed as _, Listener, Loaded, NearCache, News, Store, conformance};
use cloakroom_postgres::PostgresStore;
use cloakroom_postgres::deadpool_postgres::tokio_postgres::NoTls;
use cloakroom_postgres::deadpool_postgres::{Manager, Pool};

use crate::scratch::{PATIENCE, at, key, record, scratch, url};

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

/// Listens until that is told.
async fn heard(listener: &mut dyn Listener, wanted: &News) {
    let listening = async { while listener.next().await.unwrap() != *wanted {} };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_tells_what_the_contract_asks() {
    scratch(|scratch| async move { conformance::check(scratch.store.with_feed()).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_in_front_keeps_the_contract() {
    scratch(|scratch| async move {
        let cache = Arc::new(live(scratch.store.with_feed()).await);
        conformance::check(cache.clone()).await;
        assert!(cache.stats().hits > 0, "{:?}", cache.stats());
    })
    .await;
}

#[tokio::test]
async fn what_anybody_does_to_the_table_is_seen() {
    scratch(|scratch| async move {
        let cache = live(scratch.store.clone().with_feed()).await;
        // A store that knows nothing of the feed, a program of somebody else, and all at once.
        for way in 0..3 {
            let key = key();
            assert!(matches!(cache.create(&key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
            copied(&cache, &key).await;
            match way {
                0 => assert!(scratch.store.destroy(&key, at(1)).await.unwrap()),
                1 => scratch.client.batch_execute("DELETE FROM cloakroom_sessions").await.unwrap(),
                _ => scratch.client.batch_execute("TRUNCATE cloakroom_sessions").await.unwrap(),
            }
            until_gone(&cache, &key).await;
            assert!(cache.stats().is_live);
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_trigger_no_mark_comes_back() {
    scratch(|scratch| async move {
        let store = scratch.store.clone().with_feed();
        let mut listener = store.listen(7).await.unwrap();
        store.echo(7, 1).await.unwrap();
        heard(&mut *listener, &News::Echo(1)).await;
        scratch.client.batch_execute("ALTER TABLE cloakroom_sessions DISABLE TRIGGER cloakroom_feed").await.unwrap();
        store.echo(7, 2).await.unwrap();
        scratch.client.batch_execute("ALTER TABLE cloakroom_sessions ENABLE TRIGGER cloakroom_feed").await.unwrap();
        store.echo(7, 3).await.unwrap();
        let next = tokio::time::timeout(PATIENCE, listener.next()).await.unwrap().unwrap();
        assert_eq!(next, News::Echo(3));
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_lost_is_told() {
    scratch(|scratch| async move {
        let store = scratch.store.clone().with_feed();
        let id = key().digest().last_chunk().map(|last| u64::from_le_bytes(*last)).unwrap();
        let mut listener = store.listen(id).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LISTEN cloakroom_%' || $1";
        let ended = scratch.client.query(end, &[&id.to_string()]).await.unwrap();
        assert!(!ended.is_empty());
        // Who asks again is not left waiting.
        for _ in 0..2 {
            let told = tokio::time::timeout(PATIENCE, listener.next()).await.unwrap();
            assert!(told.is_err(), "{told:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn there_is_no_feed_unless_it_is_asked_for_and_possible() {
    scratch(|scratch| async move {
        assert!(scratch.store.feed().is_none());
        assert!(scratch.store.clone().with_feed().feed().is_some());
        let pool = Pool::builder(Manager::new(url().parse().unwrap(), NoTls)).max_size(1).build().unwrap();
        assert!(PostgresStore::new(pool).with_feed().feed().is_none());
        scratch.store.ensure_table().await.unwrap();
        scratch.client.batch_execute(&scratch.store.feed_migrations().join(";\n")).await.unwrap();
        let store = scratch.store.without_migrations().with_feed();
        let mut listener = store.listen(7).await.unwrap();
        store.echo(7, 1).await.unwrap();
        heard(&mut *listener, &News::Echo(1)).await;
    })
    .await;
}
