//! The shop as a process of its own, in a home that is not the user's: what is still there after a restart.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

mod shop;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::shop::{Browser, Home, Shop};

#[test]
fn a_log_in_survives_the_restart() {
    let home = Home::new();
    let shop = home.shop(&[]);
    let folder = home.folder();
    assert!(shop.line.contains(&format!("(sessions in SQLite, {})", folder.join("sessions.db").display())));
    assert_eq!(mode(&folder), 0o700);
    for file in ["key", "sessions.db"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    let mut ada = Browser::logged_in(&shop, "ada");
    let mut grace = Browser::logged_in(&shop, "grace");
    assert!(shop.stop("TERM").success());

    let shop = home.shop(&[]);
    assert_eq!(ada.name(&shop), Some("Ada"));
    ada.post(&shop, "/cart/add", "product=bowler&quantity=1");
    grace.post(&shop, "/log-out", "");
    assert!(!shop.stop("KILL").success());

    let shop = home.shop(&[]);
    assert_eq!((ada.name(&shop), grace.name(&shop)), (Some("Ada"), None));
    assert!(ada.get(&shop, "/cart").contains("€95.00"));
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_str().unwrap().starts_with(".key-")), "{names:?}");
}

#[test]
fn shops_that_start_at_once_share_the_key() {
    let home = Home::new();
    let shops: Vec<Shop> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| home.shop(&[]))).collect();
        starting.into_iter().map(|shop| shop.join().unwrap()).collect()
    });
    let mut ada = Browser::logged_in(&shops[0], "ada");
    for shop in &shops {
        assert_eq!(ada.name(shop), Some("Ada"));
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let home = Home::new();
    home.shop(&[]).stop("TERM");
    let key = home.folder().join("key");
    let text = fs::read_to_string(&key).unwrap();
    for loose in [0o644, 0o640, 0o604, 0o620] {
        fs::set_permissions(&key, Permissions::from_mode(loose)).unwrap();
        let told = home.refusal(&[]);
        assert!(told.contains(key.to_str().unwrap()) && told.contains("chmod 600"), "{told}");
        assert!(!told.contains(text.trim()));
    }
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "short").unwrap();
    assert!(home.refusal(&[]).contains("holds no key"));
    fs::write(&key, text).unwrap();
    home.shop(&[]);

    fs::set_permissions(home.folder(), Permissions::from_mode(0o777)).unwrap();
    assert!(home.refusal(&[]).contains("chmod 700"));
}

#[test]
fn a_secret_needs_no_key_beside_the_sessions() {
    let home = Home::new();
    let secret = ["--secret", "a secret of 32 bytes or more for the test"];
    let shop = home.shop(&secret);
    let mut ada = Browser::logged_in(&shop, "ada");
    assert!(!home.folder().join("key").exists());
    shop.stop("TERM");
    assert_eq!(ada.name(&home.shop(&secret)), Some("Ada"));
    assert_eq!(ada.name(&home.shop(&[])), None);
}

#[test]
fn another_store_leaves_the_home_alone() {
    let home = Home::new();
    let shop = home.shop(&["--store", "memory"]);
    assert!(shop.line.ends_with("(sessions in memory)\n"), "{}", shop.line);
    let file = home.path().join("a.db");
    let shop = home.shop(&["--store", &format!("sqlite:{}", file.display())]);
    assert!(shop.line.ends_with("(sessions in SQLite)\n"), "{}", shop.line);
    assert!(file.exists() && !home.folder().exists());
}

#[test]
fn a_shop_without_a_place_says_what_to_do() {
    let home = Home::new();
    fs::write(home.data(), "a file, where a folder should be").unwrap();
    let told = home.refusal(&[]);
    assert!(told.contains("--store memory") && told.contains(home.folder().to_str().unwrap()), "{told}");

    for (arguments, reason) in [
        (&["--store", "couchdb://u:hunter2@h"][..], "sqlite:PATH"),
        (&["--store", "redis://u:hunter2@h?layout=connect-redis"], "--express"),
        (&["--express", "connect-redis", "--secret", "hunter2, of 32 bytes or more, of the test"], "--store"),
        (&["--store", "sqlite:/nowhere/hunter2.db"], "--store memory"),
    ] {
        let told = home.refusal(arguments);
        assert!(told.contains(reason) && !told.contains("hunter2"), "{told}");
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
