//! Who can write to the database can't put values where they do not belong.

use std::sync::Arc;

use cloakroom::record::Patch;
use cloakroom::store::{Guard, Rotated, Store};

use crate::scratch::{add, apply, at, corrupt, created, done, found, is_corrupt, json, key, scratch, set, value};

#[tokio::test]
async fn a_value_under_another_name_is_an_error() {
    let (store, bare) = scratch();
    let key = created(&store).await;
    let stolen = value(&*bare, &key, "n").await;
    done(&*bare, &key, &set("word", &stolen)).await;
    is_corrupt(&store, &key).await;
}

#[tokio::test]
async fn a_value_of_another_session_is_an_error() {
    let (store, bare) = scratch();
    let (mine, theirs) = (created(&store).await, created(&store).await);
    let stolen = value(&*bare, &theirs, "n").await;
    done(&*bare, &mine, &set("n", &stolen)).await;
    is_corrupt(&store, &mine).await;
    assert_eq!(value(&store, &theirs, "n").await, json("7"));
}

#[tokio::test]
async fn a_whole_record_under_the_key_of_another_ticket_is_an_error() {
    let (store, bare) = scratch();
    let (victim, thief) = (created(&store).await, key());
    let rotated = bare.rotate(&victim, &thief, &Patch::default(), &Guard::Exists, at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    is_corrupt(&store, &thief).await;
}

#[tokio::test]
async fn a_value_from_before_a_rotation_is_an_error_after_it() {
    let (store, bare) = scratch();
    let (old, new) = (created(&store).await, key());
    let stolen = value(&*bare, &old, "n").await;
    let rotated = store.rotate(&old, &new, &Patch::default(), &Guard::Exists, at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    assert_eq!(value(&store, &new, "n").await, json("7"));
    done(&*bare, &new, &set("n", &stolen)).await;
    is_corrupt(&store, &new).await;
}

#[tokio::test]
async fn a_value_in_plain_or_one_that_was_changed_is_an_error_for_each_call_that_reads_it() {
    let (store, bare) = scratch();
    let good = created(&store).await;
    let good = value(&*bare, &good, "n").await;
    for bad in [json("7"), json("null"), json(r#""""#), json(r#""AAAA""#), json("{}"), good] {
        let key = created(&store).await;
        done(&*bare, &key, &set("n", &bad)).await;
        let before = found(&*bare, &key).await;
        corrupt(store.apply(&key, &add("n", 1), &Guard::Exists, at(1)).await);
        corrupt(store.rotate(&key, &self::key(), &add("word", 1), &Guard::Exists, at(1)).await);
        assert_eq!(found(&*bare, &key).await.record, before.record);
        // What does not read it goes on.
        done(&store, &key, &set("word", &json("1"))).await;
        done(&store, &key, &add("other", 1)).await;
        corrupt(store.load(&key, at(1)).await);
        // And what replaces it makes the session whole.
        done(&store, &key, &set("n", &json("8"))).await;
        assert_eq!(value(&store, &key, "n").await, json("8"));
    }
}

/// What the docs say can't be noticed: if it ever is, they have to change.
#[tokio::test]
async fn an_older_value_of_the_same_name_and_one_that_was_removed_are_not_noticed() {
    let (store, bare) = scratch();
    let key = created(&store).await;
    let older = value(&*bare, &key, "n").await;
    apply(&store, &key, &set("n", &json("8"))).await;
    done(&*bare, &key, &set("n", &older)).await;
    assert_eq!(value(&store, &key, "n").await, json("7"));
    let mut removed = Patch::default();
    removed.unset("n");
    done(&*bare, &key, &removed).await;
    assert!(found(&store, &key).await.record.data.get("n").is_none());
}

#[tokio::test]
async fn the_errors_quote_nothing_and_debug_shows_no_key() {
    let (store, bare) = scratch();
    let key = created(&store).await;
    let stored = value(&*bare, &key, "word").await;
    done(&*bare, &key, &set("n", &stored)).await;
    let error = store.load(&key, at(1)).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    let told = format!("{error} {error:?} {source} {source:?} {:?} {store:?}", Arc::new(store.clone()));
    assert!(told.contains("DataKeys(1 key)"), "{told}");
    let secret = ["1, 1", "0101", key.plain(), stored.as_json().trim_matches('"'), "plainly", "word"];
    for secret in secret {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}
