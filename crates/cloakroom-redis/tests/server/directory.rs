//! The directory: what it keeps, and how it gets rid of what the server has removed.

use cloakroom::UserId;
use cloakroom::store::{Directory, Store};

use crate::scratch::{at, hex, keys, record, scratch};

#[tokio::test]
async fn what_the_server_has_removed_leaves_the_indexes() {
    scratch(|scratch| async move {
        let ada = UserId::new("ada").unwrap();
        let mut record = record();
        record.user = Some(ada.clone());
        let ((gone, _), (kept, _)) = (scratch.created(&record).await, scratch.created(&record).await);
        scratch.ask::<()>("DEL", &format!("s:{}", hex(&gone)), &[]).await;

        assert_eq!(scratch.store.count(&ada, at(1)).await.unwrap(), 1);
        let left: Vec<String> = scratch.ask("ZRANGE", "u:ada", &["0", "-1"]).await;
        assert_eq!(left, [hex(&kept)]);

        let entries = async || {
            let mut entries = 0;
            for shard in "0123456789abcdef".chars() {
                entries += scratch.ask::<usize>("ZCARD", &format!("p:{shard}"), &[]).await;
            }
            entries
        };
        assert_eq!(entries().await, 2);
        assert_eq!(scratch.store.page(None, 10, at(1)).await.unwrap().len(), 1);
        assert_eq!(entries().await, 1);

        scratch.ask::<()>("DEL", &format!("s:{}", hex(&kept)), &[]).await;
        assert_eq!(scratch.store.sweep(10, at(1)).await.unwrap(), 0);
        assert_eq!(entries().await, 0);
    })
    .await;
}

/// Nobody needs to call `sweep`: new sessions tidy up.
#[tokio::test]
async fn new_sessions_tidy_the_index_of_all() {
    scratch(|scratch| async move {
        for _ in 0..400 {
            let (key, _) = scratch.created(&record()).await;
            scratch.ask::<()>("DEL", &format!("s:{}", hex(&key)), &[]).await;
        }
        let begin = std::time::Instant::now();
        loop {
            let mut entries = 0;
            for shard in "0123456789abcdef".chars() {
                entries += scratch.ask::<usize>("ZCARD", &format!("p:{shard}"), &[]).await;
            }
            // Each of six times, a sixteenth of what there was by then.
            if entries < 350 {
                break;
            }
            assert!(begin.elapsed() < std::time::Duration::from_secs(10), "{entries} entries are left");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_index_of_a_user_goes_with_the_last_session() {
    scratch(|scratch| async move {
        let ada = UserId::new("ada").unwrap();
        let mut record = record();
        record.user = Some(ada.clone());
        scratch.created(&record).await;
        let ttl: i64 = scratch.ask("PEXPIRETIME", "u:ada", &[]).await;
        assert!(ttl > at(1_000).as_millis());
        record.absolute_end = at(500);
        scratch.created(&record).await;
        assert_eq!(scratch.ask::<i64>("PEXPIRETIME", "u:ada", &[]).await, ttl);
        record.absolute_end = at(5_000);
        scratch.created(&record).await;
        assert!(scratch.ask::<i64>("PEXPIRETIME", "u:ada", &[]).await > ttl);
        assert_eq!(scratch.store.revoke_all(&ada, None, at(1)).await.unwrap(), 3);
        assert!(keys(&mut scratch.connection.clone(), &scratch.prefix).await.is_empty());
    })
    .await;
}
