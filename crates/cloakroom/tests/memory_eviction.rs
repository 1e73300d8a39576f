//! Who leaves a full memory store, and in which order.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cloakroom::record::{Expiry, Patch, Record, StoreKey};
use cloakroom::store::{Created, Directory, Guard, Loaded, MemoryStore, Rotated, Store, StoreErrorKind};
use cloakroom::{Timestamp, UserId};

const CAPACITIES: [usize; 3] = [1, 3, 10];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

/// An anonymous record that was seen then, and is over at second 1,000.
fn anonymous(seen: i64) -> Record {
    Record::new(at(seen), at(1_000), at(5_000))
}

fn of_user(seen: i64) -> Record {
    let mut record = anonymous(seen);
    record.user = Some(UserId::new("ada").unwrap());
    record
}

async fn create(store: &MemoryStore, record: &Record, now: i64) -> StoreKey {
    let key = StoreKey::generate().unwrap();
    let created = store.create(&key, record, at(now)).await.unwrap();
    assert!(matches!(created, Created::Done { .. }));
    key
}

async fn lives(store: &MemoryStore, key: &StoreKey, now: i64) -> bool {
    matches!(store.load(key, at(now)).await.unwrap(), Loaded::Found(_))
}

async fn alive(store: &MemoryStore, keys: &[StoreKey], now: i64) -> Vec<bool> {
    let mut alive = Vec::new();
    for key in keys {
        alive.push(lives(store, key, now).await);
    }
    alive
}

#[tokio::test]
async fn the_longest_idle_anonymous_session_leaves_first() {
    for capacity in CAPACITIES {
        let store = MemoryStore::with_capacity(capacity);
        let mut keys = Vec::new();
        for second in 0..40 {
            keys.push(create(&store, &anonymous(second), second).await);
        }
        let expected: Vec<_> = (0..40).map(|second| second >= 40 - capacity).collect();
        assert_eq!(alive(&store, &keys, 40).await, expected, "capacity {capacity}");
        let stats = store.stats();
        assert_eq!((stats.sessions, stats.capacity), (capacity, capacity));
        assert_eq!((stats.evicted_anonymous, stats.evicted_users), (40 - capacity as u64, 0));
    }
}

#[tokio::test]
async fn a_touch_saves_a_session_and_a_rotation_does_not_hide_it() {
    let store = MemoryStore::with_capacity(3);
    let old = create(&store, &anonymous(1), 1).await;
    let second = create(&store, &anonymous(2), 2).await;
    let third = create(&store, &anonymous(3), 3).await;
    let mut touch = Patch::default();
    touch.expiry = Expiry::AtLeast(at(900));
    let first = StoreKey::generate().unwrap();
    let rotated = store.rotate(&old, &first, &touch, &Guard::Exists, at(4)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    let fourth = create(&store, &anonymous(5), 5).await;
    assert_eq!(alive(&store, &[first.clone(), second, third, fourth], 5).await, [true, false, true, true]);
    create(&store, &anonymous(6), 6).await;
    create(&store, &anonymous(7), 7).await;
    assert!(!lives(&store, &first, 7).await);
    assert_eq!(store.stats().sessions, 3);
}

#[tokio::test]
async fn expired_sessions_leave_before_any_live_one() {
    for capacity in CAPACITIES {
        let store = MemoryStore::with_capacity(capacity);
        let mut keys = Vec::new();
        for second in 1..capacity as i64 {
            keys.push(create(&store, &anonymous(second), second).await);
        }
        // Last seen, and a user's: but over.
        let mut short = of_user(90);
        short.idle_end = at(100);
        create(&store, &short, 90).await;
        keys.push(create(&store, &anonymous(100), 100).await);
        assert_eq!(alive(&store, &keys, 100).await, vec![true; capacity], "capacity {capacity}");
        let stats = store.stats();
        assert_eq!((stats.sessions, stats.evicted_anonymous, stats.evicted_users), (capacity, 0, 0));
    }
}

#[tokio::test]
async fn a_flood_of_visitors_pushes_out_no_user() {
    for capacity in [3, 10] {
        let store = MemoryStore::with_capacity(capacity);
        let mut users = Vec::new();
        for second in 0..capacity as i64 - 1 {
            users.push(create(&store, &of_user(second), second).await);
        }
        let mut last = None;
        for second in 100..400 {
            last = Some(create(&store, &anonymous(second), second).await);
        }
        assert_eq!(alive(&store, &users, 400).await, vec![true; users.len()], "capacity {capacity}");
        assert!(lives(&store, &last.unwrap(), 400).await);
        assert_eq!((store.stats().evicted_anonymous, store.stats().evicted_users), (299, 0));
    }
}

#[tokio::test]
async fn users_leave_only_for_users_the_longest_idle_first() {
    for capacity in CAPACITIES {
        let store = MemoryStore::with_capacity(capacity);
        let mut users = Vec::new();
        for second in 0..20 {
            users.push(create(&store, &of_user(second), second).await);
        }
        let expected: Vec<_> = (0..20).map(|second| second >= 20 - capacity).collect();
        assert_eq!(alive(&store, &users, 20).await, expected, "capacity {capacity}");
        let evicted = 20 - capacity as u64;
        assert_eq!((store.stats().evicted_anonymous, store.stats().evicted_users), (0, evicted));
        let ada = UserId::new("ada").unwrap();
        assert_eq!(store.count(&ada, at(30)).await.unwrap(), capacity as u64);
    }
}

#[tokio::test]
async fn of_sessions_seen_at_the_same_moment_the_oldest_leaves_first() {
    for (record, capacity) in [(anonymous(5), 1), (anonymous(5), 3), (anonymous(5), 10), (of_user(5), 3)] {
        let store = MemoryStore::with_capacity(capacity);
        let mut keys = Vec::new();
        for _ in 0..40 {
            keys.push(create(&store, &record, 5).await);
            assert!(lives(&store, &keys[keys.len() - 1], 5).await, "what was just made is there");
        }
        let expected: Vec<_> = (0..40).map(|number| number >= 40 - capacity).collect();
        assert_eq!(alive(&store, &keys, 5).await, expected, "capacity {capacity}");
    }
}

/// Records that are brought from another store come in any order.
#[tokio::test]
async fn who_was_seen_first_leaves_first_whoever_came_first() {
    let store = MemoryStore::with_capacity(40);
    let mut keys = Vec::new();
    for number in 0..40 {
        keys.push(create(&store, &anonymous(number * 17 % 40 * 5), 300).await);
    }
    for gone in 1..=40 {
        create(&store, &anonymous(300), 300).await;
        let expected: Vec<_> = (0..40).map(|number| number * 17 % 40 >= gone).collect();
        assert_eq!(alive(&store, &keys, 300).await, expected, "{gone} are gone");
    }
}

#[tokio::test]
async fn a_sweep_finds_all_that_has_expired_behind_what_lives() {
    let store = MemoryStore::new();
    for number in 0..400 {
        let mut short = anonymous(0);
        short.idle_end = Timestamp::from_millis(if number % 2 == 0 { 9_500 } else { 9_000 });
        create(&store, &short, 0).await;
    }
    let then = Timestamp::from_millis(9_200);
    assert_eq!(store.sweep(150, then).await.unwrap(), 150);
    assert_eq!(store.sweep(150, then).await.unwrap(), 50);
    assert_eq!(store.sweep(usize::MAX, then).await.unwrap(), 0);
    assert_eq!(store.stats().sessions, 200);
    assert_eq!(store.sweep(usize::MAX, Timestamp::from_millis(9_500)).await.unwrap(), 200);
}

#[tokio::test]
async fn what_was_just_made_is_there_however_long_ago_it_was_seen() {
    for record in [anonymous(1), of_user(1)] {
        let store = MemoryStore::with_capacity(1);
        let mut later = record.clone();
        later.seen = at(50);
        create(&store, &later, 50).await;
        let key = create(&store, &record, 51).await;
        assert!(lives(&store, &key, 51).await);
    }
}

#[tokio::test]
async fn a_store_full_of_users_refuses_a_visitor_and_no_user_leaves() {
    for capacity in CAPACITIES {
        let store = MemoryStore::with_capacity(capacity);
        let mut keys = Vec::new();
        for second in 0..capacity as i64 {
            keys.push(create(&store, &of_user(second), second).await);
        }
        let visitor = StoreKey::generate().unwrap();
        let refused = store.create(&visitor, &anonymous(30), at(30)).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Full);
        let why = std::error::Error::source(&refused).unwrap().to_string();
        assert_eq!(why, "the memory store is full of users' sessions");
        assert!(!lives(&store, &visitor, 30).await);
        assert_eq!(alive(&store, &keys, 30).await, vec![true; capacity]);
        let stats = store.stats();
        assert_eq!((stats.sessions, stats.evicted_anonymous, stats.evicted_users), (capacity, 0, 0));
        // That its key is taken is the same as ever; and the room of one who leaves is free.
        let taken = store.create(&keys[0], &anonymous(30), at(30)).await.unwrap();
        assert!(matches!(taken, Created::Taken));
        store.destroy(&keys[0], at(30)).await.unwrap();
        create(&store, &anonymous(31), 31).await;
    }
}

#[tokio::test]
async fn a_session_that_logs_in_is_a_users_from_then_on() {
    let store = MemoryStore::with_capacity(2);
    let key = create(&store, &anonymous(1), 1).await;
    create(&store, &anonymous(2), 2).await;
    let mut log_in = Patch::default();
    log_in.user = Some(UserId::new("ada").unwrap());
    store.apply(&key, &log_in, &Guard::Exists, at(3)).await.unwrap();
    for second in 4..50 {
        create(&store, &anonymous(second), second).await;
    }
    assert!(lives(&store, &key, 50).await);
}

#[tokio::test]
async fn expired_sessions_leave_while_others_come() {
    let store = MemoryStore::new();
    for _ in 0..500 {
        let mut short = anonymous(0);
        short.idle_end = at(10);
        create(&store, &short, 0).await;
    }
    assert_eq!(store.stats().sessions, 500);
    for second in 10..610 {
        create(&store, &anonymous(second), second).await;
    }
    // Nobody has read them or swept; and nothing was evicted.
    let stats = store.stats();
    assert_eq!((stats.sessions, stats.evicted_anonymous), (600, 0));
}

#[tokio::test]
async fn whatever_ends_a_session_makes_room() {
    let store = MemoryStore::with_capacity(10);
    let ada = UserId::new("ada").unwrap();
    let mut keys = Vec::new();
    for second in 0..10 {
        keys.push(create(&store, &of_user(second), second).await);
    }
    store.destroy(&keys[0], at(20)).await.unwrap();
    assert_eq!(store.stats().sessions, 9);
    let handle = store.list(&ada, at(20)).await.unwrap()[0].handle.clone();
    assert!(store.revoke(&ada, &handle, at(20)).await.unwrap());
    assert_eq!(store.stats().sessions, 8);
    assert_eq!(store.sweep(3, at(1_000)).await.unwrap(), 3);
    assert_eq!(store.stats().sessions, 5);
    assert_eq!(store.revoke_all(&ada, None, at(20)).await.unwrap(), 5);
    assert_eq!((store.stats().sessions, store.stats().evicted_users), (0, 0));
}

/// A session may leave before the thread that made it has counted it.
#[test]
fn the_count_never_goes_below_zero() {
    let (store, stop) = (MemoryStore::new(), AtomicBool::new(false));
    let ada = UserId::new("ada").unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            runtime().block_on(async {
                while !stop.load(Ordering::Relaxed) {
                    create(&store, &of_user(1), 1).await;
                }
            });
        });
        scope.spawn(|| {
            runtime().block_on(async {
                while !stop.load(Ordering::Relaxed) {
                    store.revoke_all(&ada, None, at(1)).await.unwrap();
                }
            });
        });
        let end = std::time::Instant::now() + Duration::from_millis(700);
        let mut highest = 0;
        while std::time::Instant::now() < end {
            highest = highest.max(store.stats().sessions);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(highest <= MemoryStore::DEFAULT_CAPACITY + 1, "{highest} sessions at once");
    });
}

/// One makes a session whenever the last one has gone, and the other takes it: there is always room.
#[test]
fn what_has_left_is_counted_out_before_anybody_can_know() {
    let (store, stop) = (MemoryStore::with_capacity(1), AtomicBool::new(false));
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            runtime().block_on(async {
                while !stop.load(Ordering::Relaxed) {
                    store.sweep(10, at(2_000)).await.unwrap();
                }
            });
        });
        runtime().block_on(async {
            let end = std::time::Instant::now() + Duration::from_millis(400);
            while std::time::Instant::now() < end {
                let key = create(&store, &anonymous(1), 1).await;
                while lives(&store, &key, 1).await {
                    std::hint::spin_loop();
                }
            }
        });
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(store.stats().evicted_anonymous, 0);
}

#[tokio::test]
async fn debug_tells_how_full_it_is_and_nothing_of_any_session() {
    let store = MemoryStore::with_capacity(7);
    let key = create(&store, &of_user(1), 1).await;
    let text = format!("{store:?}");
    assert_eq!(text, "MemoryStore { sessions: 1, capacity: 7, .. }");
    assert!(!text.contains("ada") && !text.contains(key.plain()));
}

/// Else a revocation on a devices page would end another session than the one that was meant.
#[tokio::test]
async fn a_key_that_is_used_again_gets_another_handle() {
    let store = MemoryStore::new();
    let (old, new) = (create(&store, &of_user(1), 1).await, StoreKey::generate().unwrap());
    store.rotate(&old, &new, &Patch::default(), &Guard::Exists, at(2)).await.unwrap();
    store.create(&old, &of_user(3), at(3)).await.unwrap();
    let entries = store.page(None, 10, at(3)).await.unwrap();
    assert_eq!(entries.len(), 2);
}
