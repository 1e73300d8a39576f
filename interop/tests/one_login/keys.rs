//! New secrets, on one side first.

use crate::browser::Browser;
use crate::pair::{Pair, Setup};

pub(crate) fn rotate_on_either_side(pair: &Pair) {
    let next = [("SECRET", "newest,new,keyboard cat")];
    let only = [("SECRET", "newest")];
    let express = pair.another_express(&next);
    let rust = pair.another_rust(Setup { rust: &next, ..Setup::default() });

    // Old tickets of either side are good on either side that still knows the secret.
    let mut visitor = Browser::default();
    visitor.tell(&pair.express, "/set/by/express");
    assert_eq!(visitor.dump(&rust)["by"], "express");
    assert_eq!(visitor.dump(&express)["by"], "express");
    let mut other = Browser::default();
    other.tell(&pair.rust, "/set/by/rust");
    assert_eq!(other.dump(&express)["by"], "rust");

    // What the newest secret has signed, those who don't know it yet take for no ticket: give it to all as an old one first.
    let mut early = Browser::default();
    early.tell(&rust, "/set/by/newest");
    assert_eq!(early.read(&pair.express, "/dump"), "{}");
    assert_eq!(early.read(&pair.rust, "/dump"), "{}");
    assert_eq!(early.dump(&express)["by"], "newest");

    // A write of Rust hands out the ticket anew, under the newest secret; then the old ones can go.
    let before = visitor.clone();
    visitor.tell(&rust, "/set/k/v");
    assert_ne!(visitor.cookie, before.cookie);
    for server in [pair.another_express(&only), pair.another_rust(Setup { rust: &only, ..Setup::default() })] {
        assert_eq!(visitor.dump(&server)["k"], "v");
        assert_eq!(before.clone().read(&server, "/dump"), "{}");
    }
}
