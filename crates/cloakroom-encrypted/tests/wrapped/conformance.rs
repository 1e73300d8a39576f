//! The contract, as the library itself checks it.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::conformance::{self, Outcome};
use cloakroom::store::{MemoryStore, MovingStore, Store};
use cloakroom_encrypted::{DataKeys, EncryptedStore};
use cloakroom_sqlite::{SqliteStore, Synchronous};

use crate::scratch::{key, keys};

#[tokio::test(flavor = "multi_thread")]
async fn over_the_memory_store_all_rules_are_kept_that_it_keeps() {
    let names = async |store: Arc<dyn Store>| {
        let report = conformance::run(store).await;
        assert!(report.failed().is_empty(), "{report}");
        let passed = report.cases.into_iter().filter(|case| case.outcome == Outcome::Passed);
        passed.map(|case| case.name).collect::<Vec<_>>()
    };
    let bare = names(Arc::new(MemoryStore::new())).await;
    let wrapped = names(Arc::new(EncryptedStore::new(MemoryStore::new(), keys(1)))).await;
    assert!(bare.contains(&"parallel_adds_lose_nothing"));
    assert_eq!(wrapped, bare);
}

#[tokio::test]
async fn over_a_shared_store_on_one_thread_and_with_several_keys_the_contract_is_kept() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let keys = DataKeys::from_secrets([[1; 32], [2; 32], [3; 32]]).unwrap();
    conformance::check(EncryptedStore::new(store, keys)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_moving_store_the_contract_is_kept() {
    let moving = MovingStore::new(MemoryStore::new(), MemoryStore::new());
    conformance::check(EncryptedStore::new(moving, keys(1))).await;
}

/// As an application goes from values in plain to encrypted ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_moving_store_from_plain_to_encrypted_keeps_the_contract() {
    let encrypted = EncryptedStore::new(MemoryStore::new(), keys(1));
    conformance::check(MovingStore::new(MemoryStore::new(), encrypted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_sqlite_the_contract_is_kept() {
    let name: String = key().digest()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = std::env::temp_dir().join(format!("cloakroom-encrypted-{name}"));
    std::fs::create_dir(&folder).unwrap();
    // Sums of one session stand in a queue here, so each of them would wait for the disk by itself.
    let sqlite = SqliteStore::builder(folder.join("sessions.db")).synchronous(Synchronous::Normal);
    let sqlite = sqlite.deadline(Duration::from_secs(30)).open().await.unwrap();
    let report = conformance::run(EncryptedStore::new(sqlite.clone(), keys(1))).await;
    sqlite.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(report.failed().is_empty(), "{report}");
}
