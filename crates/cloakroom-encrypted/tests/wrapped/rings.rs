//! One data key after another.

use std::sync::Arc;

use cloakroom::record::Patch;
use cloakroom::store::{Export, Guard, MemoryStore, Moved, MovingStore, Rotated, Store};
use cloakroom_encrypted::{DataKeys, EncryptedStore};

use crate::scratch::{add, at, corrupt, created, done, is_corrupt, json, key, keys, set, value};

/// The same store with the old key, with a new one before it, and with the new one alone.
fn three() -> [EncryptedStore<Arc<MemoryStore>>; 3] {
    let bare = Arc::new(MemoryStore::new());
    let both = DataKeys::from_secrets([[2; 32], [1; 32]]).unwrap();
    [keys(1), both, keys(2)].map(|keys| EncryptedStore::new(bare.clone(), keys))
}

#[tokio::test]
async fn what_an_older_key_has_encrypted_is_read_and_what_is_written_has_the_newest() {
    let [old, both, new] = three();
    let key = created(&old).await;
    assert_eq!(value(&both, &key, "n").await, json("7"));
    done(&both, &key, &add("n", 1)).await;
    assert_eq!(value(&both, &key, "n").await, json("8"));
    corrupt(new.load(&key, at(1)).await);
    // The sum has the new key, so what is left of the old one is the word.
    done(&both, &key, &set("word", &json("1"))).await;
    assert_eq!(value(&new, &key, "n").await, json("8"));
    corrupt(old.load(&key, at(1)).await);
}

#[tokio::test]
async fn a_rotation_encrypts_all_of_a_session_with_the_newest_key() {
    let [old, both, new] = three();
    let (before, after) = (created(&old).await, key());
    let rotated = both.rotate(&before, &after, &Patch::default(), &Guard::Exists, at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    assert_eq!(value(&new, &after, "n").await, json("7"));
    assert_eq!(value(&new, &after, "word").await, json(r#""plainly""#));
}

#[tokio::test]
async fn processes_with_the_keys_in_another_order_read_each_other() {
    let [old, both, _] = three();
    let other_way = DataKeys::from_secrets([[1; 32], [2; 32]]).unwrap();
    let other_way = EncryptedStore::new(old.inner().clone(), other_way);
    let key = created(&both).await;
    assert_eq!(value(&other_way, &key, "n").await, json("7"));
    done(&other_way, &key, &add("n", 1)).await;
    assert_eq!(value(&both, &key, "n").await, json("8"));
}

#[tokio::test]
async fn without_its_key_a_session_is_an_error_and_never_empty() {
    let [old, _, new] = three();
    is_corrupt(&new, &created(&old).await).await;
}

#[tokio::test]
async fn sessions_that_nobody_uses_are_moved_to_the_newest_key() {
    let old = Arc::new(EncryptedStore::new(MemoryStore::new(), keys(1)));
    let new = Arc::new(EncryptedStore::new(MemoryStore::new(), keys(2)));
    let moving = MovingStore::new(old.clone(), new.clone());
    let key = created(&*old).await;
    let batch = old.export().unwrap().records(None, 10, at(1)).await.unwrap();
    assert_eq!(batch.records.len(), 1);
    assert_eq!(moving.bring_over(&batch.records[0], at(1)).await.unwrap(), Moved::Done);
    assert_eq!(value(&*new, &key, "n").await, json("7"));
    assert_eq!(value(&moving, &key, "word").await, json(r#""plainly""#));
}

#[tokio::test]
async fn the_export_passes_over_what_it_has_no_key_for_and_counts_it() {
    let [old, both, new] = three();
    let theirs = created(&old).await;
    let mine = created(&both).await;
    let batch = new.records(None, 10, at(1)).await.unwrap();
    let digests: Vec<_> = batch.records.iter().map(|exported| *exported.digest()).collect();
    assert_eq!((digests, batch.unreadable), (vec![*mine.digest()], 1));
    assert_eq!(batch.records[0].record.data.get("n"), Some(&json("7")));
    let batch = both.records(None, 10, at(1)).await.unwrap();
    assert!(batch.records.iter().any(|exported| exported.digest() == theirs.digest()));
    assert_eq!((batch.records.len(), batch.unreadable), (2, 0));
}

/// As `cloakroom backup` and `restore` do, which know no data keys.
#[tokio::test]
async fn what_is_stored_opens_again_in_another_store_under_the_same_key() {
    let [old, ..] = three();
    let key = created(&old).await;
    let elsewhere = Arc::new(MemoryStore::new());
    let stored = old.inner().records(None, 10, at(1)).await.unwrap();
    assert!(!format!("{:?}", stored.records[0].record.data.get("word").unwrap().as_json()).contains("plainly"));
    stored.records[0].import_into(&elsewhere, at(1)).await.unwrap();
    assert_eq!(value(&EncryptedStore::new(elsewhere, keys(1)), &key, "n").await, json("7"));
}
