//! Whose word counts about the times, when both write them.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Expiry, Lifetime, Value};
use cloakroom::store::Store;
use cloakroom_mongodb::ExpressLayout;
use mongodb::bson::{Bson, doc};

use super::{cookie, date, express, is_null};
use crate::scratch::{at, key, patch, record, scratch};

fn touch(end: Timestamp) -> cloakroom::record::Patch {
    patch(|patch| patch.expiry = Expiry::AtLeast(end))
}

#[tokio::test]
async fn when_express_has_touched_it_the_end_tells_when() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session().ttl(Duration::from_secs(50)));
        let key = key();
        express.store.create(&key, &record(), at(0)).await.unwrap();
        assert_eq!(express.found(&key, at(20)).await.unwrap().record.seen, at(0));

        // No time of the cookie's own: by the store's.
        let moved = |seconds| doc! { "$set": { "expires": date(seconds) } };
        express.documents.update_one(doc! {}, moved(80)).await.unwrap();
        let found = express.found(&key, at(40)).await.unwrap().record;
        assert_eq!((found.seen, found.created, found.idle_end), (at(30), at(0), at(80)));
        // Nobody has seen it later than now.
        assert_eq!(express.found(&key, at(10)).await.unwrap().record.seen, at(10));

        express.done(&key, &touch(at(90)), at(35)).await;
        let found = express.found(&key, at(40)).await.unwrap().record;
        assert_eq!((found.seen, found.created, found.idle_end), (at(35), at(0), at(90)));

        express
            .documents
            .update_one(doc! {}, doc! { "$set": { "session.cookie.originalMaxAge": 30_000 } })
            .await
            .unwrap();
        express.documents.update_one(doc! {}, moved(100)).await.unwrap();
        assert_eq!(express.found(&key, at(80)).await.unwrap().record.seen, at(70));
    })
    .await;
}

#[tokio::test]
async fn a_session_of_express_began_when_it_was_first_seen_here() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongo_object());
        let key = express.begun(doc! {}).await;
        let found = express.found(&key, at(5)).await.unwrap().record;
        assert_eq!((found.created, found.seen), (at(0), at(0)));
        for second in [6, 7] {
            express.done(&key, &touch(at(100 + second)), at(second)).await;
            let found = express.found(&key, at(second)).await.unwrap().record;
            assert_eq!((found.created, found.seen, found.idle_end), (at(0), at(second), at(100 + second)));
        }
        assert_eq!(cookie(&express.document(&key).await).get_datetime("expires"), Ok(&date(107)));

        let known = express.begun(doc! {}).await;
        let theirs = doc! { "$set": { "createdAt": date(-50) } };
        express.documents.update_one(doc! { "_id": known.plain() }, theirs).await.unwrap();
        assert_eq!(express.found(&known, at(5)).await.unwrap().record.created, at(-50));
        express.done(&known, &touch(at(200)), at(5)).await;
        assert_eq!(express.found(&known, at(5)).await.unwrap().record.created, at(-50));
    })
    .await;
}

#[tokio::test]
async fn a_lifetime_counts_until_express_writes_another() {
    let seconds = Duration::from_secs;
    for (lifetime, max_age) in [
        (Lifetime { idle: Some(seconds(60)), persistent: Some(true) }, Bson::Int32(60_000)),
        (Lifetime { idle: None, persistent: Some(true) }, Bson::Int32(100_000)),
        (Lifetime { idle: Some(seconds(60)), persistent: None }, Bson::Null),
        (Lifetime { idle: Some(seconds(60)), persistent: Some(false) }, Bson::Null),
        (Lifetime { idle: None, persistent: Some(false) }, Bson::Null),
        (Lifetime::default(), Bson::Null),
        (Lifetime { idle: Some(seconds(40_000_000_000_000)), persistent: Some(true) }, Bson::Double(8.64e14)),
    ] {
        scratch(move |scratch| async move {
            let express = express(&scratch, ExpressLayout::connect_mongodb_session());
            let (created, patched) = (key(), key());
            let mut record = record();
            express.store.create(&patched, &record, at(0)).await.unwrap();
            record.lifetime = lifetime;
            express.store.create(&created, &record, at(0)).await.unwrap();
            express.done(&patched, &patch(|patch| patch.lifetime = Some(lifetime)), at(1)).await;
            for key in [created, patched] {
                let document = express.document(&key).await;
                assert_eq!(cookie(&document).get("originalMaxAge"), Some(&max_age), "{lifetime:?}");
                assert_eq!(is_null(cookie(&document), "expires"), max_age == Bson::Null, "{lifetime:?}");
                assert_eq!(express.found(&key, at(1)).await.unwrap().record.lifetime, lifetime);
                express.done(&key, &touch(at(200)), at(2)).await;
                assert_eq!(express.found(&key, at(2)).await.unwrap().record.lifetime, lifetime);
                let theirs = doc! { "$set": { "session.cookie.originalMaxAge": 7_000.5 } };
                express.documents.update_one(doc! { "_id": key.plain() }, theirs).await.unwrap();
                let remembered = Lifetime { idle: Some(seconds(7)), persistent: Some(true) };
                assert_eq!(express.found(&key, at(2)).await.unwrap().record.lifetime, remembered);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn what_never_ends_has_no_field_for_it() {
    for layout in [ExpressLayout::connect_mongodb_session(), ExpressLayout::connect_mongo_object()] {
        scratch(|scratch| async move {
            let express = express(&scratch, layout);
            let (key, never) = (key(), Timestamp::from_millis(i64::MAX));
            let mut record = record();
            (record.idle_end, record.absolute_end) = (never, never);
            record.lifetime = Lifetime { idle: None, persistent: Some(true) };
            express.store.create(&key, &record, at(0)).await.unwrap();
            assert!(!express.document(&key).await.contains_key("expires"));
            assert_eq!(express.found(&key, at(1)).await.unwrap().record, record);

            // A touch never shortens.
            express.done(&key, &touch(at(50)), at(1)).await;
            record.seen = at(1);
            assert_eq!(express.found(&key, at(1_000_000)).await.unwrap().record, record);

            express.done(&key, &patch(|patch| patch.expiry = Expiry::Exactly(at(70))), at(2)).await;
            assert!(express.found(&key, at(70)).await.is_none());
            express.done(&key, &touch(never), at(3)).await;
            assert!(!express.document(&key).await.contains_key("expires"));
            let found = express.found(&key, at(1_000_000)).await.unwrap().record;
            assert_eq!((found.seen, found.idle_end), (at(3), never));
            express.done(&key, &patch(|patch| patch.absolute_end = Some(at(9))), at(4)).await;
            assert!(express.found(&key, at(9)).await.is_none());
            assert_eq!(express.store.sweep(10, at(9)).await.unwrap(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn the_fields_of_connect_mongo_are_kept() {
    scratch(|scratch| async move {
        let layout = ExpressLayout::connect_mongo_object().touch_after(Duration::from_secs(60)).timestamps();
        let express = express(&scratch, layout);
        let key = key();
        express.store.create(&key, &record(), at(0)).await.unwrap();
        let document = express.document(&key).await;
        let names: Vec<_> = document.keys().collect();
        assert_eq!(names, ["_id", "createdAt", "expires", "lastModified", "session", "updatedAt", "cloakroom"]);

        let set = patch(|patch| patch.set("a", Value::from(1)));
        for (second, patch) in [(1, set.clone()), (2, touch(at(300)))] {
            express.done(&key, &patch, at(second)).await;
            let document = express.document(&key).await;
            assert_eq!(document.get_datetime("createdAt"), Ok(&date(0)));
            assert_eq!(document.get_datetime("updatedAt"), Ok(&date(second)));
            assert_eq!(document.get_datetime("lastModified"), Ok(&date(second)));
        }

        // A session from before the option has none until it is saved.
        let old = express.begun(doc! {}).await;
        express.done(&old, &touch(at(300)), at(3)).await;
        assert!(!express.document(&old).await.contains_key("lastModified"));
        express.done(&old, &set, at(4)).await;
        assert_eq!(express.document(&old).await.get_datetime("lastModified"), Ok(&date(4)));
        let new = express.rotated(&old, &patch(|_| {}), at(5)).await;
        assert_eq!(express.document(&new).await.get_datetime("lastModified"), Ok(&date(4)));
    })
    .await;
}

#[tokio::test]
async fn metadata_of_any_name_is_kept_beside_the_session() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongodb_session());
        let key = key();
        let mut record = record();
        record.metadata = Arc::new(["$a", "a.b", "\0", ""].map(|key| (key, Value::from(1))).into_iter().collect());
        express.store.create(&key, &record, at(0)).await.unwrap();
        assert_eq!(express.found(&key, at(1)).await.unwrap().record, record);
        assert!(!express.document(&key).await.contains_key("a.b"));
    })
    .await;
}
