//! Looking at sessions, and ending them.

use std::time::Duration;

use serde_json::json;

use crate::command::{cloakroom, on};
use crate::places::Place;
use crate::seed::{Seed, now, record};

const USERS: [Option<&str>; 5] = [Some("ada"), Some("ada"), Some("bob"), None, None];

/// What all stores have to do alike.
async fn works_on(place: &Place) {
    let url = place.url.as_str();
    let nothing = on(url, &["list"]).ends(3);
    assert!(nothing.out.is_empty() && nothing.err.contains("no session"), "{nothing:?}");
    let mut seed = Seed::new(url, &USERS).await;

    let all = on(url, &["list", "--json"]).ends(0).values();
    assert_eq!(all.len(), 5);
    let mut handles: Vec<_> = all.iter().map(|session| session["handle"].as_str().unwrap()).collect();
    assert!(handles.is_sorted());
    let first = on(url, &["list", "--json", "--limit", "2"]).ends(0).values();
    let rest = on(url, &["list", "--json", "--after", first[1]["handle"].as_str().unwrap()]).ends(0).values();
    assert_eq!([first, rest].concat(), all);
    let mut streamed = on(url, &["list", "--json", "--all"]).ends(0).values();
    streamed.sort_by_key(|session| session["handle"].as_str().unwrap().to_owned());
    assert_eq!(streamed, all);
    handles.sort_unstable();
    let mut seeded: Vec<_> = seed.sessions.iter().map(|session| session.handle.as_str()).collect();
    seeded.sort_unstable();
    assert_eq!(handles, seeded);

    let table = on(url, &["list"]).ends(0).out;
    assert_eq!(table.lines().count(), 6, "{table}");
    assert!(table.contains("HANDLE") && table.contains("60 min ago") && table.contains("in 59 min"), "{table}");

    let shown = on(url, &["show", seed.handle(2), "--json", "--data"]).ends(0).value();
    assert_eq!((&shown["user"], &shown["handle"]), (&json!("bob"), &json!(seed.handle(2))));
    assert_eq!(shown["data"], json!({"n": 1, "note": crate::seed::VALUE.len() + 2}));
    assert_eq!(shown["metadata"]["agent"], json!("Lynx\u{1b}[2J"));
    // What a visitor has sent is not for the terminal to obey.
    assert!(!on(url, &["show", seed.handle(2)]).ends(0).out.contains('\u{1b}'));
    for nobody in ["0000000000000000", "nobody's", "ffffffffffffffffffffffffffffffff"] {
        on(url, &["show", nobody]).ends(3);
    }

    assert_eq!(on(url, &["user", "ada", "--json"]).ends(0).values().len(), 2);
    on(url, &["user", "eve"]).ends(3);

    let counts = on(url, &["stats", "--json"]).ends(0).value();
    for (name, count) in [("live", 5), ("with_user", 3), ("users", 2), ("anonymous", 2)] {
        assert_eq!(counts[name], json!(count), "{name}");
    }
    assert_eq!(counts["by_age"]["under_1_day"], json!(5));
    assert!(on(url, &["stats"]).ends(0).out.contains("5 live sessions, 3 of 2 users, 2 anonymous"));

    // Nothing ends that was not confirmed.
    let refused = on(url, &["revoke", seed.handle(0)]).ends(5);
    assert!(refused.err.contains("--yes") && refused.out.is_empty(), "{refused:?}");
    assert_eq!(
        on(url, &["revoke", "--user", "ada", "--dry-run", "--json"]).ends(0).value(),
        json!({"revoked": 2, "dry_run": true})
    );
    assert_eq!(
        on(url, &["revoke", "--all-of", "everybody", "--dry-run", "--json"]).ends(0).value()["revoked"],
        json!(5)
    );
    assert_eq!(seed.living_in(&*seed.store).await, 5);

    on(url, &["revoke", seed.handle(0), "--yes"]).ends(0);
    assert!(!seed.lives(0).await && seed.lives(1).await);
    on(url, &["revoke", seed.handle(0), "--yes"]).ends(3);
    on(url, &["revoke", seed.handle(3), "--yes"]).ends(0);
    assert!(!seed.lives(3).await && seed.lives(4).await);
    assert_eq!(on(url, &["revoke", "--user", "ada", "--yes", "--json"]).ends(0).value()["revoked"], json!(1));
    on(url, &["revoke", "--all-of", "users", "--yes"]).ends(0);
    assert!(!seed.lives(2).await && seed.lives(4).await);
    seed.put(&record(Some("cid"))).await;
    on(url, &["revoke", "--all-of", "anonymous", "--yes"]).ends(0);
    assert!(!seed.lives(4).await && seed.lives(5).await);
    on(url, &["revoke", "--all-of", "everybody", "--yes"]).ends(0);
    assert_eq!(seed.living_in(&*seed.store).await, 0);
    on(url, &["stats"]).ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_looked_at_and_ended_in_sqlite() {
    works_on(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_looked_at_and_ended_on_all_servers() {
    for place in Place::native().into_iter().skip(1) {
        works_on(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_express_shares_are_looked_at_and_ended() {
    for place in Place::express() {
        works_on(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_purged_and_nothing_else() {
    let place = Place::sqlite();
    let mut seed = Seed::new(&place.url, &[Some("ada")]).await;
    let mut over = record(None);
    // Not so long ago that the store would remove it by itself.
    over.idle_end = now() + Duration::from_millis(300);
    for _ in 0..5 {
        seed.put(&over).await;
    }
    while now() <= over.idle_end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    on(&place.url, &["purge", "--dry-run"]).ends(2);
    assert_eq!(on(&place.url, &["purge", "--json", "--limit", "2"]).ends(0).value()["purged"], json!(2));
    assert_eq!(on(&place.url, &["purge", "--json"]).ends(0).value()["purged"], json!(3));
    assert!(on(&place.url, &["purge"]).ends(0).out.contains(": 0"));
    assert!(seed.lives(0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_tells_what_began_and_ended_between_two_looks() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let place = Place::sqlite();
    let mut seed = Seed::new(&place.url, &[Some("ada"), None]).await;
    let mut call = on(&place.url, &["watch", "--every", "1", "--looks", "30", "--json"]).command();
    let mut child = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    let first = next();
    assert_eq!((&first["live"], &first["began"], &first["ended"]), (&json!(2), &json!([]), &json!([])));
    seed.put(&record(Some("bob"))).await;
    on(&place.url, &["revoke", seed.handle(1), "--yes"]).ends(0);
    let (mut began, mut ended) = (Vec::new(), Vec::new());
    while began.is_empty() || ended.is_empty() {
        let look = next();
        began.extend(look["began"].as_array().unwrap().clone());
        ended.extend(look["ended"].as_array().unwrap().clone());
    }
    assert_eq!((began, ended), (vec![json!(seed.handle(2))], vec![json!(seed.handle(1))]));
    child.kill().unwrap();
    let told = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(told.contains("is not seen"), "{told}");
    child.wait().unwrap();
}

#[test]
fn what_is_asked_wrongly_is_told_and_ends_with_2() {
    for arguments in
        [&["list"][..], &["frobnicate"], &[], &["revoke"], &["list", "--store", "memory:"], &["keys", "verify"]]
    {
        let ended = cloakroom(arguments).ends(2);
        assert!(!ended.err.is_empty() && ended.out.is_empty(), "{ended:?}");
    }
    let told = cloakroom(&["list", "--store", "couchdb://h"]).ends(2).err;
    assert!(told.contains("sqlite:"), "{told}");
}

#[test]
fn a_store_that_is_away_is_a_failure() {
    let ended = on("redis://127.0.0.1:1", &["list"]).ends(1);
    assert!(ended.err.contains("unavailable"), "{ended:?}");
}

#[test]
fn shells_and_man_know_all_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = cloakroom(&["completions", shell]).ends(0).out;
        assert!(script.contains("migrate"), "{shell}");
    }
    let page = cloakroom(&["man"]).ends(0).out;
    assert!(page.contains("cloakroom") && page.contains("Exit codes") && page.contains("restore"), "{page}");
    let folder = crate::places::Folder::new();
    cloakroom(&["man", "--to", folder.path().to_str().unwrap()]).ends(0);
    assert!(folder.path().join("cloakroom-migrate.1").exists());
    assert!(cloakroom(&["--version"]).ends(0).out.starts_with("cloakroom "));
}
