//! From Express' documents to the native layout, and nobody is logged out.

use cloakroom::record::Value;
use cloakroom::store::{Applied, Guard, Loaded, MovingStore, Store, conformance};
use cloakroom_mongodb::ExpressLayout;
use mongodb::bson::{Document, doc};

use super::{Express, express};
use crate::scratch::{Scratch, at, patch, scratch};

/// Express' documents as the old store, and the native layout, in a collection of its own, as the new one.
fn moving(scratch: &Scratch, layout: ExpressLayout) -> (Express, MovingStore) {
    let express = express(scratch, layout);
    let moving = MovingStore::new(express.store.clone(), scratch.store.clone().with_collection("native"));
    (express, moving)
}

#[tokio::test]
async fn a_session_of_express_moves_with_its_first_write() {
    for layout in [ExpressLayout::connect_mongodb_session(), ExpressLayout::connect_mongo_object().tombstones()] {
        let has_tombstones = layout == ExpressLayout::connect_mongo_object().tombstones();
        scratch(move |scratch| async move {
            let (express, moving) = moving(&scratch, layout);
            let native = scratch.database.collection::<Document>("native");
            let key = express.begun(doc! { "views": 3, "user": { "id": "ada" } }).await;

            let Loaded::Found(read) = moving.load(&key, at(1)).await.unwrap() else { panic!("it is not found") };
            assert_eq!(read.record.data.get("views"), Some(&Value::from(3)));
            assert_eq!(native.count_documents(doc! {}).await.unwrap(), 0, "a look moves nothing");

            let add = patch(|patch| patch.add("views", 1).unwrap());
            let applied = moving.apply(&key, &add, &Guard::Exists, at(2)).await.unwrap();
            assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
            assert_eq!(native.count_documents(doc! {}).await.unwrap(), 1);
            assert!(express.found(&key, at(3)).await.is_none());
            assert_eq!(express.raw(&key).await.is_some(), has_tombstones);

            let Loaded::Found(moved) = moving.load(&key, at(3)).await.unwrap() else { panic!("it is lost") };
            assert_eq!(moved.record.data.get("views"), Some(&Value::from(4)));
            assert_eq!(moved.record.data.get("user").unwrap().as_json(), r#"{"id":"ada"}"#);
            assert_eq!((moved.record.idle_end, moved.record.lifetime), (read.record.idle_end, read.record.lifetime));

            assert!(moving.destroy(&key, at(4)).await.unwrap());
            assert!(matches!(moving.load(&key, at(5)).await.unwrap(), Loaded::Missing));
        })
        .await;
    }
}

#[tokio::test]
async fn a_log_out_ends_a_session_that_has_not_moved() {
    scratch(|scratch| async move {
        let (express, moving) = moving(&scratch, ExpressLayout::connect_mongo());
        let text = r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"views":3}"#;
        let key = crate::scratch::key();
        express.insert(&doc! { "_id": key.plain(), "expires": super::date(100), "session": text }).await;
        assert!(moving.destroy(&key, at(1)).await.unwrap());
        assert!(matches!(moving.load(&key, at(2)).await.unwrap(), Loaded::Missing));
        let set = patch(|patch| patch.set("late", Value::from(1)));
        assert!(matches!(moving.apply(&key, &set, &Guard::Exists, at(3)).await.unwrap(), Applied::Gone));
    })
    .await;
}

#[tokio::test]
async fn the_contract_is_kept_while_sessions_move() {
    scratch(|scratch| async move {
        let (_, moving) = moving(&scratch, ExpressLayout::connect_mongodb_session());
        conformance::check(moving).await;
    })
    .await;
}
