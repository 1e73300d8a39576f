//! What was confirmed is there after a crash, and what has no room is refused.

use std::error::Error;
use std::time::Duration;

use cloakroom::record::Value;
use cloakroom::store::{Applied, Guard, Loaded, Store, StoreErrorKind};
use cloakroom_redis::RedisStore;

use crate::process::Process;
use crate::scratch::{at, key, patch, record};

#[tokio::test]
async fn what_was_confirmed_survives_a_kill_and_scripts_are_sent_anew() {
    let mut server = Process::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let add = patch(|patch| patch.add("n", 1).unwrap());
    let (kept, ended) = (key(), key());
    store.create(&kept, &record(), at(0)).await.unwrap();
    store.create(&ended, &record(), at(0)).await.unwrap();
    for round in 2..5 {
        assert!(matches!(store.apply(&kept, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
        store.destroy(&ended, at(1)).await.unwrap();
        server.kill();
        assert_eq!(store.load(&kept, at(1)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        server.restart().await;
        let Loaded::Found(found) = store.load(&kept, at(1)).await.unwrap() else { panic!("it is lost") };
        assert_eq!(found.record.data.get("n"), Some(&Value::from(round)));
        assert!(matches!(store.load(&ended, at(1)).await.unwrap(), Loaded::Missing));
    }
    server.ask(&["SCRIPT", "FLUSH"]).await;
    assert!(matches!(store.apply(&kept, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
}

/// As a web server sees it: the connection was idle when the server went away and came back.
#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = Process::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();
    server.kill();
    server.restart().await;
    let add = patch(|patch| patch.add("n", 1).unwrap());
    assert!(matches!(store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
}

#[tokio::test]
async fn a_full_server_takes_no_new_session_and_lets_sessions_end() {
    let server = Process::start(&[]).await;
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let (key, other) = (key(), key());
    store.create(&key, &record(), at(0)).await.unwrap();
    store.create(&other, &record(), at(0)).await.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = store.create(&crate::scratch::key(), &record(), at(0)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full, "{}", error.source().unwrap());
    let add = patch(|patch| {
        patch.add("n", 1).unwrap();
        patch.set("b", Value::from(1));
    });
    let error = store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full, "{}", error.source().unwrap());
    let Loaded::Found(found) = store.load(&key, at(1)).await.unwrap() else { panic!("it is lost") };
    assert_eq!(found.record.data.get("n"), Some(&Value::from(1)));
    assert!(store.destroy(&other, at(1)).await.unwrap());
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert!(matches!(store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
}

#[tokio::test]
async fn a_write_waits_for_the_replicas_that_it_needs() {
    let master = Process::start(&["--repl-diskless-sync-delay", "0"]).await;
    let port = master.port().to_string();
    let mut replica = Process::start(&["--replicaof", "127.0.0.1", &port]).await;
    let begin = std::time::Instant::now();
    loop {
        let info: String = redis::from_redis_value(replica.ask(&["INFO", "replication"]).await).unwrap();
        if info.contains("master_link_status:up") {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "the replica does not come up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let store = RedisStore::connect(&master.url()).await.unwrap().with_deadline(Duration::from_secs(10));
    let store = store.wait_for_replicas(1, Duration::from_secs(5));
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();
    // Whatever happens to the master from here on.
    let there = RedisStore::connect(&replica.url()).await.unwrap();
    assert!(matches!(there.load(&key, at(1)).await.unwrap(), Loaded::Found(_)));
    let add = patch(|patch| patch.add("n", 1).unwrap());
    let error = there.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.source().unwrap());

    replica.kill();
    let hasty = store.wait_for_replicas(1, Duration::from_millis(50));
    let error = hasty.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Timeout, "{}", error.source().unwrap());
    let Loaded::Found(found) = hasty.load(&key, at(1)).await.unwrap() else { panic!("it is lost") };
    assert_eq!(found.record.data.get("n"), Some(&Value::from(2)));
}
