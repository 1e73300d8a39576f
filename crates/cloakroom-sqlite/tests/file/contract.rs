//! What the conformance suite can't know: how this store comes to its answers.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::UserId;
use cloakroom::record::{Data, Expiry, Lifetime, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, Store as _, Token};

use crate::scratch::{apply, at, bare, created, found, key, patch, record, scratch, set, text};

const KEYS: [&str; 12] = ["", "a.b", "$x", "0", "%", "\0", "__proto__", "$.a[0]", "\"", "\\", "é\u{10ffff}", "cookie"];

fn odd_values() -> Vec<Value> {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let texts = [
        "1",
        "1.0",
        "-0.0",
        "-0",
        "1e5",
        "1E+05",
        "9007199254740993",
        "-9223372036854775808",
        "[]",
        "{}",
        r#"{"b":1,"a":2,"b":3}"#,
        r#"{ "a" : [ 1 ,null ] }"#,
        r#""\u0000\ud83d\ude00\/""#,
        r#"{"$ne":1}"#,
        &deep,
    ];
    texts.map(|text| Value::from_json(text).unwrap()).into()
}

#[tokio::test]
async fn every_value_comes_back_to_the_byte_whichever_way_it_went_in() {
    let scratch = scratch().await;
    for (turn, value) in odd_values().into_iter().enumerate() {
        let mut record = record();
        record.data = Arc::new(KEYS.iter().map(|key| (*key, value.clone())).collect());
        record.metadata = record.data.clone();
        record.user = UserId::new("\0%' -- \"").ok();
        record.lifetime = Lifetime { idle: Some(Duration::from_millis(1_500)), persistent: Some(turn % 2 == 0) };
        let (key, _) = created(&*scratch, &record).await;
        assert_eq!(found(&*scratch, &key, at(99)).await.unwrap().record, record);

        let (other, _) = created(&*scratch, &crate::scratch::record()).await;
        let set = patch(|patch| {
            patch.clear();
            KEYS.iter().for_each(|key| patch.set(*key, value.clone()));
            KEYS.iter().for_each(|key| patch.set_metadata(*key, value.clone()));
        });
        assert!(matches!(apply(&*scratch, &other, &set).await, Applied::Done(_)));
        let after = found(&*scratch, &other, at(1)).await.unwrap().record;
        assert_eq!((after.data, after.metadata), (record.data, record.metadata));
    }
}

#[tokio::test]
async fn what_a_patch_does_not_name_stays_to_the_byte() {
    let scratch = scratch().await;
    let mut record = record();
    record.data = Arc::new(odd_values().into_iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect());
    let (key, _) = created(&*scratch, &record).await;
    let before = scratch_row(&scratch, "data");
    let patch = patch(|patch| {
        patch.set("new", text("x"));
        patch.add("counter", 5).unwrap();
        patch.unset("3");
    });
    assert!(matches!(apply(&*scratch, &key, &patch).await, Applied::Done(_)));
    let without = |data: &Data, keys: &[&str]| -> Data {
        let kept = data.iter().filter(|(key, _)| !keys.contains(&&***key));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let after = found(&*scratch, &key, at(1)).await.unwrap().record.data;
    assert_eq!(without(&after, &["new", "counter"]), without(&record.data, &["3"]));
    let undo = crate::scratch::patch(|patch| {
        patch.unset("new");
        patch.unset("counter");
        patch.set("3", record.data.get("3").unwrap().clone());
    });
    assert!(matches!(apply(&*scratch, &key, &undo).await, Applied::Done(_)));
    assert_eq!(scratch_row(&scratch, "data"), before);
}

fn scratch_row(scratch: &crate::scratch::Scratch, column: &str) -> String {
    bare(&scratch.folder).query_row(&format!("SELECT {column} FROM session"), [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_adds_at_once_lose_none_and_tell_the_true_numbers() {
    let scratch = Arc::new(scratch().await);
    let (key, _) = created(&**scratch, &record()).await;
    let adds = (0..100).map(|_| {
        let (scratch, key) = (scratch.clone(), key.clone());
        tokio::spawn(async move {
            let add = patch(|patch| {
                patch.add("n", 1).unwrap();
                patch.add("other", -2).unwrap();
            });
            match apply(&**scratch, &key, &add).await {
                Applied::Done(written) => written.numbers,
                other => panic!("{other:?}"),
            }
        })
    });
    let mut numbers = Vec::new();
    for add in adds.collect::<Vec<_>>() {
        let told = add.await.unwrap();
        assert_eq!(told[1].1, (told[0].1 - 1) * -2);
        numbers.push(told[0].1);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=101).collect::<Vec<i64>>());
}

#[tokio::test]
async fn what_is_no_integer_takes_no_sum_and_nothing_is_changed() {
    let scratch = scratch().await;
    let (key, _) = created(&*scratch, &record()).await;
    let add = patch(|patch| {
        patch.add("n", 1).unwrap();
        patch.set("other", Value::from(1));
        patch.expiry = Expiry::AtLeast(at(500));
    });
    let old = Value::from(i64::MAX).as_json().to_owned();
    for json in ["1.0", "-0", "\"1\"", "null", "true", "[1]", "{}", "1e0", &old] {
        let mut patch = crate::scratch::patch(|_| {});
        patch.set("n", Value::from_json(json).unwrap());
        apply(&*scratch, &key, &patch).await;
        let before = found(&*scratch, &key, at(1)).await.unwrap();
        assert!(matches!(apply(&*scratch, &key, &add).await, Applied::WrongType), "{json}");
        let rotated = scratch.rotate(&key, &self::key(), &add, &Guard::Exists, at(1)).await.unwrap();
        assert!(matches!(rotated, Rotated::WrongType), "{json}");
        let after = found(&*scratch, &key, at(1)).await.unwrap();
        assert_eq!((after.record, after.token), (before.record, before.token));
    }
    for (number, by, sum) in [(i64::MAX, i64::MIN, -1), (0, i64::MIN, i64::MIN), (i64::MAX - 1, 1, i64::MAX)] {
        apply(&*scratch, &key, &set("n", number)).await;
        match apply(&*scratch, &key, &patch(|patch| patch.add("n", by).unwrap())).await {
            Applied::Done(written) => assert_eq!(written.numbers[0].1, sum),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_guard_sees_each_change_but_no_touch() {
    let scratch = scratch().await;
    let (key, token) = created(&*scratch, &record()).await;
    let touch = patch(|patch| patch.expiry = Expiry::AtLeast(at(50)));
    let guarded = Guard::Unchanged(token.clone());
    let Applied::Done(written) = scratch.apply(&key, &touch, &guarded, at(2)).await.unwrap() else {
        panic!("a touch was refused")
    };
    assert_eq!(written.token, token);
    let record = found(&*scratch, &key, at(2)).await.unwrap().record;
    assert_eq!((record.idle_end, record.seen), (at(100), at(2)));
    assert!(matches!(apply(&*scratch, &key, &set("a", 1)).await, Applied::Done(_)));
    for token in [token, Token::body([1, 2])] {
        let conflict = scratch.apply(&key, &set("a", 1), &Guard::Unchanged(token), at(1)).await.unwrap();
        assert!(matches!(conflict, Applied::Conflict));
    }
    let gone = scratch.apply(&key, &set("a", 1), &Guard::Unchanged(Token::version(2)), at(1_000)).await.unwrap();
    assert!(matches!(gone, Applied::Gone));
}

#[tokio::test]
async fn a_rotated_key_is_superseded_for_ten_seconds_and_a_taken_one_is_refused() {
    let scratch = scratch().await;
    let ((old, _), (other, _), new) = (created(&*scratch, &record()).await, created(&*scratch, &record()).await, key());
    let none = patch(|_| {});
    for taken in [&other, &old] {
        let rotated = scratch.rotate(&old, taken, &none, &Guard::Exists, at(1)).await.unwrap();
        assert!(matches!(rotated, Rotated::Taken));
    }
    let rotated = scratch.rotate(&old, &new, &set("fresh", 1), &Guard::Exists, at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    assert!(matches!(scratch.rotate(&old, &key(), &none, &Guard::Exists, at(1)).await.unwrap(), Rotated::Gone));
    assert!(matches!(scratch.load(&old, at(10)).await.unwrap(), Loaded::Superseded));
    assert!(matches!(scratch.load(&old, at(11)).await.unwrap(), Loaded::Missing));
    // The old key may be used anew, though nobody does, and both sessions are then told apart.
    assert!(matches!(scratch.create(&old, &record(), at(2)).await.unwrap(), Created::Done { .. }));
    assert!(matches!(scratch.load(&old, at(2)).await.unwrap(), Loaded::Found(_)));
    assert!(scratch.destroy(&old, at(2)).await.unwrap());
    assert!(matches!(scratch.load(&old, at(3)).await.unwrap(), Loaded::Superseded));
    assert!(scratch.destroy(&new, at(2)).await.unwrap());
    assert!(matches!(scratch.load(&old, at(2)).await.unwrap(), Loaded::Missing));
}

#[tokio::test]
async fn a_session_may_last_for_ever_and_begin_before_all_time() {
    let scratch = scratch().await;
    let far = cloakroom::Timestamp::from_millis;
    let mut record = cloakroom::record::Record::new(far(i64::MIN), far(i64::MAX), far(i64::MAX));
    record.lifetime.idle = Some(Duration::from_millis(i64::MAX as u64));
    let (key, _) = created(&*scratch, &record).await;
    assert_eq!(found(&*scratch, &key, far(i64::MAX - 1)).await.unwrap().record, record);
    let rotated = scratch.rotate(&key, &self::key(), &set("a", 1), &Guard::Exists, far(i64::MAX - 1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
}
