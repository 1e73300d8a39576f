//! `expire` has no time zone: what it means is what the package's connections take it for.

use cloakroom::Timestamp;
use cloakroom::record::{Expiry, Record};
use cloakroom::store::{Created, Loaded, Store};
use cloakroom_postgres::{ExpressLayout, PostgresStore};

use super::{COOKIE, express};
use crate::scratch::{at, key, patch, record, scratch, url_with};

#[tokio::test]
async fn both_mean_the_same_by_an_end_in_any_time_zone() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        for zone in ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati"] {
            // The package's connections have this zone; ours have it too, or are told.
            scratch.run(&format!("SET TimeZone = '{zone}'")).await;
            let url = url_with(&format!("options=-c%20TimeZone%3D{zone}%20-c%20DateStyle%3DSQL"));
            let same = PostgresStore::connect(&url).await.unwrap().with_schema(&scratch.schema);
            let other = scratch.store.clone();
            let layout = ExpressLayout::connect_pg_simple();
            for store in [same.with_layout(layout.clone()), other.with_layout(layout.time_zone(zone))] {
                let theirs = express.begun(&format!(r#"{{"cookie":{COOKIE}}}"#)).await;
                assert!(matches!(store.load(&theirs, at(89)).await.unwrap(), Loaded::Found(_)), "{zone}");
                assert!(matches!(store.load(&theirs, at(92)).await.unwrap(), Loaded::Missing), "{zone}");
                let (ours, record) = (key(), record());
                assert!(matches!(store.create(&ours, &record, at(0)).await.unwrap(), Created::Done { .. }));
                assert!(express.get(&ours, at(98)).await.is_some(), "{zone}");
                assert!(express.get(&ours, at(102)).await.is_none(), "{zone}");
                let touch = patch(|patch| patch.expiry = Expiry::Exactly(at(200)));
                store.apply(&ours, &touch, &cloakroom::store::Guard::Exists, at(1)).await.unwrap();
                assert!(express.get(&ours, at(198)).await.is_some(), "{zone}");
                assert!(express.get(&ours, at(202)).await.is_none(), "{zone}");
                // Expired sessions of either are swept, and no others.
                assert_eq!(store.sweep(100, at(80)).await.unwrap(), 0);
                assert_eq!(store.sweep(100, at(92)).await.unwrap(), 1);
                assert_eq!(store.sweep(100, at(201)).await.unwrap(), 1);
            }
        }
    })
    .await;
}

/// In the hour that comes twice in autumn, a time of day means two times. What this store has written it still knows.
#[tokio::test]
async fn the_hour_that_comes_twice_ends_no_session_of_ours_early() {
    scratch(|scratch| async move {
        express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let url = url_with("options=-c%20TimeZone%3DAmerica/New_York");
        let store = PostgresStore::connect(&url).await.unwrap().with_schema(&scratch.schema);
        let store = store.with_layout(ExpressLayout::connect_pg_simple());
        // 2030-11-03 05:30 and 06:30 UTC are both half past one there.
        for end in [1_919_914_200_000, 1_919_917_800_000] {
            let (end, key) = (Timestamp::from_millis(end), key());
            let before = |millis: i64| Timestamp::from_millis(end.as_millis() - millis);
            let record = Record::new(before(7_000_000), end, end + std::time::Duration::from_secs(9_000));
            store.create(&key, &record, record.created).await.unwrap();
            assert!(matches!(store.load(&key, before(1)).await.unwrap(), Loaded::Found(_)));
            assert!(matches!(store.load(&key, end).await.unwrap(), Loaded::Missing));
            assert_eq!(store.sweep(9, before(1)).await.unwrap(), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn what_never_ends_is_infinite() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let (key, never) = (key(), Timestamp::from_millis(i64::MAX));
        let record = Record::new(at(0), never, never);
        express.store.create(&key, &record, at(0)).await.unwrap();
        assert_eq!(scratch.rows("SELECT expire FROM session").await, ["infinity"]);
        assert_eq!(express.found(&key, at(9_999_999)).await.unwrap().record, record);
        assert!(express.get(&key, at(9_999_999)).await.is_some());
        scratch.run("UPDATE session SET cloakroom = NULL").await;
        assert_eq!(express.found(&key, at(0)).await.unwrap().record.idle_end, never);
        express
            .done(&key, &patch(|patch| patch.expiry = Expiry::Exactly(Timestamp::from_millis(i64::MIN))), at(0))
            .await;
        assert!(express.found(&key, at(0)).await.is_none());
        assert_eq!(express.store.sweep(9, at(0)).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_time_zone_that_there_is_none_of_is_an_error() {
    scratch(|scratch| async move {
        express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let layout = ExpressLayout::connect_pg_simple().time_zone("Nowhere' OR true --");
        let store = scratch.store.clone().with_layout(layout);
        assert!(store.create(&key(), &record(), at(0)).await.is_err());
        assert_eq!(scratch.rows("SELECT count(*) FROM session").await, ["0"]);
    })
    .await;
}
