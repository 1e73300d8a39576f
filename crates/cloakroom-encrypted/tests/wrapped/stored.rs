//! What the wrapped store is given.

use cloakroom::UserId;
use cloakroom::record::{Expiry, Patch, Record};
use cloakroom::store::{Guard, Rotated, Store};

use crate::scratch::{add, apply, at, created, done, found, json, key, record, scratch, set, value};

/// That no value is in the wrapped store as it is, and that all values are back outside.
async fn is_encrypted(store: &dyn Store, bare: &dyn Store, key: &cloakroom::record::StoreKey) {
    let (outside, inside) = (found(store, key).await.record, found(bare, key).await.record);
    assert_eq!(outside.data.len(), inside.data.len());
    for ((name, plain), (stored_name, stored)) in outside.data.iter().zip(inside.data.iter()) {
        assert_eq!(name, stored_name);
        assert!(!stored.as_json().contains(plain.as_json().trim_matches('"')) || plain.as_json().len() < 4, "{name}");
        let text: String = stored.deserialize().unwrap();
        // The head, the nonce and the tag are 33 bytes.
        assert_eq!(text.len(), ((33 + plain.as_json().len()) * 4).div_ceil(3));
    }
    let bare_of_data = |record: Record| {
        let mut record = record;
        record.data = std::sync::Arc::default();
        record
    };
    assert_eq!(bare_of_data(outside), bare_of_data(inside));
}

#[tokio::test]
async fn after_each_kind_of_write_no_value_is_in_plain_and_all_else_is_as_it_was() {
    let (store, bare) = scratch();
    let key = self::key();
    let mut full = record();
    full.user = Some(UserId::new("ada").unwrap());
    full.metadata = std::sync::Arc::new([("agent", json(r#""Lynx""#))].into_iter().collect());
    store.create(&key, &full, at(0)).await.unwrap();
    is_encrypted(&store, &*bare, &key).await;
    let mut mixed = set("word", &json(r#""once more plainly""#));
    mixed.unset("gone");
    mixed.user = Some(UserId::new("grace").unwrap());
    mixed.expiry = Expiry::AtLeast(at(200));
    mixed.set_metadata("agent", json(r#""w3m""#));
    done(&store, &key, &mixed).await;
    is_encrypted(&store, &*bare, &key).await;
    mixed.add("n", 123_456_789).unwrap();
    done(&store, &key, &mixed).await;
    is_encrypted(&store, &*bare, &key).await;
    let mut cleared = Patch::default();
    cleared.clear();
    cleared.set("after", json(r#""all is plain""#));
    done(&store, &key, &cleared).await;
    is_encrypted(&store, &*bare, &key).await;
    let new = self::key();
    mixed.set_metadata("more", json("true"));
    let rotated = store.rotate(&key, &new, &mixed, &Guard::Exists, at(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    is_encrypted(&store, &*bare, &new).await;
    let names: Vec<_> = found(&*bare, &new).await.record.data.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["after", "n", "word"]);
}

#[tokio::test]
async fn the_same_value_looks_different_each_time_and_in_each_session() {
    let (store, bare) = scratch();
    let (one, other) = (created(&store).await, created(&store).await);
    let first = value(&*bare, &one, "n").await;
    assert_ne!(first, value(&*bare, &other, "n").await);
    apply(&store, &one, &set("n", &json("7"))).await;
    assert_ne!(first, value(&*bare, &one, "n").await);
    apply(&store, &one, &add("n", 0)).await;
    assert_ne!(first, value(&*bare, &one, "n").await);
}
