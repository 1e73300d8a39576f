//! Whose sessions there are, where Express tells it and where we do.

use cloakroom::UserId;
use cloakroom::record::{Handle, StoreKey};
use cloakroom::store::Store;
use cloakroom_postgres::ExpressLayout;

use super::{COOKIE, express};
use crate::scratch::{at, patch, scratch};

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

#[tokio::test]
async fn the_user_is_what_stands_in_the_text() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple().user_at("passport.user")).await;
        let of = async |rest: &str| express.begun(&format!(r#"{{"cookie":{COOKIE},{rest}}}"#)).await;
        let hers = of(r#""passport":{"user":"a%_\"é"}"#).await;
        let also_hers = of(r#""passport":{"user":"a%_\"é","x":1}"#).await;
        let decoy = of(r#""passport":{"user":"bob"},"friend":"a%_\"é""#).await;
        let number = of(r#""passport":{"user":42},"n":7,"nul":"\u0000""#).await;
        let nobody = of(r#""user":"a%_\"é""#).await;
        let handle = async |key: &StoreKey| express.found(key, at(1)).await.unwrap().handle;
        let directory = express.store.directory().unwrap();
        let listed = async |name: &str| {
            let entries = directory.list(&user(name), at(1)).await.unwrap();
            assert_eq!(directory.count(&user(name), at(1)).await.unwrap(), entries.len() as u64);
            let mut handles: Vec<Handle> = entries.into_iter().map(|entry| entry.handle).collect();
            handles.sort();
            handles
        };
        let mut both = [handle(&hers).await, handle(&also_hers).await];
        both.sort();
        assert_eq!(listed("a%_\"é").await, both);
        assert_eq!(listed("42").await, [handle(&number).await]);
        assert_eq!(listed("7").await, []);
        assert_eq!(listed("bob").await, [handle(&decoy).await]);
        assert_eq!(express.found(&nobody, at(1)).await.unwrap().record.user, None);

        let her = user("a%_\"é");
        assert!(!directory.revoke(&her, &handle(&decoy).await, at(1)).await.unwrap());
        let first = handle(&hers).await;
        assert!(directory.revoke(&her, &first, at(1)).await.unwrap());
        assert!(!directory.revoke(&her, &first, at(1)).await.unwrap());
        assert_eq!(directory.revoke_all(&her, Some(&handle(&also_hers).await), at(1)).await.unwrap(), 0);
        assert_eq!(directory.revoke_all(&her, None, at(1)).await.unwrap(), 1);
        assert_eq!(directory.page(None, 9, at(1)).await.unwrap().len(), 3);
        assert_eq!(directory.page(Some(&Handle::new("x\0")), 9, at(1)).await.unwrap(), []);

        let turned = express.rotated(&number, &patch(|patch| patch.user = Some(user("eve"))), at(1)).await;
        assert_eq!(
            express.get(&turned, at(1)).await.unwrap(),
            format!(r#"{{"cookie":{COOKIE},"passport":{{"user":"eve"}},"n":7,"nul":"\u0000"}}"#)
        );
        assert_eq!(listed("eve").await, [handle(&turned).await]);
    })
    .await;
}

#[tokio::test]
async fn a_user_of_ours_is_found_by_an_index() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_pg_simple()).await;
        express.store.ensure_table().await.unwrap();
        scratch
            .run(
                "INSERT INTO session (sid, sess, expire, cloakroom) SELECT n, '{}', 'infinity', \
                 jsonb_build_object('u', 'user' || n, 'p', n) FROM generate_series(1, 5000) AS n; ANALYZE session",
            )
            .await;
        for query in [
            "SELECT * FROM session WHERE cloakroom ? 'u' AND cloakroom ->> 'u' = 'user7'",
            "SELECT * FROM session WHERE cloakroom ? 'p' AND cloakroom ->> 'p' = '7'",
        ] {
            let plan = scratch.rows(&format!("EXPLAIN {query}")).await.join("\n");
            assert!(plan.contains("Index") && !plan.contains("Seq Scan"), "{query}\n{plan}");
        }
    })
    .await;
}
