//! A server that is away, silent, or does not want to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::record::StoreKey;
use cloakroom::store::{Applied, Guard, Loaded, Store, StoreError, StoreErrorKind};
use cloakroom_postgres::PostgresStore;
use cloakroom_postgres::deadpool_postgres::tokio_postgres::NoTls;
use cloakroom_postgres::deadpool_postgres::{Manager, Pool};

use crate::proxy::Proxy;
use crate::scratch::{Scratch, at, key, patch, record, scratch, url, url_with};

const DEADLINE: Duration = Duration::from_millis(600);
/// A call ends within its deadline, but a busy machine may be late to notice.
const LATEST: Duration = Duration::from_millis(1_600);

/// A store behind a proxy, with a session in it.
async fn behind_proxy(scratch: &Scratch) -> (Proxy, PostgresStore, StoreKey) {
    let proxy = Proxy::start().await;
    let store = PostgresStore::connect(&proxy.url()).await.unwrap();
    let store = store.with_schema(&scratch.schema).with_deadline(DEADLINE);
    scratch.store.ensure_table().await.unwrap();
    let (key, _) = scratch.created(&record()).await;
    (proxy, store, key)
}

async fn read(store: &PostgresStore, key: &StoreKey) -> Result<(), StoreError> {
    let start = Instant::now();
    let loaded = store.load(key, at(1)).await;
    assert!(start.elapsed() < LATEST, "{:?}", start.elapsed());
    loaded.map(|loaded| assert!(matches!(loaded, Loaded::Found(_)), "{loaded:?}"))
}

async fn write(store: &PostgresStore, key: &StoreKey) -> Result<(), StoreError> {
    let start = Instant::now();
    let applied = store.apply(key, &patch(|patch| patch.add("n", 1).unwrap()), &Guard::Exists, at(1)).await;
    assert!(start.elapsed() < LATEST, "{:?}", start.elapsed());
    applied.map(|applied| assert!(matches!(applied, Applied::Done(_)), "{applied:?}"))
}

fn kind(outcome: Result<(), StoreError>) -> StoreErrorKind {
    outcome.unwrap_err().kind()
}

async fn works_again(store: &PostgresStore, key: &StoreKey) {
    let start = Instant::now();
    while read(store, key).await.is_err() || write(store, key).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(5), "it should have worked again long since");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_found_when_it_is_back() {
    scratch(|scratch| async move {
        let (mut proxy, store, key) = behind_proxy(&scratch).await;
        proxy.close().await;
        assert_eq!(kind(read(&store, &key).await), StoreErrorKind::Unavailable);
        assert_eq!(kind(write(&store, &key).await), StoreErrorKind::Unavailable);
        proxy.reopen().await;
        read(&store, &key).await.unwrap();
        write(&store, &key).await.unwrap();
        // With connections in the pool, too.
        proxy.close().await;
        assert_eq!(kind(read(&store, &key).await), StoreErrorKind::Unavailable);
        proxy.reopen().await;
        works_again(&store, &key).await;
    })
    .await;
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_and_where_nothing_was_sent_unavailable() {
    scratch(|scratch| async move {
        let (proxy, store, key) = behind_proxy(&scratch).await;
        read(&store, &key).await.unwrap();
        proxy.freeze();
        assert_eq!(kind(write(&store, &key).await), StoreErrorKind::Timeout);
        // That connection is given up, and another can't be made.
        assert_eq!(kind(write(&store, &key).await), StoreErrorKind::Unavailable);
        assert_eq!(kind(read(&store, &key).await), StoreErrorKind::Unavailable);
        proxy.open();
        works_again(&store, &key).await;
    })
    .await;
}

#[tokio::test]
async fn connections_that_break_between_calls_are_replaced() {
    scratch(|scratch| async move {
        let (proxy, store, key) = behind_proxy(&scratch).await;
        read(&store, &key).await.unwrap();
        proxy.cut();
        read(&store, &key).await.unwrap();
        let backends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE";
        assert!(!scratch.rows(&format!("{backends} 'WITH found%{}%'", scratch.schema)).await.is_empty());
        works_again(&store, &key).await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_write_leaves_it_unknown_and_under_a_read_it_is_asked_again() {
    scratch(|scratch| async move {
        let (proxy, store, key) = behind_proxy(&scratch).await;
        write(&store, &key).await.unwrap();
        read(&store, &key).await.unwrap();
        let proxy = Arc::new(proxy);
        let cut_soon = |proxy: Arc<Proxy>| async move {
            proxy.freeze();
            tokio::time::sleep(Duration::from_millis(100)).await;
            proxy.cut();
        };
        let (written, ()) = tokio::join!(write(&store, &key), cut_soon(proxy.clone()));
        assert_eq!(kind(written), StoreErrorKind::Timeout);
        read(&store, &key).await.unwrap();
        let (found, ()) = tokio::join!(read(&store, &key), cut_soon(proxy.clone()));
        found.unwrap();
    })
    .await;
}

fn pool(size: usize) -> Pool {
    Pool::builder(Manager::new(url().parse().unwrap(), NoTls)).max_size(size).build().unwrap()
}

#[tokio::test]
async fn a_pool_that_is_used_up_is_unavailable_for_as_long() {
    scratch(|scratch| async move {
        let pool = pool(1);
        let store = PostgresStore::new(pool.clone()).with_schema(&scratch.schema).with_deadline(DEADLINE);
        let (key, _) = scratch.created(&record()).await;
        let held = pool.get().await.unwrap();
        assert_eq!(kind(write(&store, &key).await), StoreErrorKind::Unavailable);
        drop(held);
        write(&store, &key).await.unwrap();
        pool.close();
        assert_eq!(kind(write(&store, &key).await), StoreErrorKind::Unavailable);
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_is_given_up_ends_on_the_server_too() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let store = scratch.store.clone().with_deadline(DEADLINE);
        scratch.run("BEGIN; SELECT 1 FROM cloakroom_sessions FOR UPDATE").await;
        assert_eq!(kind(write(&store, &key).await), StoreErrorKind::Timeout);
        let waiting = format!(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{}%'",
            scratch.schema
        );
        while !scratch.rows(&waiting).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scratch.run("COMMIT").await;
        assert_eq!(scratch.rows("SELECT data ->> 'n', version FROM cloakroom_sessions").await, ["1|1"]);
        write(&store, &key).await.unwrap();
    })
    .await;
}

/// What is pending on a connection can't be told from the answer to the next question. So it is closed.
#[tokio::test]
async fn a_call_that_is_dropped_takes_its_connection_with_it() {
    scratch(|scratch| async move {
        let store = PostgresStore::new(pool(1)).with_schema(&scratch.schema);
        let ((held, _), (free, _)) = (scratch.created(&record()).await, scratch.created(&record()).await);
        let digest: String = held.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        scratch.run(&format!("BEGIN; SELECT 1 FROM cloakroom_sessions WHERE key = '\\x{digest}' FOR UPDATE")).await;
        for _ in 0..3 {
            let dropped = tokio::time::timeout(Duration::from_millis(50), write(&store, &held)).await;
            assert!(dropped.is_err());
            read(&store, &free).await.unwrap();
        }
        scratch.run("COMMIT").await;
        write(&store, &free).await.unwrap();
        read(&store, &held).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn statements_that_the_server_has_forgotten_are_prepared_again() {
    scratch(|scratch| async move {
        let pool = pool(1);
        let store = PostgresStore::new(pool.clone()).with_schema(&scratch.schema);
        let (key, _) = scratch.created(&record()).await;
        for _ in 0..2 {
            write(&store, &key).await.unwrap();
            pool.get().await.unwrap().batch_execute("DISCARD ALL").await.unwrap();
            write(&store, &key).await.unwrap();
            scratch.run("ALTER TABLE cloakroom_sessions ALTER user_id TYPE varchar(800)").await;
            read(&store, &key).await.unwrap();
            scratch.run("ALTER TABLE cloakroom_sessions ALTER user_id TYPE text").await;
        }
        assert_eq!(scratch.rows("SELECT data ->> 'n' FROM cloakroom_sessions").await, ["5"]);
    })
    .await;
}

#[tokio::test]
async fn a_standby_is_unavailable() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let read_only = "options=-c%20default_transaction_read_only%3Don";
        let ours = PostgresStore::connect(&url_with(read_only)).await.unwrap().with_schema(&scratch.schema);
        assert_eq!(kind(read(&ours, &key).await), StoreErrorKind::Unavailable);
        // In a pool of the application's own: it reads, and does not write.
        let manager = Manager::new(url_with(read_only).parse().unwrap(), NoTls);
        let theirs = PostgresStore::new(Pool::builder(manager).build().unwrap()).with_schema(&scratch.schema);
        read(&theirs, &key).await.unwrap();
        assert_eq!(kind(write(&theirs, &key).await), StoreErrorKind::Unavailable);
        assert_eq!(theirs.destroy(&key, at(1)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        let created = theirs.create(&self::key(), &record(), at(1)).await;
        assert_eq!(created.unwrap_err().kind(), StoreErrorKind::Unavailable);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_unavailable_and_errors_tell_nothing() {
    let wrong = url().replacen("://", "://nobody-hunter2:hunter2@", 1);
    let wrong = match wrong.rsplit_once('@') {
        Some((_, server)) => format!("postgres://nobody-hunter2:hunter2@{server}"),
        None => wrong,
    };
    let store = PostgresStore::connect(&wrong).await.unwrap();
    let error = store.load(&key(), at(0)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let source = std::error::Error::source(&error).unwrap();
    assert!(!format!("{error:?} {source} {store:?}").contains("hunter2"));
}
