//! What is particular in a cluster: keys that move, nodes that are away, and steps that are left half done.

use std::error::Error;
use std::time::Duration;

use cloakroom::UserId;
use cloakroom::record::{StoreKey, Value};
use cloakroom::store::{Applied, Created, Directory, Guard, Loaded, Rotated, Store, StoreErrorKind};
use cloakroom_redis::RedisStore;

use crate::process::Cluster;
use crate::scratch::{at, hex, key, patch, record};

async fn store(cluster: &Cluster) -> RedisStore {
    RedisStore::connect_cluster(cluster.urls()).await.unwrap().with_deadline(Duration::from_secs(10))
}

async fn slot(cluster: &Cluster, key: &StoreKey) -> u16 {
    let name = format!("cloakroom:s:{}", hex(key));
    redis::from_redis_value(cluster.nodes[0].ask(&["CLUSTER", "KEYSLOT", &name]).await).unwrap()
}

/// The place of the node that has a slot.
fn node(slot: u16) -> usize {
    [5_461, 10_923].iter().filter(|first| slot >= **first).count()
}

#[tokio::test]
async fn a_slot_that_moves_is_followed() {
    let cluster = Cluster::start().await;
    let store = store(&cluster).await;
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();
    let (slot, name) = (slot(&cluster, &key).await, format!("cloakroom:s:{}", hex(&key)));
    let (from, to) = (&cluster.nodes[node(slot)], &cluster.nodes[(node(slot) + 1) % 3]);
    let id = async |place: &crate::process::Process| -> String {
        redis::from_redis_value(place.ask(&["CLUSTER", "MYID"]).await).unwrap()
    };
    let (from_id, to_id, number) = (id(from).await, id(to).await, slot.to_string());
    let add = patch(|patch| patch.add("n", 1).unwrap());
    let mut expected = 1;
    let mut adds = async || {
        expected += 1;
        match store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap() {
            Applied::Done(written) => assert_eq!(written.numbers[0].1, expected),
            other => panic!("{other:?}"),
        }
    };
    adds().await;
    // On its way, and not there yet.
    to.ask(&["CLUSTER", "SETSLOT", &number, "IMPORTING", &from_id]).await;
    from.ask(&["CLUSTER", "SETSLOT", &number, "MIGRATING", &to_id]).await;
    adds().await;
    // The key is there: the old node says ASK.
    from.ask(&["MIGRATE", "127.0.0.1", &to.port().to_string(), &name, "0", "5000"]).await;
    adds().await;
    // And the slot: the old node says MOVED.
    to.ask(&["CLUSTER", "SETSLOT", &number, "NODE", &to_id]).await;
    from.ask(&["CLUSTER", "SETSLOT", &number, "NODE", &to_id]).await;
    adds().await;
    adds().await;
    assert!(store.destroy(&key, at(1)).await.unwrap());
}

#[tokio::test]
async fn a_node_that_is_away_is_unavailable_and_the_others_serve() {
    let mut cluster = Cluster::start().await;
    let store = store(&cluster).await;
    let mut keys: Vec<(usize, StoreKey)> = Vec::new();
    for _ in 0..30 {
        let key = key();
        store.create(&key, &record(), at(0)).await.unwrap();
        keys.push((node(slot(&cluster, &key).await), key));
    }
    cluster.nodes[1].kill();
    let add = patch(|patch| patch.add("n", 1).unwrap());
    for (place, key) in &keys {
        match store.apply(key, &add, &Guard::Exists, at(1)).await {
            Ok(applied) => assert!(*place != 1 && matches!(applied, Applied::Done(_)), "{place} {applied:?}"),
            Err(error) => {
                assert_eq!(*place, 1, "{}", error.source().unwrap());
                assert!(matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Timeout));
            }
        }
    }
    cluster.nodes[1].restart().await;
    let begin = std::time::Instant::now();
    let fresh = key();
    while !matches!(store.create(&fresh, &record(), at(0)).await, Ok(Created::Done { .. } | Created::Taken)) {
        assert!(begin.elapsed() < Duration::from_secs(30), "the node is back, and not found");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_store_that_takes_a_cluster_for_a_server_says_so() {
    let cluster = Cluster::start().await;
    let store = RedisStore::connect(&cluster.nodes[0].url()).await.unwrap();
    let mut told = None;
    while told.is_none() {
        told = store.load(&key(), at(0)).await.err();
    }
    let error = told.unwrap();
    assert_eq!(error.kind(), StoreErrorKind::Other);
    assert!(error.source().unwrap().to_string().contains("part of a cluster"), "{}", error.source().unwrap());
}

/// A process that dies in between: the entry is there, and the session is not. It is passed over, and removed after a while.
#[tokio::test]
async fn an_entry_of_no_session_is_passed_over_and_removed_later() {
    let cluster = Cluster::start().await;
    let store = store(&cluster).await;
    let ada = UserId::new("ada").unwrap();
    let mut record = record();
    record.user = Some(ada.clone());
    let (lost, kept) = (key(), key());
    for key in [&lost, &kept] {
        store.create(key, &record, at(0)).await.unwrap();
    }
    let name = format!("cloakroom:s:{}", hex(&lost));
    cluster.nodes[node(slot(&cluster, &lost).await)].ask(&["DEL", &name]).await;

    let index: u16 =
        redis::from_redis_value(cluster.nodes[0].ask(&["CLUSTER", "KEYSLOT", "cloakroom:u:ada"]).await).unwrap();
    let entries = async || -> usize {
        redis::from_redis_value(cluster.nodes[node(index)].ask(&["ZCARD", "cloakroom:u:ada"]).await).unwrap()
    };
    // A moment after: it may still come.
    assert_eq!(store.count(&ada, at(59)).await.unwrap(), 1);
    assert_eq!(store.page(None, 10, at(59)).await.unwrap().len(), 1);
    assert_eq!(entries().await, 2);
    assert_eq!(store.count(&ada, at(61)).await.unwrap(), 1);
    assert_eq!(entries().await, 1);
    assert_eq!(store.page(None, 10, at(61)).await.unwrap().len(), 1);
    assert_eq!(store.revoke_all(&ada, None, at(61)).await.unwrap(), 1);
}

/// Its user signs out everywhere while the session gets another id, and so for a moment has none: it must not come out on the
/// other side.
#[tokio::test]
async fn a_session_that_is_being_rotated_is_revoked() {
    let cluster = Cluster::start().await;
    let store = store(&cluster).await;
    let ada = UserId::new("ada").unwrap();
    let log_in = patch(|patch| patch.user = Some(ada.clone()));
    let mut refused = 0;
    for round in 0..400_u64 {
        let mut record = record();
        record.user = Some(ada.clone());
        let (old, new) = (key(), key());
        assert!(matches!(store.create(&old, &record, at(0)).await.unwrap(), Created::Done { .. }));
        let patch = if round % 2 == 0 { patch(|_| {}) } else { log_in.clone() };
        let revoke = async {
            tokio::time::sleep(Duration::from_micros(round * 10)).await;
            store.revoke_all(&ada, None, at(1)).await.unwrap()
        };
        let (rotated, ended) = tokio::join!(store.rotate(&old, &new, &patch, &Guard::Exists, at(1)), revoke);
        assert_eq!(ended, 1, "round {round}: {rotated:?}");
        refused += usize::from(matches!(rotated.unwrap(), Rotated::Gone));
        for key in [&old, &new] {
            assert!(matches!(store.load(key, at(1)).await.unwrap(), Loaded::Missing), "round {round}");
        }
    }
    assert!((1..400).contains(&refused), "{refused} of 400 rotations were overtaken");
    assert_eq!(store.page(None, 10, at(1)).await.unwrap().len(), 0);
}

/// The first attempt has reserved the new key and died: the second one, with the same keys, goes through.
#[tokio::test]
async fn a_rotation_that_was_left_at_its_first_step_can_be_tried_again() {
    let cluster = Cluster::start().await;
    let store = store(&cluster).await;
    let (old, new) = (key(), key());
    store.create(&old, &record(), at(0)).await.unwrap();
    let name = format!("cloakroom:s:{}", hex(&new));
    cluster.nodes[node(slot(&cluster, &new).await)].ask(&["HSET", &name, "w", &hex(&old)]).await;
    assert!(matches!(store.load(&new, at(1)).await.unwrap(), Loaded::Missing));
    let add = patch(|patch| patch.add("n", 1).unwrap());
    let rotated = store.rotate(&old, &new, &add, &Guard::Exists, at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }), "{rotated:?}");
    let Loaded::Found(found) = store.load(&new, at(1)).await.unwrap() else { panic!("it is lost") };
    assert_eq!(found.record.data.get("n"), Some(&Value::from(2)));
    assert!(matches!(store.load(&old, at(1)).await.unwrap(), Loaded::Superseded));
}
