//! The indexes beside those of Express.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cloakroom::store::{Created, Store};
use cloakroom_mongodb::ExpressLayout;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;

use super::express;
use crate::indexes::Warnings;
use crate::scratch::{Scratch, at, key, record, scratch};

async fn names(scratch: &Scratch) -> Vec<String> {
    let mut names = scratch.database.collection::<Document>("sessions").list_index_names().await.unwrap();
    names.sort();
    names
}

fn ttl(field: &str, seconds: u64) -> IndexModel {
    let options = IndexOptions::builder().expire_after(Duration::from_secs(seconds)).build();
    IndexModel::builder().keys(doc! { field: 1 }).options(options).build()
}

#[tokio::test]
async fn each_layout_has_its_indexes() {
    for (layout, expected) in [
        (
            ExpressLayout::connect_mongo_object(),
            vec!["_id_", "cloakroom.abs_1", "cloakroom.p_1", "cloakroom.u_1", "expires_1"],
        ),
        (
            ExpressLayout::connect_mongodb_session().id_field("sid").expires_key("_ts").user_at("passport.user"),
            vec!["_id_", "_ts_1", "cloakroom.abs_1", "cloakroom.p_1", "session.passport.user_1", "sid_1"],
        ),
    ] {
        scratch(|scratch| async move {
            let store = express(&scratch, layout).store;
            store.create(&key(), &record(), at(0)).await.unwrap();
            assert_eq!(names(&scratch).await, expected);
        })
        .await;
    }
}

/// Whoever of the two starts first.
#[tokio::test]
async fn the_index_of_express_is_the_same() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongo_object());
        let theirs = doc! { "key": { "expires": 1 }, "name": "expires_1", "background": true, "expireAfterSeconds": 0 };
        let create = doc! { "createIndexes": "sessions", "indexes": [theirs] };
        scratch.database.run_command(create.clone()).await.unwrap();
        let (warnings, listening) = Warnings::listen();
        express.store.ensure_indexes().await.unwrap();
        drop(listening);
        assert_eq!(warnings.0.load(Ordering::SeqCst), 0);
        scratch.database.run_command(create).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn another_ttl_index_in_the_way_is_told_and_not_fatal() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session().expires_key("_ts"));
        express.documents.create_index(ttl("_ts", 1_209_600)).await.unwrap();
        let (warnings, listening) = Warnings::listen();
        let key = key();
        assert!(matches!(express.store.create(&key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
        drop(listening);
        assert_eq!(warnings.0.load(Ordering::SeqCst), 1);
        assert!(express.found(&key, at(1)).await.is_some());
        assert_eq!(names(&scratch).await, ["_id_", "_ts_1", "cloakroom.abs_1", "cloakroom.p_1", "cloakroom.u_1"]);
    })
    .await;
}

#[tokio::test]
async fn ids_that_are_not_unique_are_fatal() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session().id_field("sid"));
        scratch.database.collection("sessions").insert_many([doc! { "sid": "a" }, doc! { "sid": "a" }]).await.unwrap();
        let error = express.store.create(&key(), &record(), at(0)).await.unwrap_err();
        let chain = format!("{error:?} {}", std::error::Error::source(&error).unwrap());
        assert!(chain.contains("11000"), "{chain}");
    })
    .await;
}
