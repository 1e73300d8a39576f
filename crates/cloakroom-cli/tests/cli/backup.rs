//! Backups, and what is restored from them.

use std::fs;
use std::time::Duration;

use cloakroom::record::{Patch, StoreKey, Value};
use cloakroom::store::{Applied, Guard, Loaded, Rotated, Store as _};
use serde_json::json;

use crate::command::on;
use crate::places::{Folder, Place};
use crate::seed::{Seed, now, open, record};

const USERS: [Option<&str>; 3] = [Some("ada"), Some("bob"), None];

fn written(value: i64) -> Patch {
    let mut patch = Patch::default();
    patch.set("n", Value::from(value));
    patch
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_comes_back_on_every_store_that_keeps_hashes() {
    for place in Place::native() {
        let folder = Folder::new();
        let file = folder.file("backup");
        let seed = Seed::new(&place.url, &USERS).await;
        let told = on(&place.url, &["backup", &file, "--json"]).ends(0).value();
        assert_eq!(told, json!({"records": 3, "unreadable": 0, "ids": false, "dry_run": false}));
        let text = fs::read_to_string(&file).unwrap();
        assert!(seed.sessions.iter().all(|session| !text.contains(session.key.plain())), "the file holds an id");
        assert!(text.lines().next().unwrap().contains("\"cloakroom_backup\":1"));

        // Nothing is missing yet, so nothing comes back.
        let none = on(&place.url, &["restore", &file, "--yes", "--json"]).ends(3).value();
        assert_eq!(
            (&none["restored"], &none["there"]),
            (&json!(0), &json!(3)),
            "{}",
            place.url.split(':').next().unwrap()
        );
        on(&place.url, &["revoke", "--all-of", "everybody", "--yes"]).ends(0);
        on(&place.url, &["restore", &file]).ends(5);
        let would = on(&place.url, &["restore", &file, "--dry-run", "--json"]).ends(0).value();
        assert_eq!((&would["restored"], seed.living_in(&*seed.store).await), (&json!(3), 0));
        on(&place.url, &["restore", &file, "--yes"]).ends(0);
        assert_eq!(seed.living_in(&*seed.store).await, 3);

        // Into another store, too: by the hash, whoever has the ticket is found there.
        let other = Place::sqlite();
        on(&other.url, &["restore", &file, "--yes"]).ends(0);
        let other = open(&other.url).await;
        let Loaded::Found(there) = other.load(&seed.sessions[0].key, now()).await.unwrap() else { panic!("missing") };
        let expected = record(Some("ada"));
        assert_eq!(
            (there.record.data, there.record.user, there.record.metadata),
            (expected.data, expected.user, expected.metadata)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_overwritten_and_what_was_rotated_does_not_double() {
    let (place, folder) = (Place::sqlite(), Folder::new());
    let file = folder.file("backup");
    let mut seed = Seed::new(&place.url, &USERS).await;
    let mut soon_over = record(Some("cid"));
    soon_over.idle_end = now() + Duration::from_millis(1_500);
    seed.put(&soon_over).await;
    on(&place.url, &["backup", &file]).ends(0);

    let applied = seed.store.apply(&seed.sessions[0].key, &written(8), &Guard::Exists, now()).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
    let new = StoreKey::generate().unwrap();
    let old = &seed.sessions[1].key;
    let rotated = seed.store.rotate(old, &new, &Patch::default(), &Guard::Exists, now()).await.unwrap();
    assert!(matches!(rotated, Rotated::Done { .. }));
    while now() <= soon_over.idle_end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    on(&place.url, &["purge"]).ends(0);

    let told = on(&place.url, &["restore", &file, "--yes", "--json"]).ends(3).value();
    assert_eq!((&told["restored"], &told["there"], &told["over"]), (&json!(0), &json!(3), &json!(1)));
    let Loaded::Found(found) = seed.store.load(&seed.sessions[0].key, now()).await.unwrap() else { panic!("missing") };
    assert_eq!(found.record.data.get("n"), Some(&Value::from(8)));
    assert!(!seed.lives(1).await && !seed.lives(3).await && crate::seed::is_in(&*seed.store, &new).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_written_down_only_when_that_is_asked_for() {
    for place in Place::express() {
        let folder = Folder::new();
        let file = folder.file("backup");
        let seed = Seed::new(&place.url, &USERS).await;
        let refused = on(&place.url, &["backup", &file]).ends(2);
        assert!(
            refused.err.contains("--with-ids") && fs::read_dir(folder.path()).unwrap().next().is_none(),
            "{refused:?}"
        );
        let told = on(&place.url, &["backup", &file, "--with-ids"]).ends(0);
        assert!(told.err.contains("session ids"), "{told:?}");
        // By the ids any store can find them.
        let other = Place::sqlite();
        on(&other.url, &["restore", &file, "--yes"]).ends(0);
        assert_eq!(seed.living_in(&*open(&other.url).await).await, 3);
    }
    let (from, to, folder) = (Place::sqlite(), Place::mongodb("layout=connect-mongo"), Folder::new());
    let file = folder.file("backup");
    Seed::new(&from.url, &USERS).await;
    on(&from.url, &["backup", &file]).ends(0);
    assert!(on(&to.url, &["restore", &file, "--yes"]).ends(2).err.contains("a hash of each session id only"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_whole_changes_nothing() {
    let (place, folder) = (Place::sqlite(), Folder::new());
    let file = folder.file("backup");
    let seed = Seed::new(&place.url, &USERS).await;
    on(&place.url, &["backup", &file]).ends(0);
    assert!(on(&place.url, &["backup", &file]).ends(1).err.contains("there already"));
    on(&place.url, &["revoke", "--all-of", "everybody", "--yes"]).ends(0);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without_one = [&lines[..1], &lines[2..]].concat().join("\n");
    for (name, text) in [
        ("cut", lines[..3].join("\n")),
        ("half a line", text[..text.len() - 40].to_owned()),
        ("one less", without_one),
        ("empty", String::new()),
        ("something else", "{\"a\":1}".to_owned()),
        ("newer", text.replacen("\"cloakroom_backup\":1", "\"cloakroom_backup\":2", 1)),
        ("ids", text.replacen("\"ids\":false", "\"ids\":true", 1)),
    ] {
        let broken = folder.file(name);
        fs::write(&broken, text).unwrap();
        let ended = on(&place.url, &["restore", &broken, "--yes"]).ends(1);
        assert!(ended.err.contains("the file") || ended.err.contains("of the file"), "{name}: {ended:?}");
        assert_eq!(seed.living_in(&*seed.store).await, 0, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let (place, folder) = (Place::sqlite(), Folder::new());
    Seed::new(&place.url, &USERS).await;
    on(&place.url, &["backup", &folder.file("backup")]).ends(0);
    assert_eq!(fs::metadata(folder.file("backup")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}
