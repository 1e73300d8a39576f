//! Several processes on one file.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use cloakroom::UserId;
use cloakroom::record::Value;
use cloakroom::store::{Applied, Directory as _};
use cloakroom_sqlite::SqliteStore;

use crate::scratch::{Folder, apply, at, bare, created, eventually, open, patch, record};

/// Names the file to a process of this very executable.
pub(crate) const FILE: &str = "CLOAKROOM_TEST_SQLITE_FILE";

const ADDS: i64 = 100;

/// Runs a test of this executable as another process, on the file of a folder.
pub(crate) fn again(test: &str, folder: &Folder) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(FILE, folder.file());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command
}

/// Each process finds its turn although the others never rest, and all of them see one state.
#[tokio::test(flavor = "multi_thread")]
async fn several_processes_work_on_one_file() {
    let ada = UserId::new("ada").unwrap();
    if let Some(file) = std::env::var_os(FILE) {
        return count_in(file.into(), &ada).await;
    }
    let folder = Folder::new();
    let store = open(&folder).await;
    let start = || again("processes::several_processes_work_on_one_file", &folder).spawn().unwrap();
    let mut children: Vec<Child> = (0..3).map(|_| start()).collect();
    let counting = tokio::spawn({
        let (file, ada) = (folder.file(), ada.clone());
        async move { count_in(file, &ada).await }
    });
    eventually("all have ended", || children.iter_mut().all(|child| child.try_wait().unwrap().is_some())).await;
    counting.await.unwrap();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(store.count(&ada, at(1)).await.unwrap(), 4);
    assert_eq!(store.revoke_all(&ada, None, at(1)).await.unwrap(), 4);
    store.close().await;
    let check: String = bare(&folder).pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// Counts in a session of its own as fast as it goes, four at a time.
async fn count_in(file: PathBuf, user: &UserId) {
    let store = SqliteStore::builder(file).deadline(Duration::from_secs(30)).open().await.unwrap();
    let mut record = record();
    record.user = Some(user.clone());
    let (key, _) = created(&store, &record).await;
    let adds: Vec<_> = (0..4)
        .map(|_| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move {
                for _ in 0..ADDS / 4 {
                    let add = patch(|patch| patch.add("n", 1).unwrap());
                    assert!(matches!(apply(&store, &key, &add).await, Applied::Done(_)));
                }
            })
        })
        .collect();
    for add in adds {
        add.await.unwrap();
    }
    let found = crate::scratch::found(&store, &key, at(1)).await.unwrap();
    assert_eq!(found.record.data.get("n"), Some(&Value::from(1 + ADDS)));
    assert_eq!(found.record.user.as_ref(), Some(user));
}
