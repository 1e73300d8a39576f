//! The text: what is not touched stays to the byte, and what Express fails on is no session.

use cloakroom::record::{Expiry, Patch, Value};
use cloakroom::store::{Applied, Guard, Loaded, Rotated, Store, StoreErrorKind};
use cloakroom_postgres::ExpressLayout;

use super::{COOKIE, express};
use crate::scratch::{at, json, key, patch, scratch};

#[tokio::test]
async fn what_is_not_touched_keeps_its_text() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let odd = r#""big":1e999,"nul":"\u0000","half":"\ud83d","twice":1,"twice":2,"f":1.50, "é" : "\u00e9""#;
        let key = express.begun(&format!(r#"{{ "cookie":{COOKIE},"n":1,{odd}}}"#)).await;
        express.done(&key, &patch(|patch| patch.add("n", 1).unwrap()), at(1)).await;
        express.done(&key, &patch(|patch| patch.set("new", json(r#"{"\u0000":[-0.0, 1.0]}"#))), at(1)).await;
        let expected = format!(r#"{{"cookie":{COOKIE},"n":2,{odd},"new":{{"\u0000":[-0.0,1.0]}}}}"#);
        assert_eq!(express.get(&key, at(1)).await.unwrap(), expected.replace(", \"é\"", ",\"é\""));
        // A touch leaves even the space.
        let spaced = format!(r#"{{ "cookie" : {COOKIE} , "n" : 1 }}"#);
        let key = express.begun(&spaced).await;
        express.done(&key, &patch(|patch| patch.expiry = Expiry::AtLeast(at(300))), at(1)).await;
        assert_eq!(express.get(&key, at(298)).await.unwrap(), spaced);
        assert!(matches!(
            express.apply(&key, &patch(|patch| patch.add("twice", 1).unwrap()), at(1)).await,
            Applied::Done(_)
        ));
    })
    .await;
}

#[tokio::test]
async fn what_express_fails_on_counts_as_missing_and_stays() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        for text in ["{}", "[]", "1", "null", r#""{}""#, r#"{"cookie":null}"#, r#"{"cookie":{"originalMaxAge":"1"}}"#] {
            let key = express.begun(text).await;
            express.store.ensure_table().await.unwrap();
            let before = express.row(&key).await;
            assert!(matches!(express.store.load(&key, at(1)).await.unwrap(), Loaded::Missing), "{text}");
            for change in
                [patch(|patch| patch.set("a", Value::from(1))), patch(|patch| patch.expiry = Expiry::AtLeast(at(500)))]
            {
                assert!(matches!(express.apply(&key, &change, at(1)).await, Applied::Gone), "{text}");
                let rotated = express.store.rotate(&key, &self::key(), &change, &Guard::Exists, at(1)).await.unwrap();
                assert!(matches!(rotated, Rotated::Gone), "{text}");
            }
            assert_eq!(express.row(&key).await, before);
            assert!(!express.store.destroy(&key, at(1)).await.unwrap());
            assert_eq!(express.row(&key).await, None);
        }
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_something_else_in_express_are_refused() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let key = express.begun(&format!(r#"{{"cookie":{COOKIE}}}"#)).await;
        express.store.ensure_table().await.unwrap();
        let before = express.row(&key).await;
        for name in ["cookie", "id", "__proto__", "save"] {
            let changes: [fn(&mut Patch, &str); 2] =
                [|patch, name| patch.set(name, Value::from(1)), |patch, name| patch.add(name, 1).unwrap()];
            for change in changes {
                let change = patch(|patch| change(patch, name));
                assert!(express.store.apply(&key, &change, &Guard::Exists, at(1)).await.is_err(), "{name}");
            }
        }
        let bogus = patch(|patch| patch.set_metadata("cookie", json(r#"{"sameSite":"bogus"}"#)));
        let error = express.store.apply(&key, &bogus, &Guard::Exists, at(1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        assert_eq!(express.row(&key).await, before);
    })
    .await;
}

#[tokio::test]
async fn the_cookies_attributes_are_metadata() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        let key = express.begun(&format!(r#"{{"cookie":{COOKIE},"n":1}}"#)).await;
        assert!(express.found(&key, at(1)).await.unwrap().record.metadata.is_empty());
        let lax = json(r#"{"httpOnly":true,"path":"/","sameSite":"lax"}"#);
        express.done(&key, &patch(|patch| patch.set_metadata("cookie", lax.clone())), at(1)).await;
        let expected = COOKIE.replace("/\"}", "/\",\"sameSite\":\"lax\"}");
        assert_eq!(express.get(&key, at(1)).await.unwrap(), format!(r#"{{"cookie":{expected},"n":1}}"#));
        assert_eq!(express.found(&key, at(1)).await.unwrap().record.metadata.get("cookie"), Some(&lax));
        express.done(&key, &patch(|patch| patch.unset_metadata("cookie")), at(1)).await;
        assert_eq!(express.get(&key, at(1)).await.unwrap(), format!(r#"{{"cookie":{COOKIE},"n":1}}"#));
    })
    .await;
}
