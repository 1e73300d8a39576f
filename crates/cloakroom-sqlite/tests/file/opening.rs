//! Opening a file: a new one, an old one, and one that is not the store's.

use std::error::Error;
use std::path::Path;

use cloakroom::store::{Store as _, StoreErrorKind};
use cloakroom_sqlite::SqliteStore;

use crate::scratch::{Folder, apply, at, bare, created, eventually, found, key, open, record, scratch, set};

#[tokio::test]
async fn what_was_stored_is_there_when_the_file_is_opened_again() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let (key, _) = created(&store, &record()).await;
    apply(&store, &key, &set("a", 5)).await;
    let before = found(&store, &key, at(1)).await.unwrap();
    store.close().await;
    let after = found(&open(&folder).await, &key, at(1)).await.unwrap();
    assert_eq!((after.record, after.token, after.handle), (before.record, before.token, before.handle));
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owners_alone_and_an_old_one_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = Folder::new();
    let before = mode(folder.path());
    let store = open(&folder).await;
    created(&store, &record()).await;
    for name in ["sessions.db", "sessions.db-wal", "sessions.db-shm"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(folder.path()), before);
    store.close().await;
    std::fs::set_permissions(folder.file(), std::fs::Permissions::from_mode(0o640)).unwrap();
    created(&open(&folder).await, &record()).await;
    assert_eq!(mode(&folder.file()), 0o640);
}

/// To SQLite these names mean something else.
#[tokio::test]
async fn a_path_is_a_path_whatever_it_looks_like() {
    let folder = Folder::new();
    for name in [":memory:", "file:x?mode=memory", "with space é%20#?", "a'b\"c"] {
        let store = SqliteStore::open(folder.path().join(name)).await.unwrap();
        created(&store, &record()).await;
        store.close().await;
        assert!(std::fs::metadata(folder.path().join(name)).unwrap().len() > 4_096, "{name}");
    }
}

#[tokio::test]
async fn threads_and_file_are_given_up_with_the_last_clone() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let clone = store.clone();
    created(&store, &record()).await;
    drop(store);
    created(&clone, &record()).await;
    let log = folder.path().join("sessions.db-wal");
    assert!(log.exists());
    drop(clone);
    // Who closes the file as the last one takes the log with it.
    eventually("the file is closed", || !log.exists()).await;
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_still_done() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let keys: Vec<_> = (0..50).map(|_| key()).collect();
    let creates = keys.iter().cloned().map(|key| {
        let store = store.clone();
        tokio::spawn(async move { store.create(&key, &record(), at(0)).await.map(drop) })
    });
    let creates: Vec<_> = creates.collect();
    tokio::task::yield_now().await;
    store.clone().close().await;
    let mut done = 0;
    for (key, create) in keys.iter().zip(creates) {
        match create.await.unwrap() {
            Ok(()) => {
                done += 1;
                assert!(found(&open(&folder).await, key, at(1)).await.is_some());
            }
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
        }
    }
    assert!(done > 0);
    let error = store.load(&keys[0], at(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let folder = Folder::new();
    open(&folder).await.close().await;
    bare(&folder).pragma_update(None, "user_version", 7).unwrap();
    let error = SqliteStore::open(folder.file()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Other);
    let words = error.source().unwrap().to_string();
    assert!(words.contains("version 7") && words.contains("up to 1"), "{words}");
    let version: i64 = bare(&folder).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 7);
}

#[tokio::test]
async fn another_applications_file_is_refused_and_left_alone() {
    let tables = ["CREATE TABLE user (id)", "PRAGMA user_version = 1", "PRAGMA application_id = 5"];
    for sql in tables {
        let folder = Folder::new();
        bare(&folder).execute_batch(sql).unwrap();
        let before = std::fs::read(folder.file()).unwrap();
        let error = SqliteStore::open(folder.file()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other, "{sql}");
        assert!(error.source().unwrap().to_string().contains("another application's"), "{sql}");
        assert_eq!(std::fs::read(folder.file()).unwrap(), before, "{sql}");
    }
    let folder = Folder::new();
    std::fs::write(folder.file(), "no database at all, but a text that somebody may still need".repeat(100)).unwrap();
    assert_eq!(SqliteStore::open(folder.file()).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn what_can_not_be_opened_is_unavailable() {
    let folder = Folder::new();
    for path in [folder.path().join("no/such/folder/sessions.db"), folder.path().to_owned(), "".into()] {
        let error = SqliteStore::open(&path).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{path:?}: {}", error.source().unwrap());
    }
}

/// Each of them finds the file missing, half made or ready, and all of them work.
#[tokio::test(flavor = "multi_thread")]
async fn many_may_make_one_file_at_once() {
    let scratch = scratch().await;
    let file = scratch.folder.path().join("new.db");
    let opens: Vec<_> = (0..12)
        .map(|_| {
            let builder = SqliteStore::builder(&file).deadline(std::time::Duration::from_secs(60)).readers(1);
            tokio::spawn(async move { builder.open().await })
        })
        .collect();
    let mut stores = Vec::new();
    for open in opens {
        stores.push(open.await.unwrap().unwrap());
    }
    let (key, _) = created(&stores[0], &record()).await;
    for store in &stores {
        assert!(found(store, &key, at(1)).await.is_some());
    }
}
