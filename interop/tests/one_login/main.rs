//! One login for Express and Rust: real Express apps and the reference server, with one database.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]
#![allow(clippy::print_stdout, reason = "what a blind Express costs is told, not asserted")]

mod browser;
mod database;
mod layout;
mod pair;

mod documents;
mod keys;
mod killed;
mod logins;
mod races;

mod chromium;
mod proxy;
mod shops;

use crate::browser::Browser;
use crate::layout::{LateSaves, Layout};
use crate::pair::Pair;

#[test]
fn connect_mongodb_session() {
    check_all(Layout::CONNECT_MONGODB_SESSION);
}

#[test]
fn connect_mongodb_session_with_other_fields() {
    check_all(Layout::FIELDS);
}

#[test]
fn connect_mongo() {
    check_all(Layout::CONNECT_MONGO);
}

#[test]
fn connect_mongo_with_objects() {
    check_all(Layout::CONNECT_MONGO_OBJECT);
}

#[test]
fn connect_mongo_5() {
    check_all(Layout::CONNECT_MONGO_5);
}

#[test]
fn connect_mongo_5_with_objects() {
    check_all(Layout::CONNECT_MONGO_5_OBJECT);
}

#[test]
fn connect_redis() {
    check_all(Layout::CONNECT_REDIS);
}

#[test]
fn connect_pg_simple() {
    check_all(Layout::CONNECT_PG_SIMPLE);
}

#[test]
fn touches_in_redis() {
    documents::are_touched_by_either_side(&Pair::start(Layout::CONNECT_REDIS));
}

#[test]
fn touches_in_postgres() {
    documents::are_touched_by_either_side(&Pair::start(Layout::CONNECT_PG_SIMPLE));
}

fn check_all(layout: Layout) {
    let pair = Pair::start(layout);
    // First, since Rust has not begun any session yet: those of others it has to end well all the same.
    match layout.late_saves {
        LateSaves::Refused => races::a_late_save_of_express_revives_nothing(&pair),
        LateSaves::EndedAgain => races::what_a_late_save_of_express_revives_rust_ends_again(&pair),
        LateSaves::Revive => {}
    }
    logins::on_express_and_then_on_rust(&pair);
    logins::on_rust_and_then_on_express(&pair);
    logins::a_new_id_of_express_counts_on_rust(&pair);
    logins::of_express_are_listed_and_revoked_on_rust(&pair);
    documents::of_rust_look_like_those_of_express(&pair);
    documents::of_express_keep_what_rust_does_not_touch(&pair);
    documents::keep_the_lifetime_that_express_gave(&pair);
    if layout.is_text {
        documents::end_in_the_database_when_their_cookie_ends(&pair);
    }
    races::counting_with_a_careful_express_loses_nothing(&pair);
    races::counting_with_a_blind_express_fails_nowhere(&pair);
    races::a_late_touch_of_express_revives_nothing(&pair);
    races::a_late_save_of_rust_revives_nothing(&pair);
    if layout.late_saves != LateSaves::EndedAgain {
        races::without_tombstones_a_late_save_revives(&pair);
    }
    keys::rotate_on_either_side(&pair);
    killed::either_side_reads_what_the_other_left(&pair);
}

/// Both sides know the secret of connect-mongo 6's `createWebCryptoAdapter`; in the database nobody reads a session.
#[test]
fn encrypted_sessions_are_shared() {
    for layout in [Layout::CONNECT_MONGO_WEB_CRYPTO, Layout::CONNECT_MONGO_WEB_CRYPTO_OBJECT] {
        let pair = Pair::start(layout);
        races::a_late_save_of_express_revives_nothing(&pair);
        logins::on_express_and_then_on_rust(&pair);
        logins::on_rust_and_then_on_express(&pair);
        logins::a_new_id_of_express_counts_on_rust(&pair);
        documents::show_nothing_where_they_are_encrypted(&pair);
        races::counting_with_a_blind_express_fails_nowhere(&pair);
        races::a_late_save_of_rust_revives_nothing(&pair);
        keys::rotate_on_either_side(&pair);
    }
}

/// What only Express can decrypt is no session to Rust, and stays as it is.
#[test]
fn encrypted_sessions_are_left_alone() {
    for name in ["connect-mongo-crypto", "connect-mongo-5-crypto"] {
        let pair = Pair::start(Layout { name, ..Layout::CONNECT_MONGO });
        let mut visitor = Browser::default();
        visitor.tell(&pair.express, "/login/ada");
        let before = pair.database.document();
        let mut on_rust = visitor.clone();
        assert_eq!(on_rust.read(&pair.rust, "/dump"), "{}");
        on_rust.tell(&pair.rust, "/set/k/v");
        assert_ne!(on_rust.cookie, visitor.cookie, "a session of its own");
        assert!(pair.database.documents().contains(&before));
        assert_eq!(logins::user(&visitor.dump(&pair.express)), Some("ada"));
    }
}
