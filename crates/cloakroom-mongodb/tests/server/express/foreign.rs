//! Documents as others have left them: what Express takes for a session is one, and what it drops or fails on is missing.

use std::sync::atomic::Ordering;

use cloakroom::Timestamp;
use cloakroom::record::{StoreKey, Value};
use cloakroom::store::{Applied, Store};
use cloakroom_mongodb::ExpressLayout;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use serde_json::Value as Json;

use super::{Express, express};
use crate::indexes::Warnings;
use crate::scratch::{at, key, patch, scratch};

const VECTORS: &str = include_str!("../../vectors/06-foreign-object-documents.json");

/// When the documents were looked at: their ends are an hour ahead, or just past.
const NOW: Timestamp = Timestamp::from_millis(1_795_391_012_000);

async fn check(express: &Express, key: &StoreKey, case: &Json, warnings: &Warnings) {
    let about = &case["about"];
    let Ok(Bson::Document(mut document)) = Bson::try_from(case["document_before"].clone()) else { panic!("{about}") };
    if document.get("_id") == Some(&Bson::String("abc".to_owned())) {
        document.insert("_id", key.plain());
    }
    express.documents.delete_many(doc! {}).await.unwrap();
    express.insert(&document).await;
    let before = only(express).await;

    warnings.0.store(0, Ordering::SeqCst);
    let found = express.found(key, NOW).await;
    let (loads, fails) = (case["loaded"].as_bool().unwrap(), case["status"] != 200);
    assert_eq!(found.is_some(), loads, "{about}");
    let told = warnings.0.load(Ordering::SeqCst);
    assert!(told == usize::from(fails) || (told == 1 && !loads), "{about}: {told} warnings");

    assert_eq!(only(express).await.as_bytes(), before.as_bytes(), "{about}");
    let set = patch(|patch| patch.set("ours", Value::from(1)));
    let applied = express.apply(key, &set, NOW).await;
    assert_eq!(matches!(applied, Applied::Done(_)), loads, "{about}: {applied:?}");
    assert_eq!(matches!(applied, Applied::Gone), !loads, "{about}: {applied:?}");
    let after = only(express).await;
    assert_eq!(after.as_bytes() == before.as_bytes(), !loads, "{about}");
    if loads {
        let data = express.found(key, NOW).await.unwrap().record.data;
        assert_eq!(data.get("ours"), Some(&Value::from(1)), "{about}");
    }
}

async fn only(express: &Express) -> RawDocumentBuf {
    express.documents.find_one(doc! {}).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_express_loads_is_loaded_and_nothing_else() {
    scratch(|scratch| async move {
        let vectors: Json = serde_json::from_str(VECTORS).unwrap();
        let (warnings, _listening) = Warnings::listen();
        let key = key();
        for case in vectors["cases"].as_array().unwrap() {
            let layout = if case["store"].as_str().unwrap().starts_with("connect-mongo@") {
                ExpressLayout::connect_mongo_object()
            } else {
                ExpressLayout::connect_mongodb_session()
            };
            check(&express(&scratch, layout), &key, case, &warnings).await;
        }
    })
    .await;
}

/// Reading and the filters of writing have two words for the same thing: neither may know what the other does not.
#[tokio::test]
async fn no_odd_document_lets_a_write_through_that_a_load_does_not_see() {
    scratch(|scratch| async move {
        let (ahead, past) = (super::date(100), super::date(-100));
        let cookie = |max_age: Bson| doc! { "session": { "cookie": { "originalMaxAge": max_age } } };
        let odd: Vec<Document> = vec![
            doc! { "session": [{ "cookie": {} }] },
            doc! { "session": { "cookie": [{}] } },
            doc! { "session": { "cookie": "text" } },
            cookie(f64::NAN.into()),
            cookie(f64::INFINITY.into()),
            cookie(9e15.into()),
            cookie(i64::MAX.into()),
            cookie((-5).into()),
            cookie(1.5.into()),
            cookie(Bson::Undefined),
            cookie(true.into()),
            cookie(ahead.into()),
            cookie("1".parse::<mongodb::bson::Decimal128>().unwrap().into()),
            cookie(vec![Bson::Int32(1)].into()),
            doc! { "expires": [ahead] },
            doc! { "expires": Bson::Undefined },
            doc! { "expires": 0 },
            doc! { "expires": false },
            doc! { "expires": mongodb::bson::Timestamp { time: u32::MAX, increment: 0 } },
            doc! { "dead": [true] },
            doc! { "dead": "true" },
            doc! { "cloakroom": "text" },
            doc! { "cloakroom": [] },
            doc! { "cloakroom": { "abs": past } },
            doc! { "cloakroom": { "abs": Bson::Null } },
            doc! { "cloakroom": { "abs": "never" } },
            doc! { "cloakroom": { "v": "text", "s": 5, "c": Bson::Null, "e": ahead, "l": 1, "m": [1], "p": 1, "pt": 1 } },
            doc! { "cloakroom": { "v": 1.5, "l": { "m": 100_000, "i": "x", "r": 1 } } },
        ];
        for layout in [ExpressLayout::connect_mongodb_session(), ExpressLayout::connect_mongo_object()] {
            let express = express(&scratch, layout);
            for change in &odd {
                let key = key();
                let mut document = super::written_by_express(&key, doc! { "n": 1 });
                document.extend(change.clone());
                express.insert(&document).await;
                let lives = express.found(&key, at(1)).await.is_some();
                let write = patch(|patch| {
                    patch.add("m", 1).unwrap();
                    patch.set_metadata("agent", Value::from(1));
                    patch.lifetime = Some(cloakroom::record::Lifetime { idle: None, persistent: Some(true) });
                    patch.expiry = cloakroom::record::Expiry::AtLeast(at(150));
                });
                let applied = express.apply(&key, &write, at(1)).await;
                assert_eq!(matches!(applied, Applied::Done(_)), lives, "{change}: {applied:?}");
                assert_eq!(matches!(applied, Applied::Gone), !lives, "{change}: {applied:?}");
                if lives {
                    let record = express.found(&key, at(1)).await.unwrap().record;
                    assert_eq!(record.metadata.get("agent"), Some(&Value::from(1)), "{change}");
                    assert_eq!(record.data.get("m"), Some(&Value::from(1)), "{change}");
                }
                assert_eq!(express.store.destroy(&key, at(1)).await.unwrap(), lives, "{change}");
                assert!(express.raw(&key).await.is_none());
            }
        }
    })
    .await;
}
