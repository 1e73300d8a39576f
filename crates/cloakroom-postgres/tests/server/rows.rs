//! What stands in the table.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::UserId;
use cloakroom::record::{Expiry, Lifetime};
use cloakroom::store::{Applied, Guard, Store, StoreErrorKind};
use cloakroom_postgres::PostgresStore;

use crate::scratch::{at, patch, record, scratch, text, url_with};

#[tokio::test]
async fn the_id_is_nowhere_and_the_rest_can_be_read() {
    scratch(|scratch| async move {
        let mut record = record();
        record.user = UserId::new("ada").ok();
        record.lifetime = Lifetime { idle: Some(Duration::from_millis(1_500)), persistent: Some(true) };
        record.metadata = Arc::new([("agent", text("Lynx"))].into_iter().collect());
        let (key, _) = scratch.created(&record).await;
        let all = scratch.rows("SELECT * FROM cloakroom_sessions").await;
        assert_eq!(all.len(), 1);
        assert!(!all[0].contains(key.plain()));
        let digest: String = key.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        let columns = "encode(key, 'hex'), user_id, created_at, seen_at, idle_end, absolute_end, own_idle, persistent, \
                       version, metadata, data, previous_key, previous_until";
        let [begin, idle, over] = [at(0), at(100), at(1_000)].map(|time| time.as_millis());
        assert_eq!(
            scratch.rows(&format!("SELECT {columns} FROM cloakroom_sessions")).await,
            [format!(
                r#"{digest}|ada|{begin}|{begin}|{idle}|{over}|1500|t|1|{{"agent": "\"Lynx\""}}|{{"n": "1", "word": "\"w\""}}|∅|∅"#
            )]
        );
    })
    .await;
}

#[tokio::test]
async fn times_are_right_whatever_the_servers_time_zone_is() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        let zones = ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati"];
        for (zone, style) in zones.into_iter().zip(["ISO", "German", "SQL", "Postgres"]) {
            let options = format!("options=-c%20TimeZone%3D{zone}%20-c%20DateStyle%3D{style}");
            let store = PostgresStore::connect(&url_with(&options)).await.unwrap().with_schema(&scratch.schema);
            let touch = patch(|patch| patch.expiry = Expiry::Exactly(at(200)));
            assert!(matches!(store.apply(&key, &touch, &Guard::Exists, at(0)).await.unwrap(), Applied::Done(_)));
            let found = scratch.found(&key, at(199)).await.unwrap().record;
            assert_eq!((found.created, found.idle_end, found.absolute_end), (at(0), at(200), at(1_000)), "{zone}");
            assert!(matches!(store.load(&key, at(200)).await.unwrap(), cloakroom::store::Loaded::Missing));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_record_is_corrupt_and_what_nobody_wrote_is_passed_over() {
    scratch(|scratch| async move {
        let (key, _) = scratch.created(&record()).await;
        scratch.run("UPDATE cloakroom_sessions SET data = data || '{\"%\": \"1\", \"mine\": \"2\"}'").await;
        let data = scratch.found(&key, at(1)).await.unwrap().record.data;
        assert_eq!(data.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>(), ["mine", "n", "word"]);
        for data in [r#"{"n": 1}"#, r#"{"n": "x"}"#, "[]"] {
            scratch.run(&format!("UPDATE cloakroom_sessions SET data = '{data}'")).await;
            assert_eq!(scratch.store.load(&key, at(1)).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
        }
    })
    .await;
}

/// What most requests write, if anything, is a touch: the server then writes to no index.
#[tokio::test]
async fn a_touch_writes_to_no_index() {
    scratch(|scratch| async move {
        let store = PostgresStore::connect(&crate::scratch::url()).await.unwrap().with_schema(&scratch.schema);
        let mut record = record();
        // In the middle of a quarter of an hour.
        let quarter = cloakroom::Timestamp::from_millis(at(0).as_millis() / 900_000 * 900_000 + 900_000);
        (record.idle_end, record.absolute_end) = (quarter, at(1_000_000));
        record.user = UserId::new("ada").ok();
        let (key, _) = scratch.created(&record).await;
        for second in 0..10 {
            let touch = patch(|patch| patch.expiry = Expiry::AtLeast(quarter + Duration::from_secs(second)));
            assert!(matches!(store.apply(&key, &touch, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
        }
        // A connection tells what it has done when it ends.
        drop(store);
        let counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables \
                       WHERE schemaname = current_schema() AND n_tup_upd > 0";
        loop {
            let rows = scratch.rows(counted).await;
            if let [row] = &rows[..] {
                assert_eq!(row, "10|10");
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
