//! Dead is dead, also for a request of Express that has loaded the session before.

use cloakroom::UserId;
use cloakroom::record::{StoreKey, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, Store};
use cloakroom_mongodb::ExpressLayout;
use mongodb::bson::{DateTime, Document, doc};

use super::{Express, date, express};
use crate::scratch::{at, key, patch, record, scratch};

fn layouts() -> [ExpressLayout; 2] {
    let layout = ExpressLayout::connect_mongo_object();
    [ExpressLayout::connect_mongodb_session().tombstones(), layout.tombstones()]
}

async fn created(express: &Express) -> StoreKey {
    let (key, mut record) = (key(), record());
    record.user = UserId::new("ada").ok();
    assert!(matches!(express.store.create(&key, &record, at(0)).await.unwrap(), Created::Done { .. }));
    key
}

/// Nothing is left, Express can't write it back, and nobody else can.
async fn stays_dead(express: &Express, key: &StoreKey) {
    let left = doc! { "_id": key.plain(), "expires": date(3_601), "session": null, "dead": true };
    assert_eq!(express.document(key).await, left);
    let refused = express.blind_upsert(key).await.unwrap_err();
    assert!(refused.to_string().contains("Document failed validation"), "{refused}");
    assert_eq!(express.document(key).await, left);

    let set = patch(|patch| patch.set("a", Value::from(1)));
    assert!(matches!(express.apply(key, &set, at(2)).await, Applied::Gone));
    let rotated = express.store.rotate(key, &super::key(), &set, &Guard::Exists, at(2)).await.unwrap();
    assert!(matches!(rotated, Rotated::Gone));
    assert!(matches!(express.store.create(key, &record(), at(2)).await.unwrap(), Created::Taken));
    assert!(!express.store.destroy(key, at(2)).await.unwrap());
    assert!(express.found(key, at(2)).await.is_none());
    assert_eq!(express.document(key).await, left);
}

#[tokio::test]
async fn what_was_destroyed_stays_dead() {
    for layout in layouts() {
        scratch(|scratch| async move {
            let express = express(&scratch, layout);
            let key = created(&express).await;
            express.blind_upsert(&key).await.unwrap();
            assert!(express.store.destroy(&key, at(1)).await.unwrap());
            stays_dead(&express, &key).await;
            assert_eq!(express.store.sweep(9, at(3_600)).await.unwrap(), 0);
            assert_eq!(express.store.sweep(9, at(3_601)).await.unwrap(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn an_old_id_stays_dead() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session().tombstones());
        let old = created(&express).await;
        let new = express.rotated(&old, &patch(|patch| patch.set("a", Value::from(1))), at(1)).await;
        assert!(matches!(express.store.load(&old, at(2)).await.unwrap(), Loaded::Superseded));
        stays_dead(&express, &old).await;
        assert_eq!(express.found(&new, at(2)).await.unwrap().record.data.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_was_revoked_stays_dead() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session().tombstones());
        let (one, two, three) = (created(&express).await, created(&express).await, created(&express).await);
        let (directory, ada) = (express.store.directory().unwrap(), UserId::new("ada").unwrap());
        let handle = express.found(&one, at(1)).await.unwrap().handle;
        assert!(directory.revoke(&ada, &handle, at(1)).await.unwrap());
        assert_eq!(directory.revoke_all(&ada, None, at(1)).await.unwrap(), 2);
        for key in [one, two, three] {
            stays_dead(&express, &key).await;
        }
        assert_eq!(directory.count(&ada, at(1)).await.unwrap(), 0);
    })
    .await;
}

/// Even where somebody has taken the validator away.
#[tokio::test]
async fn a_document_with_the_mark_is_dead_whatever_else_is_in_it() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session());
        let key = express.begun(doc! { "a": 1 }).await;
        assert!(express.found(&key, at(1)).await.is_some());
        express.documents.update_one(doc! {}, doc! { "$set": { "dead": true } }).await.unwrap();
        assert!(express.found(&key, at(1)).await.is_none());
        let set = patch(|patch| patch.set("a", Value::from(1)));
        assert!(matches!(express.apply(&key, &set, at(1)).await, Applied::Gone));
    })
    .await;
}

#[tokio::test]
async fn the_validator_stands_beside_one_that_is_there() {
    scratch(|scratch| async move {
        let theirs = doc! { "forbidden": { "$exists": false } };
        scratch.database.run_command(doc! { "create": "sessions", "validator": theirs }).await.unwrap();
        let layout = ExpressLayout::connect_mongodb_session().tombstones();
        // Each start of a server asks for it again.
        for _ in 0..2 {
            express(&scratch, layout.clone()).store.ensure_indexes().await.unwrap();
        }
        let express = express(&scratch, layout);
        let key = created(&express).await;
        let forbidden = doc! { "$set": { "forbidden": 1 } };
        assert!(express.documents.update_one(doc! {}, forbidden).await.is_err());
        assert!(express.store.destroy(&key, at(1)).await.unwrap());
        stays_dead(&express, &key).await;
        let validator = doc! { "listCollections": 1, "filter": { "name": "sessions" } };
        let told = scratch.database.run_command(validator).await.unwrap().to_string();
        assert_eq!(told.matches("$nor").count(), 1, "{told}");
    })
    .await;
}

#[tokio::test]
async fn a_mark_is_garbage_after_an_hour_of_the_servers_own_clock() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session().tombstones());
        let key = created(&express).await;
        let now = std::time::SystemTime::now().into();
        assert!(express.store.destroy(&key, now).await.unwrap());
        let until = *express.document(&key).await.get_datetime("expires").unwrap();
        assert!(until > DateTime::now());
        let mut indexes = express.documents.list_indexes().await.unwrap();
        let mut ttl = None;
        while indexes.advance().await.unwrap() {
            let index = indexes.deserialize_current().unwrap();
            if index.keys == doc! { "expires": 1 } {
                ttl = index.options.and_then(|options| options.expire_after);
            }
        }
        assert_eq!(ttl, Some(std::time::Duration::ZERO));
    })
    .await;
}

/// MongoDB changes nothing of a collection while one of its indexes is built, as Express' stores have it done when they start.
#[tokio::test]
async fn an_index_that_is_built_meanwhile_is_waited_for() {
    scratch(|scratch| async move {
        let name = "sessions";
        let documents = scratch.database.collection::<Document>(name);
        documents.insert_many((0..5_000).map(|n| doc! { "n": n, "text": "x".repeat(100) })).await.unwrap();
        let run = |command: Document| scratch.database.run_command(command);
        for _ in 0..20 {
            run(doc! { "collMod": name, "validator": {} }).await.unwrap();
            let layout = ExpressLayout::connect_mongo_object().tombstones();
            let store = scratch.store.clone().with_collection(name).with_layout(layout);
            let index = doc! { "key": { "n": 1, "text": 1 }, "name": "built" };
            let build = run(doc! { "createIndexes": name, "indexes": [index] }).into_future();
            let (built, ensured) = tokio::join!(build, store.ensure_indexes());
            ensured.unwrap();
            built.unwrap();
            run(doc! { "dropIndexes": name, "index": "built" }).await.unwrap();
        }
    })
    .await;
}
