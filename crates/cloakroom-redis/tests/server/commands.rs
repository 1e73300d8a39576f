//! One round trip per call, as the design promises.

use std::collections::BTreeMap;

use cloakroom::store::{Applied, Guard, Loaded, Rotated, Store, Token};
use cloakroom_redis::RedisStore;

use crate::process::Process;
use crate::scratch::{at, key, patch, record};

/// How often scripts were called, and the two commands that are sent by themselves. What scripts call is among the latter, too.
async fn calls(server: &Process) -> [u64; 3] {
    let info: String = redis::from_redis_value(server.ask(&["INFO", "commandstats"]).await).unwrap();
    let calls: BTreeMap<&str, u64> = info
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="))
        .map(|(name, rest)| (name, rest.split(',').next().unwrap().parse().unwrap()))
        .collect();
    ["evalsha", "eval", "hgetall"].map(|name| calls.get(name).copied().unwrap_or(0))
}

#[tokio::test]
async fn each_call_is_one_command() {
    let server = Process::start(&[]).await;
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let (key, new, other) = (key(), key(), key());
    let add = patch(|patch| patch.add("n", 2).unwrap());
    // The server gets to know the scripts.
    store.create(&other, &record(), at(0)).await.unwrap();
    store.apply(&other, &add, &Guard::Exists, at(0)).await.unwrap();
    store.destroy(&other, at(0)).await.unwrap();

    let mut before = calls(&server).await;
    let mut since = async || {
        let now = calls(&server).await;
        let since = [now[0] - before[0], now[1] - before[1], now[2] - before[2]];
        before = now;
        since
    };
    store.create(&key, &record(), at(0)).await.unwrap();
    assert_eq!(since().await, [1, 0, 0], "create");

    assert!(matches!(store.load(&key, at(1)).await.unwrap(), Loaded::Found(_)));
    assert_eq!(since().await, [0, 0, 1], "load");

    assert!(matches!(store.load(&other, at(1)).await.unwrap(), Loaded::Missing));
    assert_eq!(since().await, [0, 0, 1], "load of nothing");

    assert!(matches!(store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
    assert_eq!(since().await, [1, 0, 0], "apply");

    let stale = Guard::Unchanged(Token::version(1));
    assert!(matches!(store.apply(&key, &add, &stale, at(1)).await.unwrap(), Applied::Conflict));
    assert_eq!(since().await, [1, 0, 0], "a conflict");

    let rotated = store.rotate(&key, &new, &add, &Guard::Unchanged(Token::version(2)), at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    assert_eq!(since().await, [1, 0, 0], "rotate");

    assert!(matches!(store.load(&key, at(1)).await.unwrap(), Loaded::Superseded));
    assert_eq!(since().await, [0, 0, 2], "load of a key that was rotated away");

    assert!(store.destroy(&new, at(1)).await.unwrap());
    assert_eq!(since().await, [1, 0, 0], "destroy");
}
