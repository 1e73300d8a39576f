//! What stands in the database after a write, and what a write leaves as it was.

use cloakroom::UserId;
use cloakroom::record::{Expiry, Patch, StoreKey, Value};
use cloakroom::store::{Applied, Created, Guard, Rotated, Store};
use cloakroom_mongodb::ExpressLayout;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocumentBuf, Regex, Timestamp, doc, oid::ObjectId};

use super::{Express, cookie, date, express, is_null, session, written_by_express};
use crate::scratch::{at, key, patch, record, scratch, text};

fn layouts() -> [ExpressLayout; 3] {
    let object = ExpressLayout::connect_mongo_object;
    [ExpressLayout::connect_mongodb_session(), object(), object().tombstones()]
}

/// Types and names that no key or value of this library has.
fn foreign() -> Document {
    doc! {
        "when": date(0),
        "price": "1.50".parse::<mongodb::bson::Decimal128>().unwrap(),
        "bytes": Binary { subtype: BinarySubtype::Uuid, bytes: vec![7; 16] },
        "pattern": Regex { pattern: "^a".to_owned(), options: "i".to_owned() },
        "stamp": Timestamp { time: 1, increment: 2 },
        "least": Bson::MinKey,
        "nothing": Bson::Undefined,
        "one": 1.0,
        "long": 5_i64,
        "$where": { "a.b": [1, { "$set": 2 }], "": f64::NAN },
        "a.b": "dotted",
        "": ObjectId::new(),
    }
}

/// The fields of a document and its session as bytes, in their order, but for those that a write may change.
fn untouched(document: &RawDocumentBuf) -> Vec<(String, Vec<u8>)> {
    let bytes = |name: &str, value| {
        let mut one = RawDocumentBuf::new();
        one.append_ref(name, value);
        (name.to_owned(), one.into_bytes())
    };
    let top = document.iter().map(Result::unwrap);
    let top = top.filter(|(name, _)| !["_id", "expires", "session", "cloakroom"].contains(name));
    let session = document.get_document("session").unwrap().iter().map(Result::unwrap);
    let session = session.filter(|(name, _)| !["cookie", "n", "m", "gone", "new"].contains(name));
    top.chain(session).map(|(name, value)| bytes(name, value)).collect()
}

#[tokio::test]
async fn what_is_not_touched_stays_byte_for_byte() {
    for layout in layouts() {
        scratch(|scratch| async move {
            let express = express(&scratch, layout);
            let mut key = key();
            let mut data = doc! { "gone": 1, "n": 1 };
            data.extend(foreign());
            let mut document = written_by_express(&key, data);
            document.extend(doc! { "userId": "u1", "v": 3_i64, "list": [1, 2.0, Bson::MaxKey] });
            express.insert(&document).await;
            let before = untouched(&express.raw(&key).await.unwrap());
            assert_eq!(before.len(), 15);

            let touch = patch(|patch| patch.expiry = Expiry::AtLeast(at(200)));
            let writes: [Patch; 5] = [
                patch(|patch| patch.set("new", text("x"))),
                patch(|patch| patch.unset("gone")),
                patch(|patch| patch.add("n", 2).unwrap()),
                touch.clone(),
                patch(|patch| {
                    patch.set("m", Value::from(1));
                    patch.unset("new");
                    patch.set_metadata("agent", text("curl"));
                    patch.user = UserId::new("ada").ok();
                }),
            ];
            for write in &writes {
                express.done(&key, write, at(1)).await;
                assert_eq!(untouched(&express.raw(&key).await.unwrap()), before, "{write:?}");
            }
            for write in [patch(|_| {}), writes[0].clone(), touch] {
                let old = key;
                key = express.rotated(&old, &write, at(2)).await;
                assert_eq!(untouched(&express.raw(&key).await.unwrap()), before, "{write:?}");
            }
            let after = express.document(&key).await;
            assert_eq!(after.keys().next().unwrap(), "_id");
            assert_eq!(session(&after).get("n"), Some(&Bson::Int32(3)));
            // What remained keeps its place, too.
            let names: Vec<_> = session(&after).keys().take(3).collect();
            assert_eq!(names, ["cookie", "n", "when"]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_session_is_as_express_would_have_made_it() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session());
        let key = key();
        assert!(matches!(express.store.create(&key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
        let mut document = express.document(&key).await;
        assert!(matches!(document.remove("cloakroom"), Some(Bson::Document(_))));
        let expected = doc! {
            "_id": key.plain(),
            "expires": date(100),
            "session": {
                "cookie": {
                    "originalMaxAge": null, "partitioned": null, "priority": null, "expires": null, "secure": null,
                    "httpOnly": true, "domain": null, "path": "/", "sameSite": null,
                },
                "n": 1_i32,
                "word": "w",
            },
        };
        assert_eq!(document, expected);
    })
    .await;
}

#[tokio::test]
async fn integers_are_counted_in_the_types_of_javascript() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session());
        for (before, by, after) in [
            (Some(Bson::Int32(i32::MAX)), 1, Bson::Double(2_147_483_648.0)),
            (Some(Bson::Double(2_147_483_648.0)), -1, Bson::Int32(i32::MAX)),
            (Some(Bson::Int64(3)), 4, Bson::Int32(7)),
            (Some(Bson::Double(9_007_199_254_740_991.0)), 1, Bson::Int64(1 << 53)),
            (Some(Bson::Int64(-(1 << 53))), 1, Bson::Double(-9_007_199_254_740_991.0)),
            (Some(Bson::Int64(i64::MAX - 1)), 1, Bson::Int64(i64::MAX)),
            (None, i64::MIN, Bson::Int64(i64::MIN)),
        ] {
            let key = express.begun(before.iter().map(|number| ("$n.".to_owned(), number.clone())).collect()).await;
            match express.apply(&key, &patch(|patch| patch.add("$n.", by).unwrap()), at(1)).await {
                Applied::Done(written) => {
                    let told = written.numbers[0].1;
                    let found = express.found(&key, at(1)).await.unwrap().record;
                    assert_eq!(found.data.get("$n."), Some(&Value::from(told)));
                }
                other => panic!("{before:?}: {other:?}"),
            }
            assert_eq!(session(&express.document(&key).await).get("$n."), Some(&after), "{before:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_integer_takes_no_sum_and_nothing_is_changed() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session());
        let values: [Bson; 13] = [
            1.0.into(),
            (-0.0).into(),
            4_294_967_296.5.into(),
            9_007_199_254_740_992.0.into(),
            f64::NAN.into(),
            f64::INFINITY.into(),
            "1".into(),
            Bson::Null,
            vec![Bson::Int32(1)].into(),
            doc! { "a": 1 }.into(),
            i64::MAX.into(),
            date(0).into(),
            "2".parse::<mongodb::bson::Decimal128>().unwrap().into(),
        ];
        let add = patch(|patch| {
            patch.add("n", 1).unwrap();
            patch.set("other", Value::from(1));
        });
        for value in values {
            let key = express.begun(doc! { "n": &value }).await;
            let before = express.raw(&key).await.unwrap();
            assert!(matches!(express.apply(&key, &add, at(1)).await, Applied::WrongType), "{value:?}");
            let rotated = express.store.rotate(&key, &super::key(), &add, &Guard::Exists, at(1)).await.unwrap();
            assert!(matches!(rotated, Rotated::WrongType), "{value:?}");
            assert_eq!(express.raw(&key).await.unwrap().as_bytes(), before.as_bytes());
        }
    })
    .await;
}

async fn guarded(express: &Express, key: &StoreKey, guard: &Guard) -> Applied {
    express.store.apply(key, &patch(|patch| patch.set("ours", Value::from(1))), guard, at(1)).await.unwrap()
}

#[tokio::test]
async fn a_guard_sees_what_express_writes_but_not_that_it_touches() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongo_object());
        let mut data = doc! { "n": 1 };
        data.extend(foreign());
        for (change, is_seen) in [
            (doc! { "$set": { "expires": date(500) } }, false),
            (doc! { "$set": { "elsewhere": 1 } }, false),
            (doc! { "$set": { "session.cookie.expires": date(500) } }, false),
            (doc! { "$set": { "session.n": 2 } }, true),
            (doc! { "$set": { "session.more": 2 } }, true),
            (doc! { "$unset": { "session.n": 1 } }, true),
            (doc! { "$set": { "session.cookie.originalMaxAge": 5_000 } }, true),
        ] {
            let key = express.begun(data.clone()).await;
            let guard = Guard::Unchanged(express.found(&key, at(1)).await.unwrap().token);
            express.documents.update_one(doc! { "_id": key.plain() }, change.clone()).await.unwrap();
            let applied = guarded(&express, &key, &guard).await;
            assert_eq!(matches!(applied, Applied::Conflict), is_seen, "{change}: {applied:?}");
            assert_eq!(matches!(applied, Applied::Done(_)), !is_seen, "{change}: {applied:?}");
        }
    })
    .await;
}

/// To and fro by this store is a change, although the session is the same again.
#[tokio::test]
async fn a_guard_sees_what_was_changed_and_changed_back() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session());
        let key = express.begun(doc! { "n": 1 }).await;
        let guard = Guard::Unchanged(express.found(&key, at(1)).await.unwrap().token);
        for n in [2, 1] {
            express.done(&key, &patch(|patch| patch.set("n", Value::from(n))), at(1)).await;
        }
        assert!(matches!(guarded(&express, &key, &guard).await, Applied::Conflict));
    })
    .await;
}

#[tokio::test]
async fn the_cookie_is_metadata() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session());
        let key = key();
        let mut record = record();
        let given = Value::from_json(r#"{"sameSite":"lax","path":"/app","more":{"a.b":1}}"#).unwrap();
        record.metadata = std::sync::Arc::new([("cookie", given.clone())].into_iter().collect());
        express.store.create(&key, &record, at(0)).await.unwrap();
        let document = express.document(&key).await;
        assert_eq!(cookie(&document).get_str("sameSite").unwrap(), "lax");
        assert!(is_null(cookie(&document), "httpOnly"));
        assert_eq!(cookie(&document).keys().last().unwrap(), "more");
        let found = express.found(&key, at(1)).await.unwrap().record;
        let read: serde_json::Value = found.metadata.get("cookie").unwrap().deserialize().unwrap();
        assert_eq!(read, given.deserialize::<serde_json::Value>().unwrap());

        // The patch that sets it leaves the times; without it the defaults are back.
        express.done(&key, &patch(|patch| patch.unset_metadata("cookie")), at(1)).await;
        let document = express.document(&key).await;
        assert_eq!(cookie(&document).get_bool("httpOnly"), Ok(true));
        assert_eq!(cookie(&document).len(), 9);
        assert!(express.found(&key, at(1)).await.unwrap().record.metadata.is_empty());
        let secure = Value::from_json(r#"{"secure":true,"originalMaxAge":"no","expires":7}"#).unwrap();
        express.done(&key, &patch(|patch| patch.set_metadata("cookie", secure)), at(1)).await;
        let document = express.document(&key).await;
        assert_eq!(cookie(&document).get_bool("secure"), Ok(true));
        assert!(is_null(cookie(&document), "originalMaxAge") && is_null(cookie(&document), "expires"));

        let refused = patch(|patch| patch.set_metadata("cookie", Value::from(1)));
        assert!(express.store.apply(&key, &refused, &Guard::Exists, at(1)).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_layout_that_no_document_can_have_is_an_error() {
    scratch(|scratch| async move {
        let store = express(&scratch, ExpressLayout::connect_mongodb_session().id_field("a.b")).store;
        assert!(store.ensure_indexes().await.is_err());
        assert!(store.load(&key(), at(0)).await.is_err());
        assert!(store.create(&key(), &record(), at(0)).await.is_err());
    })
    .await;
}
