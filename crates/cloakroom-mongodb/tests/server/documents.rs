//! What stands in the database, as its own shell would show it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::UserId;
use cloakroom::record::{Lifetime, Value};
use cloakroom::store::{Applied, Store, StoreErrorKind};
use mongodb::bson::spec::{BinarySubtype, ElementType};
use mongodb::bson::{Bson, DateTime, doc};

use crate::scratch::{at, patch, record, scratch, text};

#[tokio::test]
async fn each_field_has_its_type() {
    scratch(|scratch| async move {
        let mut record = record();
        record.user = UserId::new("ada").ok();
        record.lifetime = Lifetime { idle: Some(Duration::from_secs(9)), persistent: Some(true) };
        record.metadata = Arc::new([("agent", text("curl"))].into_iter().collect());
        let data = [("n", "1"), ("f", "1.0"), ("a.b", "[{\"$x\":null}]"), ("t", "true")];
        record.data = Arc::new(data.map(|(key, json)| (key, Value::from_json(json).unwrap())).into_iter().collect());
        let (key, _) = scratch.created(&record).await;

        let mut document = scratch.document(&key).await;
        assert_eq!(document.remove("_id").unwrap().element_type(), ElementType::ObjectId);
        let Some(Bson::Binary(k)) = document.remove("k") else { panic!("k is no BinData") };
        assert_eq!((k.subtype, k.bytes.as_slice()), (BinarySubtype::Generic, key.digest().as_slice()));
        let date = |seconds| DateTime::from_millis(at(seconds).as_millis());
        let expected = doc! {
            "d": { "a%2Eb": [{ "%24x": null }], "f": 1.0, "n": 1_i64, "t": true },
            "v": 1_i64, "exp": date(100), "abs": date(1_000), "c": date(0), "s": date(0),
            "u": "ada", "i": 9_000_i64, "r": true, "m": { "agent": "curl" },
        };
        assert_eq!(document, expected);
    })
    .await;
}

#[tokio::test]
async fn a_foreign_type_in_one_key_harms_no_other() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let date = DateTime::from_millis(0);
        let foreign = doc! { "d.when": date, "d.ref": { "$ref": "c", "$id": 1 }, "d.n": 5_i32 };
        scratch.documents().update_one(doc! {}, doc! { "$set": foreign }).await.unwrap();
        let data = scratch.found(&key, at(1)).await.unwrap().record.data;
        assert_eq!(data.get("when"), Some(&text("1970-01-01T00:00:00Z")));
        assert_eq!(data.get("word"), Some(&text("w")));
        let add = patch(|patch| patch.add("n", 1).unwrap());
        assert!(matches!(scratch.apply(&key, &add).await, Applied::Done(_)));
        assert_eq!(scratch.document(&key).await.get_document("d").unwrap().get_datetime("when").unwrap(), &date);
    })
    .await;
}

#[tokio::test]
async fn a_broken_record_is_an_error_that_tells_nothing_of_it() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        scratch.documents().update_one(doc! {}, doc! { "$set": { "d": "hunter2" } }).await.unwrap();
        let error = scratch.store.load(&key, at(1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        let set = patch(|patch| patch.set("a", text("hunter3")));
        let refused = scratch.store.apply(&key, &set, &cloakroom::store::Guard::Exists, at(1)).await.unwrap_err();
        for error in [error, refused] {
            let chain = format!("{error} {error:?} {}", error.source().unwrap());
            assert!(!chain.contains("hunter"), "{chain}");
        }
        assert!(scratch.store.destroy(&key, at(1)).await.unwrap());
    })
    .await;
}

/// Validation errors and duplicate keys are where the server quotes documents.
#[tokio::test]
async fn no_error_quotes_a_key_an_id_or_a_value() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let validator = doc! { "d.secret": { "$exists": false } };
        scratch.database.run_command(doc! { "collMod": "cloakroom", "validator": validator }).await.unwrap();
        let set = patch(|patch| patch.set("secret", text("hunter2")));
        let mut forbidden = record();
        forbidden.data = Arc::new([("secret", text("hunter2"))].into_iter().collect());
        let created = scratch.store.create(&crate::scratch::key(), &forbidden, at(0)).await.unwrap_err();
        let applied = scratch.store.apply(&key, &set, &cloakroom::store::Guard::Exists, at(1)).await.unwrap_err();
        for error in [created, applied] {
            let chain = format!("{error} {error:?} {} {:?}", error.source().unwrap(), error.source());
            assert!(chain.contains("121") && !chain.contains("hunter2") && !chain.contains("secret"), "{chain}");
            assert_eq!(error.kind(), StoreErrorKind::Other);
        }
    })
    .await;
}

#[tokio::test]
async fn each_look_up_goes_by_an_index() {
    scratch(|scratch| async move {
        let mut last = record();
        last.user = UserId::new("ada").ok();
        for _ in 0..200 {
            scratch.created(&last).await;
        }
        let (key, _) = scratch.created(&last).await;
        let document = scratch.document(&key).await;
        let k = document.get("k").unwrap();
        let ends = doc! { "exp": { "$gt": DateTime::now() }, "abs": { "$gt": DateTime::now() } };
        let past = doc! { "$lte": DateTime::now() };
        let queries = [
            ("k_1", doc! { "k": k }),
            ("p_1", doc! { "p": k, "pt": { "$gt": DateTime::now() } }),
            ("u_1_exp_1", doc! { "u": "nobody" }),
        ];
        let explain = |filter: mongodb::bson::Document| {
            let database = scratch.database.clone();
            async move {
                let find = doc! { "find": "cloakroom", "filter": filter };
                let plan = database.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
                plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap().to_string()
            }
        };
        for (index, mut filter) in queries {
            filter.extend(ends.clone());
            let plan = explain(filter).await;
            assert!(plan.contains(&format!("\"{index}\"")) && !plan.contains("COLLSCAN"), "{index}: {plan}");
        }
        let plan = explain(doc! { "$or": [{ "exp": past.clone() }, { "abs": past }] }).await;
        assert!(!plan.contains("COLLSCAN"), "{plan}");
    })
    .await;
}
