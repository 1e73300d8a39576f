//! What the conformance suite can't know: how this store comes to its answers.

use std::sync::Arc;

use cloakroom::UserId;
use cloakroom::record::{Expiry, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, Store, Token};
use mongodb::bson::{Bson, doc};

use crate::scratch::{at, key, patch, record, scratch, text};

#[tokio::test]
async fn what_was_created_is_found_until_it_ends() {
    scratch(|scratch| async move {
        let mut record = record();
        record.user = UserId::new("{\"$ne\":1}").ok();
        record.metadata = Arc::new([("agent", text("curl"))].into_iter().collect());
        let keys = ["", "a.b", "$x", "0", "%", "\0", "__proto__", "$set"];
        let values = [r#"{"$ne":1}"#, r#""$u""#, "1.0", "-0.0", "9007199254740993", r#"{"$oid":"00"}"#, "[{}]", "null"];
        let values = values.map(|json| Value::from_json(json).unwrap());
        record.data = Arc::new(keys.into_iter().zip(values.clone()).collect());
        let (key, _) = scratch.created(&record).await;
        assert_eq!(scratch.found(&key, at(99)).await.unwrap().record, record);
        assert!(scratch.found(&key, at(100)).await.is_none());
        assert!(matches!(scratch.store.create(&key, &record, at(500)).await.unwrap(), Created::Taken));

        // The same through a patch, each key alone and all at once.
        for (index, key_of_data) in keys.into_iter().enumerate() {
            let set = patch(|patch| patch.set(key_of_data, values[(index + 1) % values.len()].clone()));
            assert!(matches!(scratch.apply(&key, &set).await, Applied::Done(_)));
        }
        let data = scratch.found(&key, at(1)).await.unwrap().record.data;
        for (index, key_of_data) in keys.into_iter().enumerate() {
            assert_eq!(data.get(key_of_data), Some(&values[(index + 1) % values.len()]), "{key_of_data:?}");
        }
        let all = patch(|patch| keys.into_iter().for_each(|key| patch.unset(key)));
        assert!(matches!(scratch.apply(&key, &all).await, Applied::Done(_)));
        assert!(scratch.found(&key, at(1)).await.unwrap().record.data.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_value_a_hundred_levels_deep_is_kept() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        for json in [
            format!("{}1{}", "[".repeat(100), "]".repeat(100)),
            format!("{}1{}", r#"{"$a.b":"#.repeat(100), "}".repeat(100)),
        ] {
            let deep = Value::from_json(&json).unwrap();
            assert!(matches!(
                scratch.apply(&key, &patch(|patch| patch.set("deep", deep.clone()))).await,
                Applied::Done(_)
            ));
            assert_eq!(scratch.found(&key, at(1)).await.unwrap().record.data.get("deep"), Some(&deep));
        }
    })
    .await;
}

#[tokio::test]
async fn many_adds_at_once_lose_none_and_return_the_true_numbers() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let add = |scratch: crate::scratch::Scratch, key: cloakroom::record::StoreKey| async move {
            let add = patch(|patch| {
                patch.add("n", 1).unwrap();
                patch.add("other", -2).unwrap();
            });
            match scratch.apply(&key, &add).await {
                Applied::Done(written) => written.numbers,
                other => panic!("{other:?}"),
            }
        };
        let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(add(scratch.clone(), key.clone()))).collect();
        let mut numbers = Vec::new();
        for task in tasks {
            let told = task.await.unwrap();
            let (n, other) = (told[0].1, told[1].1);
            assert_eq!(other, (n - 1) * -2);
            numbers.push(n);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (2..=51).collect::<Vec<i64>>());
    })
    .await;
}

#[tokio::test]
async fn what_is_no_integer_takes_no_sum_and_nothing_is_changed() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let values: [Bson; 9] = [
            1.0.into(),
            "1".into(),
            Bson::Null,
            true.into(),
            vec![Bson::Int64(1)].into(),
            Bson::Array(Vec::new()),
            doc! { "a": 1 }.into(),
            i64::MAX.into(),
            "2".parse::<mongodb::bson::Decimal128>().unwrap().into(),
        ];
        let add = patch(|patch| {
            patch.add("n", 1).unwrap();
            patch.set("other", Value::from(1));
        });
        for value in values {
            scratch.documents().update_many(doc! {}, doc! { "$set": { "d.n": &value } }).await.unwrap();
            let before = scratch.document(&key).await;
            assert!(matches!(scratch.apply(&key, &add).await, Applied::WrongType), "{value:?}");
            let rotated = scratch.store.rotate(&key, &self::key(), &add, &Guard::Exists, at(1)).await.unwrap();
            assert!(matches!(rotated, Rotated::WrongType), "{value:?}");
            assert_eq!(scratch.document(&key).await, before);
        }
        for (value, by, sum) in
            [(Bson::Int32(i32::MAX), 1, 1 << 31), (i64::MAX.into(), i64::MIN, -1), (0.into(), i64::MIN, i64::MIN)]
        {
            scratch.documents().update_many(doc! {}, doc! { "$set": { "d.n": value } }).await.unwrap();
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
        let Applied::Done(written) = scratch.store.apply(&key, &touch, &guarded(token.clone()), at(2)).await.unwrap()
        else {
            panic!("a touch was refused")
        };
        assert_eq!(written.token, token);
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
        assert!(matches!(scratch.apply(&old, &clear).await, Applied::Gone));
        assert!(!store.destroy(&old, at(2)).await.unwrap());
        assert!(store.destroy(&new, at(2)).await.unwrap());
        assert!(matches!(store.load(&old, at(2)).await.unwrap(), Loaded::Missing));
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
        // It goes on where it ended, and sees all the same what came before that meanwhile.
        let mut earlier = record();
        earlier.idle_end = at(2);
        scratch.created(&earlier).await;
        assert_eq!(scratch.store.sweep(usize::MAX, at(50)).await.unwrap(), 2);
        assert_eq!(scratch.store.sweep(usize::MAX, at(50)).await.unwrap(), 0);
        assert!(scratch.found(&live, at(50)).await.is_some());
    })
    .await;
}
