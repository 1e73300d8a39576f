//! A process that is killed at any moment loses nothing that it has confirmed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use cloakroom::record::{Expiry, Record, StoreKey};
use cloakroom::store::{Applied, Created, Guard, Rotated, Store as _};
use cloakroom::{Timestamp, UserId};
use cloakroom_sqlite::SqliteStore;

use crate::processes::{FILE, again};
use crate::scratch::{Folder, at, bare, created, found, open, patch, record, text};

/// Names how often to kill, where that is more than the usual.
const KILLS: &str = "CLOAKROOM_TEST_SQLITE_KILLS";

/// The process writes to sessions, and to its standard output what was confirmed to it. What stands in the file afterwards must
/// be the last of that, or the one write beyond it that was under way.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_confirmed_is_lost_by_a_kill() {
    if let Some(file) = std::env::var_os(FILE) {
        return write_until_killed(file.into()).await;
    }
    let kills = std::env::var(KILLS).map_or(20_u64, |kills| kills.parse().unwrap());
    let folder = Folder::new();
    let mut confirmed = 0;
    for kill in 0..kills {
        let folder = &folder;
        // Sometimes this process has the file open all the while, and has to go on; else it finds what the other one has left.
        let witness = if kill % 2 == 1 { Some(open(folder).await) } else { None };
        let told = tokio::task::block_in_place(|| run_and_kill(folder, kill));
        confirmed += told.values().map(|state| state.writes).sum::<i64>();
        let store = match witness {
            Some(store) => store,
            None => open(folder).await,
        };
        let (key, _) = created(&store, &record()).await;
        assert!(found(&store, &key, at(1)).await.is_some());
        check(folder, &told);
        store.sweep(50, Timestamp::from_millis(i64::MAX)).await.unwrap();
        if kill % 4 < 2 {
            store.close().await;
        }
    }
    assert!(confirmed > 10 * kills.cast_signed(), "{confirmed} writes only");
}

/// What is known of a session: by each of its writes the counter has grown by one.
#[derive(Debug, Default)]
struct State {
    writes: i64,
    ended: bool,
}

fn run_and_kill(folder: &Folder, kill: u64) -> BTreeMap<String, State> {
    let mut child = again("killed::nothing_that_was_confirmed_is_lost_by_a_kill", folder).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = BTreeMap::<String, State>::new();
    let mut heard = 0;
    for line in lines {
        let line = line.unwrap();
        let Some((handle, what)) = line.strip_prefix("told ").and_then(|told| told.split_once(' ')) else { continue };
        let state = told.entry(handle.to_owned()).or_default();
        match what.strip_suffix('.') {
            Some("ended") => state.ended = true,
            Some(count) => state.writes = count.parse().unwrap(),
            // The line that it was killed in.
            None => {}
        }
        heard += 1;
        // At another moment each time; what it still says in the meantime counts too.
        if heard == 30 + kill * 7 {
            std::thread::sleep(Duration::from_micros(kill * 131 % 3_000));
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it has ended by itself");
    told
}

fn check(folder: &Folder, told: &BTreeMap<String, State>) {
    let connection = bare(folder);
    let check: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let mut find = connection
        .prepare("SELECT json_extract(data, '$.n'), json_extract(data, '$.copy'), user FROM session WHERE printf('%016x', id) = ?1")
        .unwrap();
    for (handle, state) in told {
        let mut rows = find.query([handle]).unwrap();
        match rows.next().unwrap() {
            Some(row) => {
                assert!(!state.ended, "{handle} was ended, and is there");
                let (count, copy): (i64, String) = (row.get(0).unwrap(), row.get(1).unwrap());
                // One write may have been under way, or done and not yet told.
                assert!((state.writes..=state.writes + 1).contains(&count), "{count} is stored, {state:?} was told");
                assert_eq!(copy, format!("{count}"), "half of a write");
                assert_eq!(row.get::<_, String>(2).unwrap(), format!("user-{}", count / 5));
            }
            // Its end may have been under way: it ends at its twenty-fifth write.
            None => assert!(state.ended || state.writes >= 25, "{handle} is lost: {state:?}"),
        }
    }
}

async fn write_until_killed(file: PathBuf) {
    let store = SqliteStore::builder(file).deadline(Duration::from_secs(30)).open().await.unwrap();
    let lives = (0..16).map(|_| tokio::spawn(live(store.clone())));
    for life in lives.collect::<Vec<_>>() {
        life.await.unwrap();
    }
}

/// One session after the other: makes it, writes to it in each way that there is, and ends it.
async fn live(store: SqliteStore) {
    loop {
        let now: Timestamp = SystemTime::now().into();
        let mut key = StoreKey::generate().unwrap();
        let mut record = Record::new(now, now + Duration::from_secs(60), now + Duration::from_secs(600));
        let first = patch(|patch| write(patch, 1));
        first.apply_to(&mut record, now).unwrap();
        let Created::Done { handle, .. } = store.create(&key, &record, now).await.unwrap() else { panic!("taken") };
        tell(&format!("{handle} 1"));
        for count in 2..=25 {
            let patch = patch(|patch| write(patch, count));
            if count % 3 == 0 {
                let new = StoreKey::generate().unwrap();
                let rotated = store.rotate(&key, &new, &patch, &Guard::Exists, now).await.unwrap();
                assert!(matches!(rotated, Rotated::Done { .. }), "{rotated:?}");
                key = new;
            } else {
                let applied = store.apply(&key, &patch, &Guard::Exists, now).await.unwrap();
                assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
            }
            tell(&format!("{handle} {count}"));
        }
        assert!(store.destroy(&key, now).await.unwrap());
        tell(&format!("{handle} ended"));
    }
}

/// The write of this number; that its parts belong together can be seen.
fn write(patch: &mut cloakroom::record::Patch, count: i64) {
    patch.add("n", 1).unwrap();
    patch.set("copy", text(&count.to_string()));
    patch.set("some", text(&"x".repeat(usize::try_from(count * 137 % 6_000).unwrap())));
    patch.user = UserId::new(format!("user-{}", count / 5)).ok();
    patch.expiry = Expiry::AtLeast(Timestamp::from(SystemTime::now()) + Duration::from_secs(60));
}

/// In one piece, so that lines do not mix; a full stop says that it is a whole one.
fn tell(what: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("told {what}.\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}
