//! Moving from store to store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, MovingStore, Rotated, Store};
use serde_json::json;

use crate::command::cloakroom;
use crate::places::Place;
use crate::seed::{Seed, now, open, record};

const USERS: [Option<&str>; 4] = [Some("ada"), Some("bob"), None, None];

async fn found(store: &dyn Store, key: &StoreKey) -> Record {
    match store.load(key, now()).await.unwrap() {
        Loaded::Found(found) => found.record,
        other => panic!("{other:?}"),
    }
}

/// All of it, with the same data, under the same ids, and the old store is empty.
async fn moves(from: &Place, to: &Place) {
    let seed = Seed::new(&from.url, &USERS).await;
    let mut before = Vec::new();
    for session in &seed.sessions {
        before.push(found(&*seed.store, &session.key).await);
    }
    let arguments = ["migrate", "--from", &from.url, "--to", &to.url, "--json"];
    cloakroom(&arguments).ends(5);
    let would = cloakroom(&[&arguments[..], &["--dry-run"]].concat()).ends(0).value();
    assert_eq!((&would["left"], &would["dry_run"]), (&json!(4), &json!(true)));
    assert_eq!(seed.living_in(&*seed.store).await, 4);

    let moved = cloakroom(&[&arguments[..], &["--yes"]].concat()).ends(0).value();
    assert_eq!((&moved["moved"], &moved["verified"], &moved["left"]), (&json!(4), &json!(4), &json!(0)), "{moved}");
    let new = open(&to.url).await;
    assert_eq!(seed.living_in(&*seed.store).await, 0);
    for (session, before) in seed.sessions.iter().zip(before) {
        let after = found(&*new, &session.key).await;
        assert_eq!((&after.data, &after.user, after.created), (&before.data, &before.user, before.created));
        assert_eq!(after.absolute_end, before.absolute_end);
    }
    // There is nothing left to do, and that is fine.
    let again = cloakroom(&[&arguments[..], &["--yes"]].concat()).ends(0).value();
    assert_eq!(again["moved"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn from_one_file_to_another() {
    moves(&Place::sqlite(), &Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_hashes_to_hashes() {
    for (from, to) in Place::native().iter().zip(Place::native().iter().skip(1)) {
        moves(from, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_express_to_hashes() {
    for from in Place::express() {
        moves(&from, &Place::sqlite()).await;
    }
    for to in Place::native().into_iter().skip(1) {
        moves(&Place::mongodb("layout=connect-mongodb-session"), &to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_one_store_of_express_to_another() {
    for (from, to) in Place::express().iter().zip(Place::express().iter().skip(1)) {
        moves(from, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_hashes_to_express_there_is_no_way() {
    let (from, to) = (Place::sqlite(), Place::redis("layout=connect-redis"));
    let seed = Seed::new(&from.url, &USERS).await;
    let refused = cloakroom(&["migrate", "--from", &from.url, "--to", &to.url, "--yes"]).ends(2);
    assert!(refused.err.contains("a hash of each session id only"), "{refused:?}");
    assert_eq!(seed.living_in(&*seed.store).await, 4);
    cloakroom(&["migrate", "--from", &from.url, "--to", &from.url, "--yes"]).ends(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_new_store_can_not_keep_stays_and_is_told() {
    let (from, to) = (Place::postgres("layout=connect-pg-simple"), Place::redis("layout=connect-redis"));
    let mut seed = Seed::new(&from.url, &USERS).await;
    let mut odd = record(Some("eve"));
    // In a text of connect-redis this is what the store keeps there.
    odd.data = Arc::new([("cloakroom", Value::from(1))].into_iter().collect());
    seed.put(&odd).await;
    let counts = cloakroom(&["migrate", "--from", &from.url, "--to", &to.url, "--yes", "--json"]).ends(1).value();
    assert_eq!((&counts["moved"], &counts["unfit"], &counts["left"]), (&json!(4), &json!(1), &json!(1)), "{counts}");
    assert!(seed.lives(4).await);
}

/// An application that serves from both stores all the while: it logs in, writes, rotates and logs out.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_logged_out_while_an_application_goes_on() {
    let (from, to) = (Place::sqlite(), Place::sqlite());
    let seed = Seed::new(&from.url, &vec![Some("ada"); 300]).await;
    let store = Arc::new(MovingStore::new(open(&from.url).await, open(&to.url).await));
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let keys: Vec<_> = seed.sessions.iter().map(|session| session.key.clone()).collect();
    let load = tokio::spawn(go_on(store.clone(), keys, stop.clone(), written.clone()));
    while written.load(Ordering::Relaxed) < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let url = (from.url.clone(), to.url.clone());
    let migrate = move || cloakroom(&["migrate", "--from", &url.0, "--to", &url.1, "--yes", "--json"]).run();
    let moved = tokio::task::spawn_blocking(migrate).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let ledger = load.await.unwrap();
    assert_eq!(moved.code, 0, "{moved:?}");
    assert_eq!(moved.value()["left"], json!(0));
    let new = open(&to.url).await;
    for (key, count) in ledger {
        match count {
            Some(count) => {
                assert_eq!(found(&*new, &key).await.data.get("count"), Some(&Value::from(count)), "a write is lost")
            }
            None => assert!(!crate::seed::is_in(&*new, &key).await, "what was logged out is back"),
        }
    }
}

/// What each session must be in the end: how often it was added to, or none if it has ended.
async fn go_on(
    store: Arc<MovingStore>,
    keys: Vec<StoreKey>,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
) -> Vec<(StoreKey, Option<i64>)> {
    let mut ledger: Vec<_> = keys.into_iter().map(|key| (key, Some(0))).collect();
    let mut add = Patch::default();
    add.add("count", 1).unwrap();
    for turn in 0_usize.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let at = turn * 7 % ledger.len();
        let (key, Some(count)) = ledger[at].clone() else { continue };
        match turn % 23 {
            0 => {
                assert!(store.destroy(&key, now()).await.unwrap());
                ledger[at].1 = None;
            }
            1 => {
                let new = StoreKey::generate().unwrap();
                let rotated = store.rotate(&key, &new, &add, &Guard::Exists, now()).await.unwrap();
                assert!(matches!(rotated, Rotated::Done { .. }), "{rotated:?}");
                ledger[at] = (new, Some(count + 1));
            }
            2 => {
                let new = StoreKey::generate().unwrap();
                let created = store.create(&new, &record(Some("new")), now()).await.unwrap();
                assert!(matches!(created, Created::Done { .. }));
                let applied = store.apply(&new, &add, &Guard::Exists, now()).await.unwrap();
                assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
                ledger.push((new, Some(1)));
            }
            _ => {
                let applied = store.apply(&key, &add, &Guard::Exists, now()).await.unwrap();
                assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
                ledger[at].1 = Some(count + 1);
            }
        }
        written.fetch_add(1, Ordering::Relaxed);
    }
    // What was written to after its rotation is told by the new key.
    ledger.retain(|(_, count)| *count != Some(0));
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_is_taken_up_again() {
    let (from, to) = (Place::sqlite(), Place::sqlite());
    let seed = Seed::new(&from.url, &vec![None; 400]).await;
    let new = open(&to.url).await;
    let arguments = ["migrate", "--from", &from.url, "--to", &to.url, "--yes", "--json", "--jobs", "4"];
    let mut child = cloakroom(&arguments).command().stdout(std::process::Stdio::null()).spawn().unwrap();
    while seed.living_in(&*new).await < 20 {
        assert!(
            child.try_wait().unwrap().is_none() || seed.living_in(&*new).await == 400,
            "it ended before it was cut off"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let counts = cloakroom(&arguments).ends(0).value();
    assert_eq!(counts["left"], json!(0), "{counts}");
    assert_eq!((seed.living_in(&*new).await, seed.living_in(&*seed.store).await), (400, 0));
}
