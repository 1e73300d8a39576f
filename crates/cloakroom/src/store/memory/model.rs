//! The locking, on simulated threads: at each lock and each counter a scheduler draws which thread goes on. What is asserted
//! holds in each of two thousand orders. `cargo xtask memory-model` runs it.

use std::sync::Arc;
use std::time::Duration;

use shuttle::thread;

use super::*;
use crate::record::{SessionId, UserId};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const HOUR: Duration = Duration::from_secs(60 * 60);
const ORDERS: usize = 1_000;

/// Random orders, and such as differ in few places, which find what takes a certain step at a certain time.
fn in_all_orders(test: impl Fn() + Send + Sync + 'static) {
    let test = Arc::new(test);
    let again = test.clone();
    shuttle::check_random(move || test(), ORDERS);
    shuttle::check_pct(move || again(), ORDERS, 3);
}

fn key(name: &str) -> StoreKey {
    StoreKey::from(SessionId::from_ticket(name))
}

/// Keys of one shard or of two: each way has code of its own.
fn pairs() -> [(StoreKey, StoreKey); 3] {
    let keys: Vec<_> = (0..200).map(|number| key(&number.to_string())).collect();
    let shard = |key: &StoreKey| index_of(key);
    let with = |fits: &dyn Fn(usize, usize) -> bool| {
        let other = keys.iter().find(|other| *other != &keys[0] && fits(shard(&keys[0]), shard(other)));
        (keys[0].clone(), other.unwrap().clone())
    };
    let (low, high) = with(&|first, other| first < other);
    [with(&|first, other| first == other), (high.clone(), low.clone()), (low, high)]
}

fn record(user: Option<&str>) -> Record {
    let mut record = Record::new(NOW, NOW + HOUR, NOW + HOUR);
    record.user = user.map(|user| UserId::new(user).unwrap());
    record
}

fn with(capacity: usize, keys: &[&StoreKey]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::with_capacity(capacity));
    for key in keys {
        assert!(matches!(store.create_now(key, &record(Some("ada")), NOW), Ok(Created::Done { .. })));
    }
    store
}

fn finds(store: &MemoryStore, key: &StoreKey) -> bool {
    matches!(store.load_now(key, NOW), Loaded::Found(_))
}

fn rotate(store: &MemoryStore, old: &StoreKey, new: &StoreKey) -> bool {
    let rotated = store.rotate_now(old, new, &Patch::default(), &Guard::Exists, NOW);
    matches!(rotated, Rotated::Done { .. })
}

#[test]
fn a_rotation_is_seen_under_one_key_at_a_time() {
    for (old, new) in pairs() {
        in_all_orders(move || {
            let store = with(10, &[&old]);
            let rotation = {
                let (store, old, new) = (store.clone(), old.clone(), new.clone());
                thread::spawn(move || assert!(rotate(&store, &old, &new)))
            };
            match store.load_now(&old, NOW) {
                Loaded::Found(_) => {}
                Loaded::Superseded => assert!(finds(&store, &new), "neither finds it"),
                Loaded::Missing => panic!("it is away in between"),
            }
            if finds(&store, &new) {
                assert!(!finds(&store, &old), "both find it");
            }
            rotation.join().unwrap();
            assert_eq!(store.stats().sessions, 1);
        });
    }
}

#[test]
fn of_two_rotations_of_a_session_one_is_done() {
    let [(a, b), (c, _), _] = pairs();
    in_all_orders(move || {
        let store = with(10, &[&a]);
        let threads = [&b, &c].map(|new| {
            let (store, old, new) = (store.clone(), a.clone(), new.clone());
            thread::spawn(move || rotate(&store, &old, &new))
        });
        let done = threads.map(|thread| thread.join().unwrap());
        assert_eq!(done.iter().filter(|done| **done).count(), 1);
        assert_eq!([finds(&store, &b), finds(&store, &c)], done);
    });
}

#[test]
fn a_full_store_counts_exactly() {
    let keys: Vec<_> = (0..5).map(|number| key(&format!("new {number}"))).collect();
    in_all_orders(move || {
        let store = with(2, &[&keys[0], &keys[1]]);
        let mut threads: Vec<_> = keys[2..]
            .iter()
            .map(|key| {
                let (store, key) = (store.clone(), key.clone());
                thread::spawn(move || {
                    store.create_now(&key, &record(Some("bob")), NOW).unwrap();
                })
            })
            .collect();
        let (leaving, key) = (store.clone(), keys[0].clone());
        threads.push(thread::spawn(move || {
            leaving.destroy_now(&key, NOW);
        }));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let live = keys.iter().filter(|key| finds(&store, key)).count();
        assert_eq!(store.stats().sessions, live);
        assert!(live <= 2, "{live} sessions");
    });
}

#[test]
fn what_was_destroyed_stays_away() {
    let [_, (old, new), _] = pairs();
    in_all_orders(move || {
        let store = with(10, &[&old]);
        let writer = {
            let (store, old, new) = (store.clone(), old.clone(), new.clone());
            thread::spawn(move || {
                let mut patch = Patch::default();
                patch.set("a", crate::record::Value::from(1));
                store.shard_of(&old).apply(&old, &patch, &Guard::Exists, NOW);
                rotate(&store, &old, &new)
            })
        };
        let was_there = store.destroy_now(&old, NOW);
        let escaped = writer.join().unwrap();
        assert!(was_there != escaped, "it ends in one way");
        assert_eq!((finds(&store, &old), finds(&store, &new)), (false, escaped));
        assert_eq!(store.stats().sessions, usize::from(escaped));
    });
}

#[test]
fn a_rotation_does_not_slip_past_the_end_of_all_sessions_of_a_user() {
    for (old, new) in pairs() {
        in_all_orders(move || {
            let store = with(10, &[&old]);
            let rotation = {
                let (store, old, new) = (store.clone(), old.clone(), new.clone());
                thread::spawn(move || rotate(&store, &old, &new))
            };
            let ended = store.end(&UserId::new("ada").unwrap(), NOW, |_| true);
            rotation.join().unwrap();
            assert_eq!((ended, store.stats().sessions), (1, 0));
            assert!(!finds(&store, &old) && !finds(&store, &new));
        });
    }
}

#[test]
fn nobody_waits_for_ever() {
    let [_, (high, low), _] = pairs();
    let (left, right) = (key("left"), key("right"));
    in_all_orders(move || {
        let store = with(2, &[&high, &left]);
        let there = [(high.clone(), low.clone()), (low.clone(), high.clone())];
        let mut threads: Vec<_> = there
            .into_iter()
            .map(|(old, new)| {
                let store = store.clone();
                thread::spawn(move || {
                    rotate(&store, &old, &new);
                })
            })
            .collect();
        let (listing, creating, right) = (store.clone(), store.clone(), right.clone());
        threads.push(thread::spawn(move || {
            listing.end(&UserId::new("bob").unwrap(), NOW, |_| true);
        }));
        threads.push(thread::spawn(move || {
            creating.create_now(&right, &record(Some("ada")), NOW).unwrap();
        }));
        store.sweep_now(10, NOW);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
