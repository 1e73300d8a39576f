//! What each call costs.

use cloakroom::record::Value;
use cloakroom::store::{Applied, Guard, Loaded, Rotated, Store};
use cloakroom_mongodb::ExpressLayout;
use mongodb::bson::doc;

use super::express;
use crate::scratch::{at, key, patch, record, scratch};

#[tokio::test]
async fn each_call_but_a_rotation_is_one_command() {
    for layout in [ExpressLayout::connect_mongodb_session(), ExpressLayout::connect_mongo_object().tombstones()] {
        scratch(|scratch| async move {
            let store = express(&scratch, layout).store;
            store.ensure_indexes().await.unwrap();
            scratch.sent();

            let (key, none) = (key(), patch(|_| {}));
            store.create(&key, &record(), at(0)).await.unwrap();
            assert_eq!(scratch.sent(), ["insert"]);
            assert!(matches!(store.load(&key, at(1)).await.unwrap(), Loaded::Found(_)));
            assert_eq!(scratch.sent(), ["find"]);
            assert!(matches!(store.load(&super::key(), at(1)).await.unwrap(), Loaded::Missing));
            assert_eq!(scratch.sent(), ["find", "find"]);

            let add = patch(|patch| {
                patch.add("n", 2).unwrap();
                patch.set("a", Value::from(1));
            });
            assert!(matches!(store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
            assert_eq!(scratch.sent(), ["findAndModify"]);
            let gone = store.apply(&super::key(), &none, &Guard::Exists, at(1)).await.unwrap();
            assert!(matches!(gone, Applied::Gone));
            assert_eq!(scratch.sent(), ["findAndModify"]);

            // What server it is, is asked once.
            let new = super::key();
            let rotated = store.rotate(&key, &new, &add, &Guard::Exists, at(1)).await.unwrap();
            assert!(matches!(rotated, Rotated::Done { .. }));
            assert_eq!(scratch.sent(), ["hello", "findAndModify", "insert", "commitTransaction"]);
            let (key, new) = (new, super::key());
            store.rotate(&key, &new, &none, &Guard::Exists, at(1)).await.unwrap();
            assert_eq!(scratch.sent(), ["findAndModify", "insert", "commitTransaction"]);

            assert!(store.destroy(&new, at(1)).await.unwrap());
            assert_eq!(scratch.sent(), ["findAndModify"]);
        })
        .await;
    }
}

#[tokio::test]
async fn each_look_up_goes_by_an_index() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session().id_field("sid").user_at("user.id"));
        let key = key();
        for _ in 0..200 {
            express.store.create(&super::key(), &record(), at(0)).await.unwrap();
        }
        express.store.create(&key, &record(), at(0)).await.unwrap();
        let past = doc! { "$lte": super::date(-9_000) };
        for filter in [
            doc! { "sid": key.plain(), "$expr": { "$eq": ["$dead", true] } },
            doc! { "cloakroom.p": 1, "$expr": { "$eq": ["$dead", true] } },
            doc! { "session.user.id": { "$in": ["7", 7] }, "$expr": { "$eq": ["$dead", true] } },
            doc! { "$or": [{ "expires": past.clone() }, { "cloakroom.abs": past }] },
        ] {
            let find = doc! { "find": "sessions", "filter": &filter };
            let plan = doc! { "explain": find, "verbosity": "queryPlanner" };
            let plan = scratch.database.run_command(plan).await.unwrap();
            let plan = plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap().to_string();
            assert!(plan.contains("IXSCAN") && !plan.contains("COLLSCAN"), "{filter}: {plan}");
        }
    })
    .await;
}
