//! The directory, by its indexes.

use cloakroom::UserId;
use cloakroom::record::Handle;
use cloakroom::store::Store;

use crate::scratch::{at, record, scratch};

#[tokio::test]
async fn handles_from_anywhere_find_nothing_and_break_nothing() {
    scratch(|scratch| async move {
        let mut record = record();
        record.user = UserId::new("ada").ok();
        let (key, _) = scratch.created(&record).await;
        let handle = scratch.found(&key, at(1)).await.unwrap().handle;
        let (directory, ada) = (scratch.store.directory().unwrap(), UserId::new("ada").unwrap());
        for text in ["", "x\0", "'; DROP TABLE cloakroom_sessions; --", &handle.as_str().to_uppercase()] {
            let foreign = Handle::new(text);
            assert!(!directory.revoke(&ada, &foreign, at(1)).await.unwrap());
            assert_eq!(directory.page(Some(&foreign), 10, at(1)).await.unwrap(), []);
        }
        assert!(!directory.revoke(&UserId::new("eve").unwrap(), &handle, at(1)).await.unwrap());
        assert_eq!(directory.revoke_all(&ada, Some(&handle), at(1)).await.unwrap(), 0);
        assert!(directory.revoke(&ada, &handle, at(1)).await.unwrap());
        assert_eq!(directory.count(&ada, at(1)).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn lists_counts_and_pages_use_an_index() {
    scratch(|scratch| async move {
        scratch.store.ensure_table().await.unwrap();
        scratch.run(
            "INSERT INTO cloakroom_sessions (handle, key, user_id, created_at, seen_at, idle_end, absolute_end, version, \
             metadata, data) SELECT gen_random_uuid(), decode(md5(n::text), 'hex'), 'user' || n % 1000, 0, 0, \
             9000000000000, 9000000000000, 1, '{}', '{}' FROM generate_series(1, 20000) AS n; ANALYZE cloakroom_sessions",
        )
        .await;
        let live = "idle_end > 1 AND absolute_end > 1";
        for query in [
            format!("SELECT data FROM cloakroom_sessions WHERE key = '\\x00' AND {live}"),
            format!("SELECT data FROM cloakroom_sessions WHERE user_id = 'user7' AND {live}"),
            format!("SELECT data FROM cloakroom_sessions WHERE previous_key = '\\x00' AND {live}"),
            format!("SELECT data FROM cloakroom_sessions WHERE handle > gen_random_uuid() AND {live} ORDER BY handle LIMIT 9"),
            format!("SELECT data FROM cloakroom_sessions WHERE garbage_from <= 7 AND NOT ({live}) ORDER BY garbage_from LIMIT 9"),
        ] {
            let plan = scratch.rows(&format!("EXPLAIN {query}")).await.join("\n");
            assert!(plan.contains("Index") && !plan.contains("Seq Scan"), "{query}\n{plan}");
        }
    })
    .await;
}
