//! Writes that wait share a commit, and readers do not wait for the writer.

use std::path::PathBuf;
use std::time::Duration;

use cloakroom::record::Value;
use cloakroom::store::{Applied, Guard, Store as _, StoreErrorKind};
use cloakroom_sqlite::SqliteStore;

use crate::scratch::{Folder, apply, at, bare, created, found, key, open, patch, record, scratch, set};

/// How many commits the log of the file holds. Of each frame's header, bytes 4 to 7 are the size of the file after a commit,
/// else 0, and bytes 8 to 15 say whether it is of the log of today.
fn commits(folder: &Folder) -> usize {
    let log = std::fs::read(PathBuf::from(format!("{}-wal", folder.file().display()))).unwrap();
    let (header, frames) = log.split_at(32);
    let frames = frames.chunks_exact(24 + 4_096);
    frames.filter(|frame| frame[4..8] != [0; 4] && frame[8..16] == header[16..24]).count()
}

#[tokio::test]
async fn a_call_is_one_commit_and_one_that_changes_nothing_is_none() {
    let scratch = scratch().await;
    let (key, token) = created(&*scratch, &record()).await;
    let mut before = commits(&scratch.folder);
    let mut more = || {
        let now = commits(&scratch.folder);
        now - std::mem::replace(&mut before, now)
    };
    created(&*scratch, &record()).await;
    assert_eq!(more(), 1);
    apply(&*scratch, &key, &set("a", 1)).await;
    assert_eq!(more(), 1);
    apply(&*scratch, &key, &patch(|patch| patch.add("n", 1).unwrap())).await;
    assert_eq!(more(), 1);
    let new = self::key();
    scratch.rotate(&key, &new, &set("a", 2), &Guard::Exists, at(1)).await.unwrap();
    assert_eq!(more(), 1);
    found(&*scratch, &new, at(1)).await.unwrap();
    found(&*scratch, &key, at(1)).await.ok_or(()).unwrap_err();
    apply(&*scratch, &key, &set("a", 1)).await;
    apply(&*scratch, &new, &patch(|_| {})).await;
    scratch.apply(&new, &set("a", 1), &Guard::Unchanged(token), at(1)).await.unwrap();
    assert!(!scratch.destroy(&key, at(1)).await.unwrap());
    assert_eq!(more(), 0);
    assert!(scratch.destroy(&new, at(1)).await.unwrap());
    assert_eq!(more(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_share_a_commit_and_one_that_fails_harms_none() {
    let scratch = scratch().await;
    let (good, _) = created(&*scratch, &record()).await;
    let (broken, _) = created(&*scratch, &record()).await;
    let other = bare(&scratch.folder);
    other.execute("UPDATE session SET data = '[]' WHERE key = ?1", [broken.digest()]).unwrap();
    let before = commits(&scratch.folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writes: Vec<_> = (0..90)
        .map(|number| {
            let store = scratch.store.clone();
            let key = [&good, &broken, &good][number % 3].clone();
            let patch = match number % 3 {
                2 => patch(|patch| patch.add("word", 1).unwrap()),
                _ => patch(|patch| patch.add("n", 1).unwrap()),
            };
            tokio::spawn(async move { store.apply(&key, &patch, &Guard::Exists, at(1)).await })
        })
        .collect();
    // A reader does not wait for whoever writes.
    assert!(found(&*scratch, &good, at(1)).await.is_some());
    tokio::time::sleep(Duration::from_millis(100)).await;
    other.execute_batch("COMMIT").unwrap();
    let mut outcomes = [0, 0, 0];
    for (number, write) in writes.into_iter().enumerate() {
        match (number % 3, write.await.unwrap()) {
            (0, Ok(Applied::Done(_))) => outcomes[0] += 1,
            (1, Err(error)) if error.kind() == StoreErrorKind::Corrupt => outcomes[1] += 1,
            (2, Ok(Applied::WrongType)) => outcomes[2] += 1,
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!(outcomes, [30, 30, 30]);
    let data = found(&*scratch, &good, at(1)).await.unwrap().record.data;
    assert_eq!(data.get("n"), Some(&Value::from(31)));
    let shared = commits(&scratch.folder) - before;
    // Those that came while the first one waited for the lock.
    assert!(shared <= 3, "{shared} commits");
}

#[tokio::test]
async fn too_many_waiting_writes_are_refused_at_once() {
    let folder = Folder::new();
    let builder = SqliteStore::builder(folder.file()).max_waiting(5).deadline(Duration::from_secs(30));
    let store = builder.open().await.unwrap();
    let (key, _) = created(&store, &record()).await;
    let other = bare(&folder);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let set = set("a", 1);
    let (mut waiting, mut refused) = (Vec::new(), 0);
    for mut write in (0..20).map(|_| Box::pin(store.apply(&key, &set, &Guard::Exists, at(1)))) {
        // Each is asked once: the answer is at hand only if it was refused.
        let once = std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx))).await;
        match once {
            std::task::Poll::Ready(answer) => {
                assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
                refused += 1;
            }
            std::task::Poll::Pending => waiting.push(write),
        }
    }
    // The writer has taken some of them before it began to wait.
    assert!((1..=15).contains(&refused), "{refused} refused");
    assert!(found(&store, &key, at(1)).await.is_some());
    other.execute_batch("COMMIT").unwrap();
    for write in waiting {
        assert!(matches!(write.await.unwrap(), Applied::Done(_)));
    }
    apply(&store, &key, &set).await;
}

/// A call that was given up before its turn does not happen, and harms none of the others.
#[tokio::test]
async fn an_abandoned_write_harms_nothing() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let (key, _) = created(&store, &record()).await;
    let hasty = store.clone().with_deadline(Duration::from_micros(300));
    let mut told = 0;
    for _ in 0..100 {
        // Whether it was abandoned is a matter of luck; that the next answer is its own is not.
        let add = patch(|patch| patch.add("n", 1).unwrap());
        if let Err(error) = hasty.apply(&key, &add, &Guard::Exists, at(1)).await {
            assert!(matches!(error.kind(), StoreErrorKind::Timeout | StoreErrorKind::Unavailable));
        } else {
            told += 1;
        }
        match apply(&store, &key, &patch(|patch| patch.add("m", 1).unwrap())).await {
            Applied::Done(written) => assert_eq!(&*written.numbers[0].0, "m"),
            other => panic!("{other:?}"),
        }
    }
    let data = found(&store, &key, at(1)).await.unwrap().record.data;
    assert_eq!(data.get("m"), Some(&Value::from(100)));
    let counted = data.get("n").unwrap().as_i64().unwrap() - 1;
    assert!((told..=100).contains(&counted), "{counted} counted, {told} told");
}
