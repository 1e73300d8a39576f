//! A file that is locked, moved away, broken or not to be written to; and service again afterwards.

use std::error::Error;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cloakroom::record::StoreKey;
use cloakroom::store::{Guard, Store as _, StoreError, StoreErrorKind};
use cloakroom_sqlite::SqliteStore;

use crate::scratch::{Folder, apply, at, bare, created, found, key, open, record, scratch, set};

/// What each way to write says.
async fn writes(store: &SqliteStore, one: &StoreKey) -> Vec<StoreError> {
    vec![
        store.create(&key(), &record(), at(0)).await.map(drop).unwrap_err(),
        store.apply(one, &set("a", 1), &Guard::Exists, at(1)).await.map(drop).unwrap_err(),
        store.rotate(one, &key(), &set("a", 1), &Guard::Exists, at(1)).await.map(drop).unwrap_err(),
        store.destroy(one, at(1)).await.map(drop).unwrap_err(),
        store.sweep(10, at(1)).await.map(drop).unwrap_err(),
    ]
}

fn all_unavailable(errors: Vec<StoreError>, word: &str) {
    for error in errors {
        let words = error.source().unwrap().to_string();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{words}");
        assert!(words.contains(word), "{words}");
    }
}

#[tokio::test]
async fn a_locked_file_is_unavailable_in_time_and_can_be_read_meanwhile() {
    let scratch = scratch().await;
    let (key, _) = created(&*scratch, &record()).await;
    let other = bare(&scratch.folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let hasty = scratch.store.clone().with_deadline(Duration::from_millis(200));
    let begin = Instant::now();
    let errors = writes(&hasty, &key).await;
    assert!(begin.elapsed() < Duration::from_secs(5 * 2), "{:?}", begin.elapsed());
    // Not one of unknown outcome: none of them was begun.
    all_unavailable(errors, "locked");
    assert!(found(&hasty, &key, at(1)).await.is_some());
    other.execute_batch("COMMIT").unwrap();
    apply(&*scratch, &key, &set("a", 1)).await;
    assert!(found(&*scratch, &key, at(1)).await.unwrap().record.data.get("a").is_some());
}

#[tokio::test]
async fn a_file_that_is_locked_while_it_is_opened_is_waited_for() {
    let folder = Folder::new();
    open(&folder).await.close().await;
    let other = bare(&folder);
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let builder = SqliteStore::builder(folder.file());
    let error = builder.clone().deadline(Duration::from_millis(200)).open().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.source().unwrap());
    let opened = tokio::spawn(builder.deadline(Duration::from_secs(30)).open());
    tokio::time::sleep(Duration::from_millis(50)).await;
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    created(&opened.await.unwrap().unwrap(), &record()).await;
}

fn names(folder: &Folder) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", folder.file().display())))
}

fn move_all(folder: &Folder, to: &Path) {
    for name in names(folder).iter().filter(|name| name.exists()) {
        std::fs::rename(name, to.join(name.file_name().unwrap())).unwrap();
    }
}

/// An empty file in its place would log everybody out.
#[tokio::test]
async fn a_file_that_is_gone_is_an_error_and_no_empty_store() {
    let scratch = scratch().await;
    let (key, _) = created(&*scratch, &record()).await;
    let elsewhere = scratch.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    move_all(&scratch.folder, &elsewhere);
    for _ in 0..2 {
        all_unavailable(writes(&scratch, &key).await, "removed or replaced");
        let error = scratch.load(&key, at(1)).await.unwrap_err();
        all_unavailable(vec![error], "removed or replaced");
    }
    assert!(!scratch.folder.file().exists());
    // Nor is a file that holds nothing a store without sessions.
    std::fs::write(scratch.folder.file(), "").unwrap();
    let error = scratch.load(&key, at(1)).await.unwrap_err();
    all_unavailable(vec![error], "holds no sessions");
    all_unavailable(writes(&scratch, &key).await, "holds no sessions");
    std::fs::remove_file(scratch.folder.file()).unwrap();

    for name in names(&scratch.folder) {
        let there = elsewhere.join(name.file_name().unwrap());
        if there.exists() {
            std::fs::rename(there, name).unwrap();
        }
    }
    apply(&*scratch, &key, &set("a", 1)).await;
    assert!(found(&*scratch, &key, at(1)).await.unwrap().record.data.get("a").is_some());
}

#[tokio::test]
async fn a_file_that_takes_its_place_is_the_store_from_then_on() {
    let (scratch, other) = (scratch().await, Folder::new());
    let (ours, _) = created(&*scratch, &record()).await;
    let store = open(&other).await;
    let (theirs, _) = created(&store, &record()).await;
    store.close().await;
    let elsewhere = scratch.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    move_all(&scratch.folder, &elsewhere);
    std::fs::copy(other.file(), scratch.folder.file()).unwrap();
    assert!(found(&*scratch, &theirs, at(1)).await.is_some());
    assert!(found(&*scratch, &ours, at(1)).await.is_none());
    apply(&*scratch, &theirs, &set("a", 1)).await;
    scratch.store.clone().close().await;
    let check: String = bare(&scratch.folder).pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// Overwrites a part of the file, and gives what was there.
fn overwrite(file: &Path, at: u64, bytes: &[u8]) -> Vec<u8> {
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut before = vec![0; bytes.len()];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut before).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
    before
}

#[tokio::test]
async fn a_corrupt_file_is_an_error_until_it_is_repaired() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let (key, _) = created(&store, &record()).await;
    store.close().await;
    let pages = std::fs::metadata(folder.file()).unwrap().len() / 4_096;
    // All but the first page, which says that it is a database, and what is in it.
    let garbage = vec![0xa5; usize::try_from((pages - 1) * 4_096).unwrap()];
    let before = overwrite(&folder.file(), 4_096, &garbage);
    let store = open(&folder).await;
    for _ in 0..2 {
        assert_eq!(store.load(&key, at(1)).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
        for error in writes(&store, &key).await {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", error.source().unwrap());
        }
    }
    overwrite(&folder.file(), 4_096, &before);
    assert!(found(&store, &key, at(1)).await.is_some());
    apply(&store, &key, &set("a", 1)).await;
    assert!(found(&store, &key, at(1)).await.unwrap().record.data.get("a").is_some());
}

/// The format's own way to say so works for every user, root too: a write version that this SQLite does not know.
#[tokio::test]
async fn a_read_only_file_can_be_read_and_refuses_writes() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let (key, _) = created(&store, &record()).await;
    store.close().await;
    let before = overwrite(&folder.file(), 18, &[3]);
    let store = open(&folder).await;
    assert!(found(&store, &key, at(1)).await.is_some());
    all_unavailable(writes(&store, &key).await, "read");
    assert!(found(&store, &key, at(1)).await.unwrap().record.data.get("a").is_none());
    overwrite(&folder.file(), 18, &before);
    apply(&store, &key, &set("a", 1)).await;
    assert!(found(&store, &key, at(1)).await.unwrap().record.data.get("a").is_some());
}
