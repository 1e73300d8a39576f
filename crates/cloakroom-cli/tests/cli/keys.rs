//! Key files and tickets.

use std::fs;

use cloakroom::cookie::KeyRing;
use serde_json::json;

use crate::command::{cloakroom, on};
use crate::places::{Folder, Place};
use crate::seed::Seed;

const SECRET: &str = "a secret of 32 bytes or more for tests";

#[test]
fn a_key_file_is_made_once_and_turned() {
    let folder = Folder::new();
    let path = folder.file("keys");
    let secrets = || fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    cloakroom(&["keys", "generate", "--key-file", &path, "--dry-run"]).ends(0);
    assert!(!folder.path().join("keys").exists());
    cloakroom(&["keys", "generate", "--key-file", &path]).ends(0);
    let first = secrets();
    assert!(first.len() == 1 && first[0].len() == 43, "one secret of 32 bytes");
    let refused = cloakroom(&["keys", "generate", "--key-file", &path]).ends(1);
    assert!(refused.err.contains("rotate") && secrets() == first, "{refused:?}");

    let turned = cloakroom(&["keys", "rotate", "--key-file", &path, "--json"]).ends(0).value();
    assert_eq!(turned, json!({"secrets": 2, "dry_run": false}));
    let second = secrets();
    assert!(second.len() == 2 && second[1] == first[0] && second[0] != first[0]);
    // What forgets a secret has to be confirmed.
    cloakroom(&["keys", "rotate", "--keep", "2", "--key-file", &path]).ends(5);
    assert!(secrets() == second);
    cloakroom(&["keys", "rotate", "--keep", "2", "--key-file", &path, "--yes"]).ends(0);
    let third = secrets();
    assert!(third.len() == 2 && third[1] == second[0]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");

    let told = cloakroom(&["keys", "verify", "--key-file", &path, "--json"]).ends(0).values();
    assert_eq!((&told[0]["number"], &told[1]["strong"], &told[0]["bytes"]), (&json!(1), &json!(true), &json!(43)));
    assert_ne!(told[0]["fingerprint"], told[1]["fingerprint"]);
}

#[cfg(unix)]
#[test]
fn a_key_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    let path = folder.file("keys");
    cloakroom(&["keys", "generate", "--key-file", &path]).ends(0);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    for task in ["verify", "rotate"] {
        assert!(cloakroom(&["keys", task, "--key-file", &path]).ends(1).err.contains("chmod 600"));
    }
}

#[test]
fn weak_and_repeated_secrets_are_found() {
    let of = |secrets: &str| cloakroom(&["keys", "verify", "--json"]).env("CLOAKROOM_SECRET", secrets).ends(4).values();
    let weak = of("keyboard cat");
    assert_eq!((&weak[0]["strong"], &weak[0]["fingerprint"]), (&json!(false), &json!(null)));
    assert_eq!(of(&format!("{SECRET},{SECRET}"))[1]["repeated"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_signed_verified_and_explained() {
    let (folder, place) = (Folder::new(), Place::sqlite());
    let seed = Seed::new(&place.url, &[Some("ada")]).await;
    let id = seed.sessions[0].key.plain();
    let to = folder.file("ticket");
    let signed = cloakroom(&["ticket", "sign", "--to", &to]).env("CLOAKROOM_SECRET", SECRET).input(id).ends(0);
    assert!(signed.out.is_empty());
    let ticket = fs::read_to_string(&to).unwrap();
    let keys = KeyRing::new(SECRET).unwrap();
    assert_eq!(cloakroom::cookie::decode(ticket.trim().as_bytes()), keys.express_sign(id));
    cloakroom(&["ticket", "sign", "--to", &to]).env("CLOAKROOM_SECRET", SECRET).input(id).ends(1);

    let verify = |ticket: &str, code| {
        let secrets = format!("the newest secret, of 32 bytes or more,{SECRET}").replacen("secret, of", "secret of", 1);
        on(&place.url, &["ticket", "verify", "--json"])
            .env("CLOAKROOM_SECRET", &secrets)
            .input(ticket)
            .ends(code)
            .value()
    };
    for ticket in [ticket.clone(), format!("__Host-sid={ticket}"), keys.express_sign(id)] {
        let verified = verify(&ticket, 0);
        assert_eq!(
            (&verified["valid"], &verified["secret"], &verified["lives"]),
            (&json!(true), &json!(2), &json!(true))
        );
    }
    assert_eq!(verify(&keys.express_sign("nobody's"), 3)["lives"], json!(false));
    let forged = KeyRing::new([1; 32]).unwrap().express_sign(id);
    assert_eq!(verify(&forged, 4)["valid"], json!(false));

    let explain = |ticket: &str, code| cloakroom(&["ticket", "explain", "--json"]).input(ticket).ends(code).value();
    let explained = explain(&ticket, 0);
    assert_eq!((&explained["like_cloakroom"], &explained["percent_encoded"]), (&json!(true), &json!(true)));
    assert_eq!((&explained["id_characters"], &explained["secret"]), (&json!(43), &json!(null)));
    assert_eq!(explain("abc", 4)["is_ticket"], json!(false));
    assert!(cloakroom(&["ticket", "explain"]).input(&ticket).ends(0).out.contains("256 bits"));
}
