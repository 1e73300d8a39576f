//! What connect-redis has written, and what this store makes of it.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::record::{Expiry, Lifetime, Record, Value};
use cloakroom::store::{Created, Guard, Loaded, Store};
use cloakroom::{Timestamp, UserId};
use serde_json::Value as Json;

use super::{express, late, now, text_with};
use crate::scratch::{key, patch, scratch, text};

#[tokio::test]
async fn what_connect_redis_has_written_is_read_and_written_alike() {
    scratch(|scratch| async move {
        let all: Json = serde_json::from_str(include_str!("../../vectors/07-redis-and-memory.json")).unwrap();
        let cases: Vec<&Json> =
            all["cases"].as_array().unwrap().iter().filter(|case| case["type"] == "string").collect();
        assert_eq!(cases.len(), 5);
        for case in cases {
            let (label, theirs) = (case["label"].as_str().unwrap(), case["value"].as_str().unwrap());
            let ttl = case["ttl_s"].as_i64().unwrap();
            let express = express(&scratch, |layout| if ttl < 0 { layout.disable_ttl() } else { layout });
            let key = key();
            express.ask::<()>("SET", &key, &[theirs]).await;
            if ttl >= 0 {
                express.ask::<()>("EXPIRE", &key, &[&(ttl + 100).to_string()]).await;
            }
            let record = express.found(&key, now()).await.unwrap().record;
            let max_age = serde_json::from_str::<Json>(theirs).unwrap()["cookie"]["originalMaxAge"].as_u64();
            let idle = max_age.map(Duration::from_millis);
            assert_eq!(record.lifetime, Lifetime { idle, persistent: idle.map(|_| true) }, "{label}");
            assert_eq!(record.data.get("views"), Some(&Value::from(1)), "{label}");
            assert_eq!(record.data.len(), 2, "{label}");
            let end = if ttl < 0 { i64::MAX } else { express.removal(&key).await };
            assert_eq!(record.idle_end.as_millis(), end, "{label}");

            // Of a change there is the change, and our key behind all others.
            express.done(&key, &patch(|patch| patch.set("views", Value::from(2))), now()).await;
            let after = express.text(&key).await.unwrap();
            let (before_ours, ours) = after.split_once(",\"cloakroom\":").unwrap();
            assert_eq!(format!("{before_ours}}}"), theirs.replace("\"views\":1", "\"views\":2"), "{label}");
            assert!(serde_json::from_str::<Json>(ours.strip_suffix('}').unwrap()).unwrap().is_object(), "{label}");

            // A session of ours with the same in it has the same cookie, but for its end.
            let mut own = Record::new(now(), late(), late());
            (own.lifetime, own.metadata) = (record.lifetime, record.metadata.clone());
            own.data = record.data.clone();
            let new = crate::scratch::key();
            assert!(matches!(express.store.create(&new, &own, now()).await.unwrap(), Created::Done { .. }));
            let cookie = |text: &str| {
                let mut cookie = serde_json::from_str::<Json>(text).unwrap()["cookie"].clone();
                let is_set = cookie["expires"].is_string();
                cookie["expires"] = is_set.into();
                cookie
            };
            assert_eq!(cookie(&express.text(&new).await.unwrap()), cookie(theirs), "{label}");
            let removal = express.removal(&new).await;
            assert_eq!(removal, if ttl < 0 { -1 } else { late().as_millis() }, "{label}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_server_removes_a_session_at_its_end() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout);
        let key = key();
        let at = |seconds: i64| Timestamp::from_millis(now().as_millis() + seconds * 1_000);
        let (idle_end, absolute_end) = (at(100), at(200));
        express.store.create(&key, &Record::new(now(), idle_end, absolute_end), now()).await.unwrap();
        assert_eq!(express.removal(&key).await, idle_end.as_millis());
        // The absolute end ends it for Express as well, until Express prolongs it.
        let touch = patch(|patch| patch.expiry = Expiry::AtLeast(at(300)));
        express.done(&key, &touch, now()).await;
        assert_eq!(express.removal(&key).await, absolute_end.as_millis());
        express.ask::<()>("EXPIRE", &key, &["5000"]).await;
        let found = express.found(&key, at(199)).await.unwrap().record;
        assert_eq!((found.idle_end.as_millis(), found.absolute_end), (express.removal(&key).await, absolute_end));
        assert!(express.found(&key, at(201)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn what_express_touches_was_seen_then() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout.ttl(Duration::from_secs(50)));
        let key = express.begun(&text_with("")).await;
        express.done(&key, &patch(|patch| patch.expiry = Expiry::Exactly(late())), now()).await;
        express.ask::<()>("EXPIRE", &key, &["90"]).await;
        let end = express.removal(&key).await;
        let found = express.found(&key, now()).await.unwrap().record;
        // Its cookie has a hundred seconds.
        assert_eq!((found.idle_end.as_millis(), found.seen.as_millis()), (end, end - 100_000));
        let without = express.begun(r#"{"cookie":{"originalMaxAge":null,"expires":null}}"#).await;
        express.ask::<()>("EXPIRE", &without, &["40"]).await;
        let found = express.found(&without, now()).await.unwrap().record;
        assert_eq!(found.seen.as_millis(), express.removal(&without).await - 50_000);
    })
    .await;
}

#[tokio::test]
async fn what_express_has_no_place_for_goes_through_its_hands_unharmed() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout);
        let mut record = Record::new(now(), late(), Timestamp::from_millis(i64::MAX - 1));
        record.user = UserId::new("ada\0\"").ok();
        record.lifetime = Lifetime { idle: Some(Duration::from_millis(1)), persistent: Some(false) };
        let deep = Value::from_json(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).unwrap();
        let metadata = [("agent", text("curl")), ("__proto__", Value::from(i64::MAX)), ("deep", deep)];
        record.metadata = Arc::new(metadata.into_iter().collect());
        let key = key();
        express.store.create(&key, &record, now()).await.unwrap();
        // Read and written by what rounds numbers, as JavaScript does.
        let text = express.text(&key).await.unwrap();
        let mut session: Json = serde_json::from_str(&text).unwrap();
        session["n"] = 1.into();
        let removal = express.removal(&key).await;
        express.ask::<()>("SET", &key, &[&session.to_string(), "PXAT", &removal.to_string()]).await;
        let found = express.found(&key, now()).await.unwrap().record;
        assert_eq!(found.data.len(), 1);
        record.data = found.data.clone();
        assert_eq!(found, record);
    })
    .await;
}

#[tokio::test]
async fn a_user_stands_where_express_has_it() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout.user_at("passport.user"));
        let key = express.begun(&text_with(r#","passport":{"user":42,"at":1}"#)).await;
        assert_eq!(express.found(&key, now()).await.unwrap().record.user, UserId::new("42").ok());
        let log_in = patch(|patch| patch.user = UserId::new("ada").ok());
        let new = express.rotated(&key, &log_in, now()).await;
        assert!(express.text(&new).await.unwrap().contains(r#""passport":{"user":"ada","at":1}"#));
        assert_eq!(express.found(&new, now()).await.unwrap().record.user, UserId::new("ada").ok());
        assert_eq!(express.text(&key).await, None);
    })
    .await;
}

#[tokio::test]
async fn what_express_could_not_read_is_missing() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout);
        for text in ["", "null", "{}", "{\"cookie\":1}", "no json", r#"{"cookie":{"originalMaxAge":"1"}}"#] {
            let key = express.begun(text).await;
            assert!(matches!(express.store.load(&key, now()).await.unwrap(), Loaded::Missing), "{text}");
            let set = patch(|patch| patch.set("a", Value::from(1)));
            let applied = express.store.apply(&key, &set, &Guard::Exists, now()).await.unwrap();
            assert!(matches!(applied, cloakroom::store::Applied::Gone), "{text}");
            assert_eq!(express.text(&key).await.as_deref(), Some(text));
        }
    })
    .await;
}
