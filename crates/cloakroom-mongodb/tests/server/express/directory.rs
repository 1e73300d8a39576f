//! Users where Express keeps them.

use cloakroom::UserId;
use cloakroom::record::{Handle, Record};
use cloakroom::store::{Created, Store};
use cloakroom_mongodb::ExpressLayout;
use mongodb::bson::{Bson, Document, doc};

use super::{express, session};
use crate::scratch::{at, key, patch, record, scratch};

fn passport() -> ExpressLayout {
    ExpressLayout::connect_mongodb_session().user_at("passport.user")
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

#[tokio::test]
async fn the_user_is_what_stands_there_and_nothing_else() {
    scratch(|scratch| async move {
        let express = express(&scratch, passport());
        for (stands, name) in [
            (doc! { "passport": { "user": "ada" } }, Some("ada")),
            (doc! { "passport": { "user": 42 } }, Some("42")),
            (doc! { "passport": { "user": 5_000_000_000.0 } }, Some("5000000000")),
            (doc! { "passport": { "user": 7_i64 } }, Some("7")),
            (doc! { "passport": { "user": 1.5 } }, None),
            (doc! { "passport": { "user": ["ada"] } }, None),
            (doc! { "passport": { "user": "" } }, None),
            (doc! { "passport": [{ "user": "ada" }] }, None),
            (doc! { "passport": "ada" }, None),
            (doc! { "passport.user": "ada" }, None),
            (doc! {}, None),
        ] {
            let key = express.begun(stands.clone()).await;
            // Not the extras' either.
            let extras = doc! { "$set": { "cloakroom.u": "mallory" } };
            express.documents.update_one(doc! { "_id": key.plain() }, extras).await.unwrap();
            let found = express.found(&key, at(1)).await.unwrap();
            assert_eq!(found.record.user, name.map(user), "{stands}");
            let directory = express.store.directory().unwrap();
            for asked in ["ada", "42", "5000000000", "7", "1.5", "mallory"] {
                let listed = directory.list(&user(asked), at(1)).await.unwrap();
                let handles: Vec<&Handle> = listed.iter().map(|entry| &entry.handle).collect();
                let is_theirs = name == Some(asked);
                assert_eq!(handles.contains(&&found.handle), is_theirs, "{stands} {asked}");
                assert_eq!(directory.count(&user(asked), at(1)).await.unwrap(), listed.len() as u64);
            }
            express.documents.delete_many(doc! {}).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn who_logs_in_is_written_there_unless_they_stand_there_already() {
    scratch(|scratch| async move {
        let express = express(&scratch, passport());
        for (before, name, after) in [
            (doc! {}, "ada", doc! { "passport": { "user": "ada" } }),
            (doc! { "passport": { "user": 42, "x": 1 } }, "42", doc! { "passport": { "user": 42, "x": 1 } }),
            (doc! { "passport": { "user": 42, "x": 1 } }, "7", doc! { "passport": { "user": "7", "x": 1 } }),
            (doc! { "passport": { "user": 42 } }, "042", doc! { "passport": { "user": "042" } }),
            (doc! { "passport": "text" }, "$ada", doc! { "passport": { "user": "$ada" } }),
        ] {
            let log_in = patch(|patch| patch.user = Some(user(name)));
            let key = express.begun(before.clone()).await;
            express.done(&key, &log_in, at(1)).await;
            let rotated = express.rotated(&express.begun(before.clone()).await, &log_in, at(1)).await;
            let mut fresh: Record = record();
            fresh.user = Some(user(name));
            let data = before.iter().map(|(key, value)| (key.clone(), json(value)));
            fresh.data = std::sync::Arc::new(data.collect());
            let created = super::key();
            assert!(matches!(express.store.create(&created, &fresh, at(0)).await.unwrap(), Created::Done { .. }));
            for key in [key, rotated, created] {
                let document = express.document(&key).await;
                let mut rest: Document = session(&document).clone();
                rest.remove("cookie");
                assert_eq!(rest, after, "{before}");
                assert_eq!(express.found(&key, at(1)).await.unwrap().record.user, Some(user(name)));
            }
        }
    })
    .await;
}

fn json(bson: &Bson) -> cloakroom::record::Value {
    cloakroom::record::Value::from_json(&bson.clone().into_relaxed_extjson().to_string()).unwrap()
}

#[tokio::test]
async fn a_user_ends_sessions_of_their_own() {
    for layout in [passport(), passport().tombstones()] {
        scratch(|scratch| async move {
            let express = express(&scratch, layout);
            let directory = express.store.directory().unwrap();
            let of = |name: Bson| express.begun(doc! { "passport": { "user": name } });
            let (one, two, other) = (of("7".into()).await, of(7.into()).await, of("8".into()).await);
            let handle = async |key| express.found(key, at(1)).await.unwrap().handle;
            let (first, second, third) = (handle(&one).await, handle(&two).await, handle(&other).await);
            assert!(!directory.revoke(&user("7"), &third, at(1)).await.unwrap());
            assert!(directory.revoke(&user("7"), &first, at(1)).await.unwrap());
            assert!(express.found(&one, at(1)).await.is_none());
            assert_eq!(directory.revoke_all(&user("7"), Some(&second), at(1)).await.unwrap(), 0);
            assert_eq!(directory.revoke_all(&user("7"), None, at(1)).await.unwrap(), 1);
            assert!(express.found(&two, at(1)).await.is_none());
            let page = directory.page(None, 9, at(1)).await.unwrap();
            assert_eq!(page.into_iter().map(|entry| entry.handle).collect::<Vec<_>>(), [third]);
        })
        .await;
    }
}

/// A session in the middle of a rotation is under the one id or the other.
#[tokio::test(flavor = "multi_thread")]
async fn no_session_escapes_by_a_rotation() {
    scratch(|scratch| async move {
        let mut express = express(&scratch, ExpressLayout::connect_mongodb_session());
        let patient = scratch.store.clone().with_deadline(std::time::Duration::from_secs(60));
        express.store = patient.with_layout(ExpressLayout::connect_mongodb_session());
        let express = std::sync::Arc::new(express);
        for _ in 0..10 {
            let (first, mut record) = (key(), record());
            record.user = Some(user("ada"));
            express.store.create(&first, &record, at(0)).await.unwrap();
            let turning = tokio::spawn({
                let express = express.clone();
                async move {
                    let mut key = first;
                    loop {
                        let (new, none) = (super::key(), patch(|_| {}));
                        let guard = cloakroom::store::Guard::Exists;
                        match express.store.rotate(&key, &new, &none, &guard, at(1)).await.unwrap() {
                            cloakroom::store::Rotated::Done { .. } => key = new,
                            _ => return,
                        }
                    }
                }
            });
            let directory = express.store.directory().unwrap();
            while directory.revoke_all(&user("ada"), None, at(1)).await.unwrap() == 0 {}
            turning.await.unwrap();
            assert_eq!(directory.count(&user("ada"), at(1)).await.unwrap(), 0);
        }
    })
    .await;
}
