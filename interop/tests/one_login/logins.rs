//! Who logs in, changes and logs out on either side does so on both.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::pair::{Pair, Setup};

/// Who is logged in, as either side writes it.
pub(crate) fn user(data: &Value) -> Option<&str> {
    data["user"].as_str().or_else(|| data["user"]["id"].as_str())
}

pub(crate) fn on_express_and_then_on_rust(pair: &Pair) {
    let (express, rust) = (&pair.express, &pair.rust);
    let mut ada = Browser::default();
    ada.tell(express, "/login/ada");
    ada.tell(express, "/set/from/express");
    ada.tell(express, "/incr");
    let ticket = ada.clone();

    assert_eq!(user(&ada.dump(rust)), Some("ada"));
    assert_eq!(ada.dump(rust)["from"], "express");
    assert_eq!(ada.tell(rust, "/incr"), "2");
    assert_eq!(ada.tell(rust, "/update"), "3");
    ada.tell(rust, "/set/rust/was%20here");
    ada.tell(rust, "/unset/from");
    assert_eq!(ada.cookie, ticket.cookie, "the ticket of Express is as good as one of Rust");

    assert_eq!(ada.dump(express), json!({ "user": { "id": "ada" }, "n": 3, "rust": "was here" }));
    assert_eq!(ada.tell(express, "/incr"), "4");
    assert_eq!(ada.tell(rust, "/logout"), "ok");
    assert_eq!(ada.cookie, None, "the browser was told to drop the ticket");
    pair.assert_dead(&ticket);
}

pub(crate) fn on_rust_and_then_on_express(pair: &Pair) {
    let (express, rust) = (&pair.express, &pair.rust);
    let mut grace = Browser::default();
    grace.tell(rust, "/set/cart/full");
    let anonymous = grace.clone();
    assert_eq!(grace.dump(express), json!({ "cart": "full" }));
    grace.tell(rust, "/login/grace");
    assert_ne!(grace.cookie, anonymous.cookie);
    pair.assert_dead(&anonymous);

    let seen = grace.dump(express);
    assert_eq!((user(&seen), &seen["cart"]), (Some("grace"), &json!("full")));
    grace.tell(express, "/set/from/express");
    assert_eq!(grace.tell(express, "/incr"), "1");
    assert_eq!(grace.tell(express, "/incr"), "2");
    assert_eq!(grace.tell(rust, "/incr"), "3");
    assert_eq!(grace.dump(rust)["from"], "express");

    let ticket = grace.clone();
    grace.tell(express, "/logout");
    pair.assert_dead(&ticket);
    assert_eq!(pair.errors(), Vec::<String>::new());
}

/// A log-in on Express takes the session away from under who has the old ticket, on both sides.
pub(crate) fn a_new_id_of_express_counts_on_rust(pair: &Pair) {
    let mut linus = Browser::default();
    linus.tell(&pair.rust, "/set/k/v");
    let before = linus.clone();
    linus.tell(&pair.express, "/login/linus");
    assert_ne!(linus.cookie, before.cookie);
    assert_eq!(user(&linus.dump(&pair.rust)), Some("linus"));
    pair.assert_dead(&before);
    linus.tell(&pair.rust, "/login/linus");
    assert_eq!(user(&linus.dump(&pair.express)), Some("linus"));
}

/// Who has logged in on Express is in Rust's directory, by the id that Express wrote, and can be logged out there.
pub(crate) fn of_express_are_listed_and_revoked_on_rust(pair: &Pair) {
    let rust = pair.another_rust(Setup { options: "user_at=user.id", ..Setup::default() });
    let (mut here, mut there, mut other) = (Browser::default(), Browser::default(), Browser::default());
    here.tell(&pair.express, "/login/lin");
    there.tell(&pair.express, "/login/lin");
    other.tell(&pair.express, "/login/mae");

    let listed: Vec<Value> = serde_json::from_str(&here.read(&rust, "/sessions")).unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    let far: Vec<&str> = listed
        .iter()
        .filter(|device| device["current"] == false)
        .map(|device| device["handle"].as_str().unwrap())
        .collect();
    let [far] = far.as_slice() else { panic!("{listed:?}") };
    here.tell(&rust, &format!("/revoke/{far}"));

    pair.assert_dead(&there);
    assert_eq!(user(&here.dump(&pair.express)), Some("lin"));
    assert_eq!(user(&other.dump(&pair.express)), Some("mae"));
    assert_eq!(pair.errors(), Vec::<String>::new());
}
