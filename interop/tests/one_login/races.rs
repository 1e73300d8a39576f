//! Both sides write at once.

use std::time::Duration;

use crate::browser::{Answer, Browser};
use crate::pair::{Pair, Setup};
use crate::process::Server;

/// How many browsers' connections each side has to serve at once.
const CONNECTIONS: usize = 4;

/// How often each side counts.
const COUNTS: usize = 200;

/// Rust counts, and so does an Express app that writes only where nobody else has: nothing is lost.
pub(crate) fn counting_with_a_careful_express_loses_nothing(pair: &Pair) {
    let mut visitor = Browser::default();
    visitor.tell(&pair.express, "/set/k/v");
    let answers = count(pair, &visitor, "/incr-cas");
    let mut seen = answers.iter().map(|answer| answer.parse::<usize>().unwrap()).collect::<Vec<_>>();
    seen.sort_unstable();
    assert_eq!(seen, (1..=2 * COUNTS).collect::<Vec<_>>(), "each was told another number");
    for server in [&pair.express, &pair.rust] {
        assert_eq!(visitor.read(server, "/read"), (2 * COUNTS).to_string());
        assert_eq!(visitor.dump(server)["k"], "v");
    }
    assert_eq!(pair.errors(), Vec::<String>::new());
}

/// Express as it comes overwrites the whole session with what it has read. How much that loses is told, no more; nobody
/// fails, and a log-out is a log-out.
pub(crate) fn counting_with_a_blind_express_fails_nowhere(pair: &Pair) {
    let mut visitor = Browser::default();
    visitor.tell(&pair.express, "/set/k/v");
    count(pair, &visitor, "/incr");
    let left: usize = visitor.read(&pair.rust, "/read").parse().unwrap();
    println!("{}: of {} increments a blind Express lost {}", pair.layout.name, 2 * COUNTS, 2 * COUNTS - left);
    assert_eq!(visitor.read(&pair.express, "/read"), left.to_string());
    assert_eq!(pair.errors(), Vec::<String>::new());

    let ticket = visitor.clone();
    std::thread::scope(|scope| {
        let blind = (0..CONNECTIONS).map(|_| scope.spawn(|| late_counts(&pair.express, &ticket))).collect::<Vec<_>>();
        std::thread::sleep(Duration::from_millis(50));
        visitor.tell(&pair.rust, "/logout");
        drop(blind);
    });
    pair.assert_dead(&ticket);
    pair.errors();
}

/// Counts with one ticket until its session is dead. What a dead session's saves are answered does not matter.
fn late_counts(express: &Server, ticket: &Browser) {
    for _ in 0..50 {
        // An own browser each time: once the session is dead, Express hands out another ticket.
        ticket.clone().send(express, "POST", "/incr");
    }
}

/// All answers of both sides.
fn count(pair: &Pair, visitor: &Browser, express_route: &str) -> Vec<String> {
    let sides = [(&pair.express, express_route), (&pair.rust, "/incr")];
    std::thread::scope(|scope| {
        let each = |(server, route)| (0..CONNECTIONS).map(move |_| (server, route));
        let spawn = |(server, route)| {
            let mut visitor = visitor.clone();
            scope.spawn(move || (0..COUNTS / CONNECTIONS).map(|_| visitor.tell(server, route)).collect::<Vec<_>>())
        };
        let running: Vec<_> = sides.into_iter().flat_map(each).map(spawn).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Express saves a session that Rust has ended meanwhile: the tombstone keeps it dead.
pub(crate) fn a_late_save_of_express_revives_nothing(pair: &Pair) {
    for end in ["/logout", "/login/ada"] {
        let mut visitor = Browser::default();
        visitor.tell(&pair.express, "/set/k/v");
        let ticket = visitor.clone();
        during_a_slow_request(&pair.express, &ticket, || {
            visitor.tell(&pair.rust, end);
        });
        pair.assert_dead(&ticket);
        assert!(pair.errors().iter().any(|error| error.contains("Document failed validation")), "{end}");
        // And the dead ticket is nothing but a ticket of nobody: Express hands out another one.
        let mut again = ticket.clone();
        assert_eq!(again.tell(&pair.express, "/set/a/b"), "ok");
        assert_ne!(again.cookie, ticket.cookie);
        assert_eq!(pair.errors(), Vec::<String>::new());
    }
}

/// Express touches a session that it has only read and Rust has ended meanwhile.
pub(crate) fn a_late_touch_of_express_revives_nothing(pair: &Pair) {
    let touching = pair.another_express(&[("MAX_AGE", "3600000"), ("TOUCH_AFTER", "1")]);
    let mut visitor = Browser::default();
    visitor.tell(&touching, "/set/k/v");
    let ticket = visitor.clone();
    // Older than a second, so that it is touched.
    std::thread::sleep(Duration::from_millis(1_100));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| ticket.clone().send(&touching, "POST", "/slow-read/500"));
        std::thread::sleep(Duration::from_millis(150));
        visitor.tell(&pair.rust, "/logout");
        slow.join().unwrap();
    });
    pair.assert_dead(&ticket);
    assert_eq!(ticket.clone().read(&touching, "/dump"), "{}");
}

/// What the tombstones are against: without them Express' save makes the session anew, as it was.
pub(crate) fn without_tombstones_a_late_save_revives(pair: &Pair) {
    let plain = pair.another_rust(Setup { options: "tombstones=0", ..Setup::default() });
    let mut visitor = Browser::default();
    visitor.tell(&pair.express, "/set/k/v");
    let ticket = visitor.clone();
    during_a_slow_request(&pair.express, &ticket, || {
        visitor.tell(&plain, "/logout");
        assert_eq!(ticket.clone().read(&plain, "/dump"), "{}");
    });
    let revived = ticket.clone().dump(&plain);
    println!("{}: without tombstones a late save of Express revives {revived}", pair.layout.name);
    assert_eq!(revived["late"], "v", "if this is so no more, docs/from-express.md is wrong");
}

/// The other way round Rust needs no help.
pub(crate) fn a_late_save_of_rust_revives_nothing(pair: &Pair) {
    for end in ["/logout", "/login/ada"] {
        let mut visitor = Browser::default();
        visitor.tell(&pair.rust, "/set/k/v");
        let ticket = visitor.clone();
        let late = during_a_slow_request(&pair.rust, &ticket, || {
            visitor.tell(&pair.express, end);
        });
        assert_eq!((late.status, late.header("set-cookie")), (409, None), "{late:?}");
        pair.assert_dead(&ticket);
    }
}

/// The answer to a request that loaded its session before `then` ran and writes it after. The times leave room for a busy
/// machine, on which a thread may have to wait its turn.
fn during_a_slow_request(server: &Server, ticket: &Browser, then: impl FnOnce()) -> Answer {
    let mut visitor = ticket.clone();
    std::thread::scope(|scope| {
        let slow = scope.spawn(move || visitor.post(server, "/slow/500/late/v"));
        std::thread::sleep(Duration::from_millis(150));
        then();
        assert!(!slow.is_finished(), "the slow request was not slow enough");
        slow.join().unwrap()
    })
}
