//! Express writes the whole session, at the end of a request, whatever happened meanwhile.

use std::time::Duration;

use cloakroom::record::Value;
use cloakroom::store::{Applied, Guard, Loaded, Store};

use super::{express, now, text_with};
use crate::scratch::{keys, patch, scratch};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_guard_sees_what_express_writes_and_no_touch_of_it() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout);
        let key = express.begun(&text_with(r#","n":1"#)).await;
        let token = express.found(&key, now()).await.unwrap().token;
        express.ask::<()>("EXPIRE", &key, &["5000"]).await;
        let set = patch(|patch| patch.set("a", Value::from(1)));
        let applied = express.store.apply(&key, &set, &Guard::Unchanged(token), now()).await.unwrap();
        let Applied::Done(written) = applied else { panic!("{applied:?}") };
        express.blind_set(&key, &text_with(r#","n":2"#), DAY).await;
        let applied = express.store.apply(&key, &set, &Guard::Unchanged(written.token), now()).await.unwrap();
        assert!(matches!(applied, Applied::Conflict));
    })
    .await;
}

/// It is ended again by the first who looks.
#[tokio::test]
async fn a_session_that_was_ended_here_stays_ended_here() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout);
        let late_write = text_with(r#","late":1"#);
        let destroyed = express.begun(&text_with("")).await;
        assert!(express.store.destroy(&destroyed, now()).await.unwrap());
        express.blind_set(&destroyed, &late_write, DAY).await;
        assert!(matches!(express.store.load(&destroyed, now()).await.unwrap(), Loaded::Missing));
        assert_eq!(express.text(&destroyed).await, None);

        let old = express.begun(&text_with("")).await;
        let new = express.rotated(&old, &patch(|_| {}), now()).await;
        express.blind_set(&old, &late_write, DAY).await;
        let set = patch(|patch| patch.set("a", Value::from(1)));
        assert!(matches!(express.store.apply(&old, &set, &Guard::Exists, now()).await.unwrap(), Applied::Gone));
        assert_eq!(express.text(&old).await, None);
        assert!(matches!(express.store.load(&old, now()).await.unwrap(), Loaded::Superseded));
        assert!(express.found(&new, now()).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_is_left_of_a_session_is_none_of_connect_redis_and_goes() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout);
        let key = express.begun(&text_with("")).await;
        express.store.destroy(&key, now()).await.unwrap();
        let left = keys(&mut scratch.connection.clone(), &scratch.prefix).await;
        let [mark] = left.as_slice() else { panic!("{left:?}") };
        assert!(!mark.starts_with(express.prefix.as_bytes()));
        let ttl: i64 = redis::cmd("PTTL").arg(mark).query_async(&mut scratch.connection.clone()).await.unwrap();
        assert!((1..=3_600_000).contains(&ttl), "{ttl}");
    })
    .await;
}

#[tokio::test]
async fn writes_of_both_at_once_are_never_mixed() {
    scratch(|scratch| async move {
        let express = express(&scratch, |layout| layout);
        let key = express.begun(&text_with(r#","n":0"#)).await;
        let add = patch(|patch| patch.add("n", 1).unwrap());
        let adds = async {
            let mut told = Vec::new();
            for _ in 0..200 {
                match express.store.apply(&key, &add, &Guard::Exists, now()).await.unwrap() {
                    Applied::Done(written) => told.push(written.numbers[0].1),
                    other => panic!("{other:?}"),
                }
            }
            told
        };
        let sets = async {
            for _ in 0..100 {
                express.blind_set(&key, &text_with(r#","n":1000"#), DAY).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let (told, ()) = tokio::join!(adds, sets);
        // Each follows the one before, or what Express wrote.
        assert!(told.windows(2).all(|pair| pair[1] == pair[0] + 1 || pair[1] == 1_001), "{told:?}");
        assert!(told.contains(&1_001));
    })
    .await;
}
