//! Beside the package: by its own statements, and what of ours it leaves alone.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::UserId;
use cloakroom::record::{Expiry, Lifetime, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, Store};
use cloakroom_postgres::{ExpressLayout, PostgresStore};

use super::{COOKIE, express};
use crate::proxy::Proxy;
use crate::scratch::{at, json, key, patch, record, scratch, text};

#[tokio::test]
async fn what_express_does_not_know_survives_its_writes_and_dies_with_the_session() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let (key, mut record) = (key(), record());
        record.user = UserId::new("ada%\0").ok();
        record.metadata = Arc::new([("agent", text("Lynx")), ("n\0", json("1.0"))].into_iter().collect());
        record.lifetime = Lifetime { idle: Some(Duration::from_secs(5)), persistent: None };
        assert!(matches!(express.store.create(&key, &record, at(0)).await.unwrap(), Created::Done { .. }));
        let before = express.found(&key, at(1)).await.unwrap();
        assert_eq!(before.record, record);

        let theirs = r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"n":2}"#;
        express.set(&key, theirs, at(500)).await;
        let after = express.found(&key, at(1)).await.unwrap();
        assert_ne!(after.token, before.token);
        let record = after.record;
        assert_eq!((record.user, record.metadata), (before.record.user, before.record.metadata));
        assert_eq!((record.created, record.absolute_end, record.lifetime), (at(0), at(1_000), before.record.lifetime));
        assert_eq!(record.data.len(), 1);
        let guarded = Guard::Unchanged(before.token);
        let stale = express.store.apply(&key, &patch(|patch| patch.unset("n")), &guarded, at(1)).await.unwrap();
        assert!(matches!(stale, Applied::Conflict));

        // Ended and begun anew by Express, it is another session.
        scratch.run("DELETE FROM session").await;
        assert!(matches!(express.apply(&key, &patch(|patch| patch.unset("n")), at(1)).await, Applied::Gone));
        express.set(&key, theirs, at(500)).await;
        assert_eq!(express.found(&key, at(1)).await.unwrap().record.user, None);
    })
    .await;
}

#[tokio::test]
async fn a_touch_of_either_is_seen_by_the_other() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let key = express.begun(&format!(r#"{{"cookie":{COOKIE},"n":1}}"#)).await;
        let found = express.found(&key, at(50)).await.unwrap();
        // Express writes whole seconds.
        assert!(found.record.seen >= at(0) && found.record.seen <= at(1), "{:?}", found.record.seen);
        express.done(&key, &patch(|patch| patch.expiry = Expiry::AtLeast(at(300))), at(50)).await;
        assert!(express.get(&key, at(298)).await.is_some());
        assert!(express.get(&key, at(302)).await.is_none());
        let touched = express.found(&key, at(299)).await.unwrap();
        assert_eq!((touched.record.seen, touched.record.idle_end), (at(50), at(300)));
        assert_eq!(touched.token, found.token);
        // As the package's `touch` does.
        let end = at(400).as_millis() / 1_000 + 1;
        scratch.run(&format!("UPDATE session SET expire = to_timestamp({end})")).await;
        let touched = express.found(&key, at(399)).await.unwrap();
        assert!(touched.record.seen >= at(310) && touched.record.seen <= at(311), "{:?}", touched.record.seen);
        assert_eq!(touched.token, found.token);
    })
    .await;
}

#[tokio::test]
async fn a_rotation_leaves_one_row_that_express_finds_by_the_new_id() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let old = express.begun(&format!(r#"{{"cookie":{COOKIE},"n":1}}"#)).await;
        let new = express.rotated(&old, &patch(|patch| patch.user = UserId::new("ada").ok()), at(1)).await;
        assert_eq!(express.get(&old, at(1)).await, None);
        assert_eq!(express.get(&new, at(1)).await.unwrap(), format!(r#"{{"cookie":{COOKIE},"n":1}}"#));
        assert!(matches!(express.store.load(&old, at(10)).await.unwrap(), Loaded::Superseded));
        assert!(matches!(express.store.load(&old, at(11)).await.unwrap(), Loaded::Missing));
        assert_eq!(scratch.rows("SELECT count(*) FROM session").await, ["1"]);
        let other = express.begun(&format!(r#"{{"cookie":{COOKIE}}}"#)).await;
        let taken = express.store.rotate(&new, &other, &patch(|_| {}), &Guard::Exists, at(1)).await.unwrap();
        assert!(matches!(taken, Rotated::Taken));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adds_of_two_processes_lose_none() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let key = express.begun(&format!(r#"{{"cookie":{COOKIE},"n":1}}"#)).await;
        let patience = Duration::from_secs(20);
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let store = PostgresStore::connect(&crate::scratch::url()).await.unwrap().with_schema(&scratch.schema);
            let store = store.with_deadline(patience).with_layout(ExpressLayout::connect_pg_simple());
            for _ in 0..15 {
                let (store, key) = (store.clone(), key.clone());
                tasks.push(tokio::spawn(async move {
                    let add = patch(|patch| patch.add("n", 1).unwrap());
                    assert!(matches!(store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(express.found(&key, at(1)).await.unwrap().record.data.get("n"), Some(&Value::from(31)));
    })
    .await;
}

#[tokio::test]
async fn calls_are_one_question_and_writes_two() {
    scratch(|scratch| async move {
        express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let proxy = Proxy::start().await;
        let store = PostgresStore::connect(&proxy.url()).await.unwrap().with_schema(&scratch.schema);
        let store = store.with_layout(ExpressLayout::connect_pg_simple());
        let mut asked = Vec::new();
        for _ in 0..2 {
            asked.clear();
            let (key, new) = (key(), key());
            proxy.asked();
            store.create(&key, &record(), at(0)).await.unwrap();
            asked.push(proxy.asked());
            assert!(matches!(store.load(&key, at(1)).await.unwrap(), Loaded::Found(_)));
            asked.push(proxy.asked());
            assert!(matches!(store.load(&new, at(1)).await.unwrap(), Loaded::Missing));
            asked.push(proxy.asked());
            let add = patch(|patch| patch.add("n", 1).unwrap());
            assert!(matches!(store.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
            asked.push(proxy.asked());
            assert!(matches!(
                store.rotate(&key, &new, &add, &Guard::Exists, at(1)).await.unwrap(),
                Rotated::Done { .. }
            ));
            asked.push(proxy.asked());
            assert!(matches!(store.load(&key, at(1)).await.unwrap(), Loaded::Superseded));
            asked.push(proxy.asked());
            assert!(store.destroy(&new, at(1)).await.unwrap());
            asked.push(proxy.asked());
            store.sweep(1, at(1)).await.unwrap();
            asked.push(proxy.asked());
        }
        assert_eq!(asked, [1, 1, 1, 2, 2, 1, 1, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_layout_that_disables_touches_makes_none() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple().disable_touch()).await;
        let key = express.begun(&format!(r#"{{"cookie":{COOKIE},"n":1}}"#)).await;
        express.store.ensure_table().await.unwrap();
        let before = express.row(&key).await;
        let touch = patch(|patch| patch.expiry = Expiry::AtLeast(at(300)));
        express.done(&key, &touch, at(1)).await;
        assert_eq!(express.row(&key).await, before);
        let set = patch(|patch| {
            patch.expiry = Expiry::AtLeast(at(300));
            patch.set("n", Value::from(2));
        });
        express.done(&key, &set, at(1)).await;
        assert_eq!(express.found(&key, at(299)).await.unwrap().record.idle_end, at(300));
        assert!(matches!(express.apply(&key, &touch, at(300)).await, Applied::Gone));
    })
    .await;
}
