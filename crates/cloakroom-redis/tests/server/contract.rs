//! What the conformance suite can't know: how this store comes to its answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cloakroom::record::{Expiry, Lifetime, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, Store, StoreErrorKind, Token};
use cloakroom::{Timestamp, UserId};

use crate::scratch::{Scratch, at, hex, key, keys, patch, record, scratch, text};

#[tokio::test]
async fn a_session_is_one_hash_of_texts() {
    scratch(|scratch| async move {
        let mut record = record();
        record.user = UserId::new("ada").ok();
        record.lifetime = Lifetime { idle: Some(Duration::from_millis(5)), persistent: Some(false) };
        record.metadata = Arc::new([("agent", text("curl"))].into_iter().collect());
        let odd =
            [("", "1.0"), ("a.b", "-0.0"), ("\0", r#"{"b":[],"a":{}}"#), ("d:", "9007199254740993"), ("%", "1e300")];
        record.data = Arc::new(odd.map(|(key, json)| (key, Value::from_json(json).unwrap())).into_iter().collect());
        let (key, _) = scratch.created(&record).await;
        let mut hash = scratch.hash(&key).await;
        let handle = hash.remove("h").unwrap();
        let ms = |seconds: i64| at(seconds).as_millis().to_string();
        let mut expected: Vec<(String, String)> = vec![
            ("a".into(), ms(1_000)),
            ("c".into(), ms(0)),
            ("e".into(), ms(100)),
            ("i".into(), "5".into()),
            ("m:agent".into(), "\"curl\"".into()),
            ("r".into(), "0".into()),
            ("s".into(), ms(0)),
            ("u".into(), "ada".into()),
            ("v".into(), "1".into()),
            ("x".into(), ms(0)),
        ];
        expected.extend(odd.map(|(key, json)| (format!("d:{key}"), json.to_owned())));
        assert_eq!(hash, expected.into_iter().collect());
        assert_eq!(scratch.found(&key, at(99)).await.unwrap().record, record);
        assert!(matches!(scratch.store.create(&key, &record, at(500)).await.unwrap(), Created::Taken));

        // The session id itself is in no key, and in no value.
        let all = keys(&mut scratch.connection.clone(), &scratch.prefix).await;
        assert_eq!(all.len(), 3);
        let dump = format!("{:?} {hash:?}", all.iter().map(|key| String::from_utf8_lossy(key)).collect::<Vec<_>>());
        assert!(!dump.contains(key.plain()));
        let entries: Vec<String> = scratch.ask("ZRANGE", &format!("p:{}", &handle[..1]), &["0", "-1"]).await;
        assert_eq!(entries, [format!("{handle}:{}:{}", hex(&key), ms(0))]);
        let entries: Vec<String> = scratch.ask("ZRANGE", "u:ada", &["0", "-1"]).await;
        assert_eq!(entries, [hex(&key)]);
    })
    .await;
}

#[tokio::test]
async fn what_has_ended_leaves_nothing() {
    scratch(|scratch| async move {
        let mut record = record();
        record.user = UserId::new("ada").ok();
        let (old, _) = scratch.created(&record).await;
        let new = key();
        let rotated = scratch.store.rotate(&old, &new, &patch(|_| {}), &Guard::Exists, at(1)).await.unwrap();
        assert!(matches!(rotated, Rotated::Done { .. }));
        assert!(scratch.store.destroy(&new, at(2)).await.unwrap());
        let left = keys(&mut scratch.connection.clone(), &scratch.prefix).await;
        assert_eq!(left, [format!("{}:s:{}", scratch.prefix, hex(&old)).into_bytes()]);
        // What is left tells for a while where the session went.
        let hash = scratch.hash(&old).await;
        assert_eq!(hash.keys().collect::<Vec<_>>(), ["n", "nt"]);
        let ttl: i64 = scratch.ask("PEXPIRETIME", &format!("s:{}", hex(&old)), &[]).await;
        assert!(ttl > at(11).as_millis() && ttl < at(1_000).as_millis());
    })
    .await;
}

#[tokio::test]
async fn the_server_collects_garbage_late_and_never_what_has_no_end() {
    scratch(|scratch| async move {
        let ttl =
            async |scratch: &Scratch, key| -> i64 { scratch.ask("PEXPIRETIME", &format!("s:{}", hex(key)), &[]).await };
        let (key, _) = scratch.created(&record()).await;
        let margin = ttl(&scratch, &key).await - at(100).as_millis();
        assert!((60_000..3_600_000).contains(&margin), "{margin}");
        let touch = |end| patch(|patch| patch.expiry = Expiry::AtLeast(end));
        for (end, expected) in [(at(50), at(100)), (at(500), at(500)), (at(5_000), at(1_000))] {
            assert!(matches!(scratch.apply(&key, &touch(end)).await, Applied::Done(_)));
            assert_eq!(ttl(&scratch, &key).await, expected.as_millis() + margin);
        }
        let for_ever = Timestamp::from_millis(i64::MAX);
        let never = patch(|patch| {
            patch.expiry = Expiry::Exactly(for_ever);
            patch.absolute_end = Some(for_ever);
        });
        assert!(matches!(scratch.apply(&key, &never).await, Applied::Done(_)));
        assert_eq!(ttl(&scratch, &key).await, -1);
        let found = scratch.found(&key, Timestamp::from_millis(i64::MAX - 1)).await.unwrap().record;
        assert_eq!((found.idle_end, found.absolute_end), (for_ever, for_ever));
        let close = patch(|patch| patch.expiry = Expiry::AtLeast(Timestamp::from_millis(i64::MAX - 1)));
        assert!(matches!(scratch.apply(&key, &close).await, Applied::Done(_)));
        assert_eq!(scratch.found(&key, at(1)).await.unwrap().record.idle_end, for_ever);
    })
    .await;
}

#[tokio::test]
async fn the_server_removes_what_is_long_over() {
    scratch(|scratch| async move {
        let now = Timestamp::from(SystemTime::now());
        let mut record = record();
        // Five minutes ago, but for a second.
        record.idle_end = Timestamp::from_millis(now.as_millis() - 299_000);
        let (key, _) = scratch.created(&record).await;
        let begin = std::time::Instant::now();
        while !scratch.hash(&key).await.is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(30), "it is still there");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_integer_takes_no_sum_and_nothing_is_changed() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let add = patch(|patch| {
            // The first and the last succeed, and are put back.
            patch.add("a", 1).unwrap();
            patch.add("n", 1).unwrap();
            patch.add("z", 5).unwrap();
            patch.set("other", Value::from(1));
        });
        let largest = i64::MAX.to_string();
        for value in [
            "1.0",
            "1e0",
            "-0",
            "\"1\"",
            "null",
            "true",
            "[1]",
            "[]",
            "{}",
            "9223372036854775808",
            " 1",
            "+1",
            "01",
            "",
            &largest,
        ] {
            scratch.put(&key, "d:n", value).await;
            scratch.put(&key, "d:z", "7").await;
            let before = scratch.hash(&key).await;
            assert!(matches!(scratch.apply(&key, &add).await, Applied::WrongType), "{value:?}");
            let rotated = scratch.store.rotate(&key, &self::key(), &add, &Guard::Exists, at(1)).await.unwrap();
            assert!(matches!(rotated, Rotated::WrongType), "{value:?}");
            assert_eq!(scratch.hash(&key).await, before);
        }
        for (value, by, sum) in [
            (i64::MAX, i64::MIN, -1),
            (0, i64::MIN, i64::MIN),
            (i64::MIN, i64::MAX, -1),
            (9_007_199_254_740_992, 1, 9_007_199_254_740_993),
            (i64::MAX - 1, 1, i64::MAX),
        ] {
            scratch.put(&key, "d:n", &value.to_string()).await;
            match scratch.apply(&key, &patch(|patch| patch.add("n", by).unwrap())).await {
                Applied::Done(written) => assert_eq!(written.numbers[0].1, sum),
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_guard_sees_each_change_but_no_touch() {
    scratch(|scratch| async move {
        let (key, token) = scratch.created(&record()).await;
        let touch = patch(|patch| patch.expiry = Expiry::AtLeast(at(50)));
        let touched = scratch.store.apply(&key, &touch, &Guard::Unchanged(token.clone()), at(2)).await.unwrap();
        assert!(matches!(touched, Applied::Done(written) if written.token == token));
        let set = patch(|patch| patch.set("a", Value::from(1)));
        assert!(matches!(scratch.apply(&key, &set).await, Applied::Done(_)));
        for token in [token, Token::body([1, 2])] {
            let conflict = scratch.store.apply(&key, &set, &Guard::Unchanged(token), at(1)).await.unwrap();
            assert!(matches!(conflict, Applied::Conflict));
        }
    })
    .await;
}

#[tokio::test]
async fn thousands_of_keys_are_one_patch() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let many = patch(|patch| (0..9_000).for_each(|number| patch.set(number.to_string(), Value::from(number))));
        assert!(matches!(scratch.apply(&key, &many).await, Applied::Done(_)));
        let found = scratch.found(&key, at(1)).await.unwrap().record;
        assert_eq!(found.data.len(), 9_002);
        let mut other = record();
        other.data = found.data.clone();
        assert_eq!(scratch.found(&scratch.created(&other).await.0, at(1)).await.unwrap().record.data, found.data);
        let clear = patch(|patch| {
            patch.clear();
            patch.set("left", Value::from(1));
        });
        assert!(matches!(scratch.apply(&key, &clear).await, Applied::Done(_)));
        assert_eq!(scratch.found(&key, at(1)).await.unwrap().record.data.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_stores_are_one() {
    scratch(|scratch| async move {
        let other = cloakroom_redis::RedisStore::new(&redis::Client::open(crate::scratch::url()).unwrap()).unwrap();
        let other = other.with_prefix(&scratch.prefix);
        let (key, _) = scratch.created(&record()).await;
        let add = patch(|patch| patch.add("n", 1).unwrap());
        let mut tasks = Vec::new();
        for turn in 0..50 {
            let store = if turn % 2 == 0 { scratch.store.clone() } else { other.clone() };
            let (key, add) = (key.clone(), add.clone());
            tasks.push(tokio::spawn(async move {
                match store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap() {
                    Applied::Done(written) => written.numbers[0].1,
                    other => panic!("{other:?}"),
                }
            }));
        }
        let mut numbers = Vec::new();
        for task in tasks {
            numbers.push(task.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (2..=51).collect::<Vec<i64>>());
        assert!(other.destroy(&key, at(1)).await.unwrap());
        assert!(matches!(scratch.store.load(&key, at(1)).await.unwrap(), Loaded::Missing));
    })
    .await;
}

#[tokio::test]
async fn a_record_that_can_not_be_read_is_no_missing_one() {
    scratch(|scratch| async move {
        for (field, value) in [("e", "soon"), ("d:n", "{"), ("v", "x"), ("u", "")] {
            let (key, _) = scratch.created(&record()).await;
            scratch.put(&key, field, value).await;
            let error = scratch.store.load(&key, at(1)).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{field}");
        }
        let foreign = key();
        scratch.ask::<()>("SET", &format!("s:{}", hex(&foreign)), &["hunter2"]).await;
        let error = scratch.store.load(&foreign, at(1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    })
    .await;
}

#[tokio::test]
async fn a_sweep_takes_the_expired_and_no_more_than_asked() {
    scratch(|scratch| async move {
        let (live, _) = scratch.created(&record()).await;
        for (idle, absolute) in [(5, 1_000), (5, 5), (1_000, 5), (6, 1_000)] {
            let mut record = record();
            (record.idle_end, record.absolute_end) = (at(idle), at(absolute));
            scratch.created(&record).await;
        }
        assert_eq!(scratch.store.sweep(10, at(4)).await.unwrap(), 0);
        assert_eq!(scratch.store.sweep(0, at(50)).await.unwrap(), 0);
        assert_eq!(scratch.store.sweep(3, at(50)).await.unwrap(), 3);
        assert_eq!(scratch.store.sweep(usize::MAX, at(50)).await.unwrap(), 1);
        assert!(scratch.found(&live, at(50)).await.is_some());
    })
    .await;
}
