//! What has ended leaves, and the file does not grow for ever.

use std::sync::Arc;

use cloakroom::record::Record;
use cloakroom::store::{Store as _, StoreErrorKind};
use cloakroom_sqlite::SqliteStore;

use crate::scratch::{Folder, at, bare, created, found, key, open, record, scratch, text};

fn count(folder: &Folder) -> i64 {
    bare(folder).query_row("SELECT count(*) FROM session", [], |row| row.get(0)).unwrap()
}

/// A session of some size that is over after so many seconds.
fn large(end: i64) -> Record {
    let mut record = record();
    record.idle_end = at(end);
    record.data = Arc::new([("text", text(&"x".repeat(20_000)))].into_iter().collect());
    record
}

#[tokio::test]
async fn a_sweep_takes_the_expired_and_no_more_than_asked() {
    let scratch = scratch().await;
    let (live, _) = created(&*scratch, &record()).await;
    for (idle, absolute) in [(5, 1_000), (5, 5), (1_000, 5), (6, 1_000)] {
        let mut record = record();
        (record.idle_end, record.absolute_end) = (at(idle), at(absolute));
        created(&*scratch, &record).await;
    }
    assert_eq!(scratch.sweep(10, at(4)).await.unwrap(), 0);
    assert_eq!(scratch.sweep(0, at(50)).await.unwrap(), 0);
    assert_eq!(scratch.sweep(3, at(50)).await.unwrap(), 3);
    assert_eq!(scratch.sweep(usize::MAX, at(50)).await.unwrap(), 1);
    assert!(found(&*scratch, &live, at(50)).await.is_some());
    assert_eq!(count(&scratch.folder), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_sweep_takes_all_in_small_steps() {
    let scratch = scratch().await;
    let creates: Vec<_> = (0..1_000)
        .map(|_| {
            let store = scratch.store.clone();
            tokio::spawn(async move { created(&store, &record()).await })
        })
        .collect();
    for create in creates {
        create.await.unwrap();
    }
    assert_eq!(scratch.sweep(999, at(100)).await.unwrap(), 999);
    assert_eq!(scratch.sweep(999, at(100)).await.unwrap(), 1);
}

#[tokio::test]
async fn what_comes_takes_along_what_ended_a_while_ago_and_no_more() {
    let scratch = scratch().await;
    for _ in 0..6 {
        created(&*scratch, &large(10)).await;
    }
    let create = async |seconds| drop(scratch.create(&key(), &record(), at(seconds)).await.unwrap());
    // A call that was overtaken may still come from a time in which they lived.
    create(69).await;
    assert_eq!(count(&scratch.folder), 7);
    create(70).await;
    assert_eq!(count(&scratch.folder), 6);
    create(70).await;
    create(70).await;
    assert_eq!(count(&scratch.folder), 4);
}

#[tokio::test]
async fn the_file_becomes_smaller_when_most_have_gone() {
    let folder = Folder::new();
    let store = open(&folder).await;
    for _ in 0..100 {
        created(&store, &large(10)).await;
    }
    let (lasting, _) = created(&store, &large(500)).await;
    store.clone().close().await;
    let full = std::fs::metadata(folder.file()).unwrap().len();
    assert!(full > 2_000_000, "{full} bytes");
    let store = open(&folder).await;
    assert_eq!(store.sweep(1_000, at(50)).await.unwrap(), 100);
    while bare(&folder).pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0)).unwrap() > 20 {
        store.sweep(1_000, at(50)).await.unwrap();
    }
    assert!(found(&store, &lasting, at(50)).await.is_some());
    store.close().await;
    let left = std::fs::metadata(folder.file()).unwrap().len();
    assert!(left < full / 10, "{left} bytes of {full}");
    let check: String = bare(&folder).pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn a_full_file_refuses_what_is_new_until_something_has_ended() {
    let folder = Folder::new();
    let store = SqliteStore::builder(folder.file()).max_file_size(400_000).deadline(std::time::Duration::from_secs(30));
    let store = store.open().await.unwrap();
    let mut made = Vec::new();
    let error = loop {
        let key = key();
        match store.create(&key, &large(10), at(0)).await {
            Ok(_) => made.push(key),
            Err(error) => break error,
        }
        assert!(made.len() < 100);
    };
    assert_eq!(error.kind(), StoreErrorKind::Full);
    assert!(made.len() > 5, "{} sessions", made.len());
    // The others are there, and can be read and ended.
    assert!(found(&store, &made[0], at(1)).await.is_some());
    assert!(store.destroy(&made[0], at(1)).await.unwrap());
    created(&store, &large(10)).await;
    assert_eq!(store.create(&key(), &large(10), at(1)).await.unwrap_err().kind(), StoreErrorKind::Full);
    // A new one finds room by itself where others are garbage.
    store.create(&key(), &large(500), at(200)).await.unwrap();
    assert!(std::fs::metadata(folder.file()).unwrap().len() <= 400_000);
}

/// One that does not fit is refused; those that wait with it are not.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_too_large_harms_no_other() {
    let folder = Folder::new();
    let store = SqliteStore::builder(folder.file()).max_file_size(400_000).deadline(std::time::Duration::from_secs(30));
    let store = store.open().await.unwrap();
    let other = bare(&folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let creates: Vec<_> = (0..20)
        .map(|number| {
            let mut record = record();
            if number == 10 {
                record.data = Arc::new([("text", text(&"x".repeat(500_000)))].into_iter().collect());
            }
            let store = store.clone();
            tokio::spawn(async move { store.create(&key(), &record, at(0)).await })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    other.execute_batch("COMMIT").unwrap();
    for (number, create) in creates.into_iter().enumerate() {
        match create.await.unwrap() {
            Ok(_) => assert_ne!(number, 10),
            Err(error) => assert_eq!((number, error.kind()), (10, StoreErrorKind::Full)),
        }
    }
    assert_eq!(count(&folder), 19);
}
