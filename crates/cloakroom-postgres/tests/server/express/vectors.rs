//! What the real package has written, and that this store writes the same.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Lifetime, Record};
use cloakroom::store::{Created, Loaded, Store};
use cloakroom_postgres::{ExpressLayout, PostgresStore};
use serde_json::Value as Json;

use super::{express, quoted};
use crate::scratch::{key, scratch, url_with};

#[tokio::test]
async fn what_the_package_has_written_is_read_and_written_alike() {
    scratch(|scratch| async move {
        let all: Json = serde_json::from_str(include_str!("../../vectors/connect-pg-simple.json")).unwrap();
        let now = Timestamp::from_millis(all["now"].as_i64().unwrap());
        let cases = all["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 15);
        express(&scratch, ExpressLayout::connect_pg_simple()).await;
        for case in cases {
            let text = |name: &str| case[name].as_str().unwrap();
            let (label, zone) = (text("label"), text("zone"));
            let mut layout = ExpressLayout::connect_pg_simple();
            if let Some(ttl) = case["ttl"].as_u64() {
                layout = layout.ttl(Duration::from_secs(ttl));
            }
            let url = url_with(&format!("options=-c%20TimeZone%3D{zone}"));
            let store = PostgresStore::connect(&url).await.unwrap().with_schema(&scratch.schema).with_layout(layout);
            let (theirs, ours) = (key(), key());
            let columns = [theirs.plain(), text("sess"), text("expire")].map(quoted).join(", ");
            scratch.run(&format!("INSERT INTO session VALUES ({columns})")).await;

            let Loaded::Found(found) = store.load(&theirs, now).await.unwrap() else { panic!("{label}") };
            let record: Record = found.record;
            let max_age = serde_json::from_str::<Json>(text("sess")).unwrap()["cookie"]["originalMaxAge"].as_u64();
            let idle = max_age.map(Duration::from_millis);
            assert_eq!(record.lifetime, Lifetime { idle, persistent: idle.map(|_| true) }, "{label}");
            assert_eq!((record.created, record.seen), (now, now), "{label}");
            assert_eq!(Some(record.idle_end.as_millis() as f64), case["means"].as_f64(), "{label} in {zone}");

            // To the millisecond, as Express has it in mind while it writes.
            let mut record = record;
            if let Some(idle) = idle {
                record.idle_end = now + idle;
            }
            assert!(matches!(store.create(&ours, &record, now).await.unwrap(), Created::Done { .. }));
            let row = scratch
                .rows(&format!(
                    "SELECT to_char(expire, 'YYYY-MM-DD HH24:MI:SS.US'), sess FROM session WHERE sid = {}",
                    quoted(ours.plain())
                ))
                .await;
            let (expire, sess) = row[0].split_once('|').unwrap();
            assert_eq!(expire, text("expire"), "{label} in {zone}");
            // Keys have an order of their own here: the cookie, which stands in front, is the same to the byte.
            let cookie = |text: &str| text.split_once('}').unwrap().0.to_owned();
            assert_eq!(cookie(sess), cookie(text("sess")), "{label}");
            let parsed = |text: &str| serde_json::from_str::<Json>(text).unwrap();
            assert_eq!(parsed(sess), parsed(text("sess")), "{label}");
        }
    })
    .await;
}
