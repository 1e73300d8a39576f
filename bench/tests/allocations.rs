//! How often a request allocates: what the layer adds to a router with a layer that does nothing.
//!
//! The counts are exact, whatever the machine does meanwhile. Where one grows, find out why before this file follows; where one
//! falls, let it follow.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../benches/apps/mod.rs"]
mod apps;

use crate::apps::{App, CASES, runtime};

/// What the layer adds to each of the cases.
const ADDED: [(&str, u64); 8] = [
    // The session's place, the box in which requests keep extensions, and more room in the map where axum keeps its own.
    ("no cookie, untouched", 4),
    ("untouched", 4),
    // The session itself, which is made for who asks for it. Reading it allocates nothing.
    ("read", 5),
    ("write", 8),
    ("write what is so", 8),
    ("increment", 11),
    ("update", 11),
    ("new session", 17),
];

#[test]
fn no_request_allocates_more_than_it_did() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let bare = allocations(&mut App::bare(), "/untouched", false);
    let mut app = App::ours();
    let added = CASES.map(|case| (case.name, allocations(&mut app, case.ours, case.has_session) - bare));
    assert_eq!(added, ADDED);

    // What is not asked for needs no more than the least that a session can do with, and what is read one more.
    let mut app = App::by_hand();
    let by_hand = CASES.map(|case| allocations(&mut app, case.by_hand, case.has_session) - bare);
    let is_least = |((_, ours), by_hand): (&(_, u64), u64)| *ours <= by_hand;
    let [untouched, also_untouched, read, ..] = by_hand;
    assert!(ADDED.iter().zip([untouched, also_untouched, read + 1]).all(is_least), "{by_hand:?}");

    // That the count sees what others allocate, and in no more of it than they do.
    for mut app in [App::theirs(), App::theirs_signed()] {
        let theirs = CASES.map(|case| allocations(&mut app, case.theirs, case.has_session) - bare);
        let is_less = |((_, ours), theirs): (&(_, u64), &u64)| ours < theirs;
        assert!(ADDED.iter().zip(&theirs).take(7).all(is_less), "{theirs:?}");
    }
}

/// How many allocations a call of the application makes: the least of several calls, since maps grow now and then.
fn allocations(app: &mut App, path: &str, has_session: bool) -> u64 {
    let one = || {
        let request = app.request(path, has_session);
        let mut response = None;
        let counted = allocation_counter::measure(|| response = Some(app.call(request)));
        assert!(response.unwrap().status().is_success());
        counted.count_total
    };
    std::iter::repeat_with(one).take(100).min().unwrap()
}
