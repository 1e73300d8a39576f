//! That no command tells an id, a secret, a password or what a session holds.

use crate::command::{Ended, cloakroom, on};
use crate::places::{Folder, Place};
use crate::seed::{Seed, VALUE};

const SECRET: &str = "hunter2-the-secret-of-32-bytes-or-more";
const PASSWORD: &str = "hunter2-the-password";

fn tells_nothing(ended: &Ended, ids: &[String]) {
    let said = format!("{}{}", ended.out, ended.err);
    for secret in [SECRET, PASSWORD, VALUE].into_iter().chain(ids.iter().map(String::as_str)) {
        assert!(!said.contains(secret), "it says {secret}: {said}");
    }
}

fn ids(seed: &Seed) -> Vec<String> {
    seed.sessions.iter().map(|session| session.key.plain().to_owned()).collect()
}

/// Each command, as it goes well and as it fails.
async fn says_nothing_on(place: &Place, is_express: bool) {
    let folder = Folder::new();
    let seed = Seed::new(&place.url, &[Some("ada"), Some("bob"), None]).await;
    let (ids, id) = (ids(&seed), seed.sessions[0].key.plain());
    let ticket = cloakroom::cookie::KeyRing::new(SECRET).unwrap().express_sign(id);
    let (backup, key_file, new) = (folder.file("backup"), folder.file("keys"), folder.file("new.db"));
    let new = format!("sqlite:{new}");
    let url = place.url.as_str();
    let with_ids = if is_express { vec!["--with-ids"] } else { vec![] };
    let mut calls: Vec<Vec<&str>> = vec![
        vec!["list"],
        vec!["list", "--all"],
        // An id in the place of a handle.
        vec!["show", id],
        vec!["show", seed.handle(0), "--data"],
        vec!["user", "ada"],
        vec!["stats"],
        vec!["watch", "--looks", "1"],
        vec!["purge"],
        vec!["doctor"],
        vec!["keys", "generate", "--key-file", &key_file],
        vec!["keys", "rotate", "--key-file", &key_file],
        vec!["keys", "verify", "--key-file", &key_file],
        vec!["keys", "verify"],
        vec!["ticket", "verify"],
        vec!["ticket", "explain"],
        [vec!["backup", &backup], with_ids].concat(),
        vec!["restore", &backup, "--yes"],
        vec!["restore", &backup, "--store", &new, "--yes"],
        vec!["revoke", id, "--yes"],
        vec!["revoke", seed.handle(2), "--yes"],
        vec!["revoke", "--user", "bob"],
        vec!["migrate", "--from", url, "--to", &new, "--yes"],
        vec!["revoke", "--all-of", "everybody", "--yes"],
        // Put in the wrong place.
        vec!["list", &ticket],
        vec!["ticket", "verify", &ticket],
        vec!["user", id],
    ];
    let all: Vec<Vec<&str>> = calls.iter().map(|call| call.iter().copied().chain(["--json"]).collect()).collect();
    calls.extend(all);
    for call in calls {
        let ended = on(url, &call).env("CLOAKROOM_SECRET", SECRET).input(&ticket).run();
        assert!((0..=5).contains(&ended.code) && !ended.err.contains("panicked"), "{call:?}: {ended:?}");
        tells_nothing(&ended, &ids);
    }
    let secrets = std::fs::read_to_string(&key_file).unwrap();
    for secret in secrets.lines() {
        let ended = cloakroom(&["keys", "verify", "--key-file", &key_file]).ends(0);
        assert!(!ended.out.contains(secret) && !ended.err.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_tells_a_secret_where_ids_are_hashed() {
    says_nothing_on(&Place::sqlite(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_tells_a_secret_where_ids_are_plain() {
    says_nothing_on(&Place::mongodb("layout=connect-mongodb-session"), true).await;
}

#[test]
fn no_url_is_told() {
    let folder = Folder::new();
    let other = format!("sqlite:{}", folder.file("other.db"));
    for url in [
        format!("mongodb://ada:{PASSWORD}@127.0.0.1:1/db?serverSelectionTimeoutMS=50"),
        format!("redis://:{PASSWORD}@127.0.0.1:1"),
        format!("postgres://ada:{PASSWORD}@127.0.0.1:1/db"),
        format!("postgres://ada:{PASSWORD}@127.0.0.1:1/db?nonsense={PASSWORD}"),
        format!("{PASSWORD}://h"),
        format!("sqlite:/nowhere/{PASSWORD}"),
    ] {
        for call in
            [&["list"][..], &["stats"], &["doctor"], &["purge"], &["migrate", "--from", &other, "--to", &url, "--yes"]]
        {
            let ended = on(&url, call).run();
            // A store without sessions is moved without a look at the other one.
            assert!(ended.code == 1 || ended.code == 2 || (call[0] == "migrate" && ended.code == 0), "{ended:?}");
            tells_nothing(&ended, &[]);
        }
        let ended = cloakroom(&["list", "--store", &url, &url]).ends(2);
        tells_nothing(&ended, &[]);
        tells_nothing(&cloakroom(&["--help"]).env("CLOAKROOM_STORE", &url).ends(0), &[]);
    }
}
