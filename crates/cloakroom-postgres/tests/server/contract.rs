//! What the conformance suite can't know: how this store comes to its answers.

use std::sync::Arc;

use cloakroom::UserId;
use cloakroom::record::{Expiry, StoreKey, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, Store, Token};
use cloakroom_postgres::PostgresStore;

use crate::scratch::{Scratch, at, json, key, patch, record, scratch, text, url_with};

#[tokio::test]
async fn what_postgresql_has_no_word_for_is_kept() {
    scratch(|scratch| async move {
        let mut record = record();
        record.user = UserId::new("50%\0 of {\"$ne\":1}").ok();
        record.metadata = Arc::new([("agent\0", json(r#""\u0000""#))].into_iter().collect());
        let keys = ["", "a.b", "$x", "0", "%", "\0", "__proto__", "%00"];
        let values = [
            r#"{"\u0000":"\u0000"}"#,
            "-0.0",
            "1.0",
            "9007199254740993",
            "1e300",
            r#"{"b":1,"a":2,"b":3}"#,
            "[{ }]",
            "null",
        ];
        let values = values.map(json);
        record.data = Arc::new(keys.into_iter().zip(values.clone()).collect());
        let (key, _) = scratch.created(&record).await;
        assert_eq!(scratch.found(&key, at(99)).await.unwrap().record, record);
        assert!(scratch.found(&key, at(100)).await.is_none());
        assert!(matches!(scratch.store.create(&key, &record, at(500)).await.unwrap(), Created::Taken));
        let directory = scratch.store.directory().unwrap();
        assert_eq!(directory.count(record.user.as_ref().unwrap(), at(1)).await.unwrap(), 1);

        for (index, name) in keys.into_iter().enumerate() {
            let set = patch(|patch| patch.set(name, values[(index + 1) % values.len()].clone()));
            assert!(matches!(scratch.apply(&key, &set).await, Applied::Done(_)));
        }
        let data = scratch.found(&key, at(1)).await.unwrap().record.data;
        for (index, name) in keys.into_iter().enumerate() {
            assert_eq!(data.get(name), Some(&values[(index + 1) % values.len()]), "{name:?}");
        }
        let all = patch(|patch| keys.into_iter().for_each(|key| patch.unset(key)));
        assert!(matches!(scratch.apply(&key, &all).await, Applied::Done(_)));
        assert!(scratch.found(&key, at(1)).await.unwrap().record.data.is_empty());
    })
    .await;
}

async fn add_at_once(scratch: Scratch, store: PostgresStore) {
    let (key, _) = scratch.created(&record()).await;
    let add = |store: PostgresStore, key: StoreKey| async move {
        let add = patch(|patch| {
            patch.add("n", 1).unwrap();
            patch.add("other", -2).unwrap();
        });
        match store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap() {
            Applied::Done(written) => written.numbers,
            other => panic!("{other:?}"),
        }
    };
    let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(add(store.clone(), key.clone()))).collect();
    let mut numbers = Vec::new();
    for task in tasks {
        let told = task.await.unwrap();
        let (n, other) = (told[0].1, told[1].1);
        assert_eq!(other, (n - 1) * -2);
        numbers.push(n);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=51).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_adds_at_once_lose_none_and_return_the_true_numbers() {
    scratch(|scratch| async move { add_at_once(scratch.clone(), scratch.store).await }).await;
}

/// There the server gives up one of two that meet, and the store tries again.
#[tokio::test(flavor = "multi_thread")]
async fn adds_at_once_lose_none_under_stricter_isolation() {
    for level in ["repeatable%5C%20read", "serializable"] {
        scratch(move |scratch| async move {
            let url = url_with(&format!("options=-c%20default_transaction_isolation%3D{level}"));
            let store = PostgresStore::connect(&url).await.unwrap().with_schema(&scratch.schema);
            add_at_once(scratch, store.with_deadline(std::time::Duration::from_secs(30))).await;
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_no_integer_takes_no_sum_and_nothing_is_changed() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let add = patch(|patch| {
            patch.add("n", 1).unwrap();
            patch.set("other", Value::from(1));
        });
        let set = async |value: &str| {
            scratch.apply(&key, &patch(|patch| patch.set("n", json(value)))).await;
        };
        for value in
            ["1.0", "-0", "1e2", r#""1""#, "null", "true", "[1]", "{}", "9223372036854775807", "-0.0", "\"\\n1\""]
        {
            set(value).await;
            let before = scratch.rows("SELECT * FROM cloakroom_sessions").await;
            assert!(matches!(scratch.apply(&key, &add).await, Applied::WrongType), "{value}");
            let rotated = scratch.store.rotate(&key, &self::key(), &add, &Guard::Exists, at(1)).await.unwrap();
            assert!(matches!(rotated, Rotated::WrongType), "{value}");
            assert_eq!(scratch.rows("SELECT * FROM cloakroom_sessions").await, before);
        }
        for (value, by, sum) in
            [("2147483647", 1, 1 << 31), ("9223372036854775807", i64::MIN, -1), ("0", i64::MIN, i64::MIN), ("-1", 1, 0)]
        {
            set(value).await;
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
        let guarded = |token: Token| Guard::Unchanged(token);
        let touched = scratch.store.apply(&key, &touch, &guarded(token.clone()), at(2)).await.unwrap();
        assert!(matches!(touched, Applied::Done(written) if written.token == token));
        let found = scratch.found(&key, at(2)).await.unwrap().record;
        assert_eq!((found.idle_end, found.seen), (at(100), at(2)));

        let set = patch(|patch| patch.set("a", Value::from(1)));
        assert!(matches!(scratch.apply(&key, &set).await, Applied::Done(_)));
        for token in [token, Token::body([1, 2])] {
            let conflict = scratch.store.apply(&key, &set, &guarded(token), at(1)).await.unwrap();
            assert!(matches!(conflict, Applied::Conflict));
        }
        let gone = scratch.store.apply(&key, &set, &guarded(Token::version(2)), at(1_000)).await.unwrap();
        assert!(matches!(gone, Applied::Gone));
    })
    .await;
}

/// A write that had to wait for another looks at what that one left, or begins anew; it never goes by what it saw before.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waited_goes_by_what_it_finds_then() {
    scratch(|scratch| async move {
        type IsRight = fn(&Applied) -> bool;
        let changes: [(&str, IsRight); 5] = [
            ("SET version = version + 1", |applied| matches!(applied, Applied::Conflict)),
            ("SET idle_end = 0", |applied| matches!(applied, Applied::Gone)),
            ("SET key = '\\x00'", |applied| matches!(applied, Applied::Gone)),
            ("SET data = data || '{\"n\": \"1.5\"}'", |applied| matches!(applied, Applied::WrongType)),
            (
                "SET data = data || '{\"n\": \"41\"}'",
                |applied| matches!(applied, Applied::Done(written) if written.numbers[0].1 == 42),
            ),
        ];
        for (change, is_right) in changes {
            let (key, token) = scratch.created(&record()).await;
            let digest: String = key.digest().iter().map(|byte| format!("{byte:02x}")).collect();
            scratch.run(&format!("BEGIN; UPDATE cloakroom_sessions {change} WHERE key = '\\x{digest}'")).await;
            let (store, add) = (scratch.store.clone(), patch(|patch| patch.add("n", 1).unwrap()));
            let waiting =
                tokio::spawn(async move { store.apply(&key, &add, &Guard::Unchanged(token), at(1)).await.unwrap() });
            let waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%'";
            let mine = format!("{waits} AND query LIKE '%{}%'", scratch.schema);
            while scratch.rows(&mine).await.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            scratch.run("COMMIT").await;
            let applied = waiting.await.unwrap();
            assert!(is_right(&applied), "{change}: {applied:?}");
            scratch.run("TRUNCATE cloakroom_sessions").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_rotated_key_is_superseded_for_ten_seconds_and_a_taken_one_is_refused() {
    scratch(|scratch| async move {
        let store = &scratch.store;
        let ((old, _), (other, _), new) = (scratch.created(&record()).await, scratch.created(&record()).await, key());
        let none = patch(|_| {});
        let taken = store.rotate(&old, &other, &none, &Guard::Exists, at(1)).await.unwrap();
        assert!(matches!(taken, Rotated::Taken));
        let clear = patch(|patch| {
            patch.clear();
            patch.set("fresh", Value::from(1));
        });
        assert!(matches!(store.rotate(&old, &new, &clear, &Guard::Exists, at(1)).await.unwrap(), Rotated::Done { .. }));
        assert!(matches!(store.rotate(&old, &key(), &none, &Guard::Exists, at(1)).await.unwrap(), Rotated::Gone));
        assert!(matches!(store.load(&old, at(10)).await.unwrap(), Loaded::Superseded));
        assert!(matches!(store.load(&old, at(11)).await.unwrap(), Loaded::Missing));
        assert_eq!(scratch.found(&new, at(2)).await.unwrap().record.data.len(), 1);
        // The key may be used again, and is not taken for the one that it was.
        assert!(matches!(store.create(&old, &record(), at(2)).await.unwrap(), Created::Done { .. }));
        assert!(matches!(store.load(&old, at(3)).await.unwrap(), Loaded::Found(_)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_table_are_one() {
    scratch(|scratch| async move {
        let other = PostgresStore::connect(&crate::scratch::url()).await.unwrap().with_schema(&scratch.schema);
        let (key, _) = scratch.created(&record()).await;
        let set = patch(|patch| patch.set("word", text("new")));
        assert!(matches!(other.apply(&key, &set, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
        assert_eq!(scratch.found(&key, at(1)).await.unwrap().record.data.get("word"), Some(&text("new")));
        assert!(other.destroy(&key, at(1)).await.unwrap());
        assert!(scratch.found(&key, at(1)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_sweep_passes_over_what_somebody_holds() {
    scratch(|scratch| async move {
        for _ in 0..5 {
            scratch.created(&record()).await;
        }
        let (lives, _) = scratch
            .created(&{
                let mut record = record();
                record.idle_end = at(500);
                record
            })
            .await;
        let over = format!("idle_end = {}", at(100).as_millis());
        scratch.run(&format!("BEGIN; SELECT 1 FROM cloakroom_sessions WHERE {over} LIMIT 1 FOR UPDATE")).await;
        assert_eq!(scratch.store.sweep(3, at(100)).await.unwrap(), 3);
        assert_eq!(scratch.store.sweep(3, at(100)).await.unwrap(), 1);
        scratch.run("COMMIT").await;
        assert_eq!(scratch.store.sweep(0, at(100)).await.unwrap(), 0);
        assert_eq!(scratch.store.sweep(3, at(100)).await.unwrap(), 1);
        assert!(scratch.found(&lives, at(100)).await.is_some());
        assert_eq!(scratch.store.sweep(3, at(1_000)).await.unwrap(), 1);
    })
    .await;
}
