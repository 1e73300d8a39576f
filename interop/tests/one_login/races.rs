//! Both sides write at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cloakroom_interop::http::Answer;

use crate::browser::Browser;
use crate::layout::LateSaves;
use crate::pair::{Pair, Setup};
use cloakroom_interop::process::Server;

/// How many browsers' connections each side has to serve at once. Where the session is a text, all of them write the same field.
const CONNECTIONS: usize = 2;

/// How often each side counts.
const COUNTS: usize = 200;

/// Rust counts, and so does an Express app that writes only where nobody else has: nothing is lost.
pub(crate) fn counting_with_a_careful_express_loses_nothing(pair: &Pair) {
    let mut visitor = Browser::default();
    visitor.tell(&pair.express, "/set/k/v");
    let counted = count(pair, &visitor, "/incr-cas");
    let n: usize = visitor.read(&pair.rust, "/read").parse().unwrap();
    let most = counted.told.len() + counted.unknown;
    assert!((counted.told.len()..=most).contains(&n), "{n} of {counted:?}");
    let distinct: BTreeSet<usize> = counted.told.iter().copied().collect();
    assert_eq!(distinct.len(), counted.told.len(), "each was told another number");
    assert!(distinct.iter().all(|told| (1..=n).contains(told)));
    assert_eq!(visitor.read(&pair.express, "/read"), n.to_string());
    for server in [&pair.express, &pair.rust] {
        assert_eq!(visitor.dump(server)["k"], "v");
    }
    assert_eq!(pair.errors(), Vec::<String>::new());
}

/// Express as it comes overwrites the whole session with what it has read. How much that loses is told, no more; nobody
/// fails, and a log-out is a log-out, where anything can make it one.
pub(crate) fn counting_with_a_blind_express_fails_nowhere(pair: &Pair) {
    let mut visitor = Browser::default();
    visitor.tell(&pair.express, "/set/k/v");
    let told = count(pair, &visitor, "/incr").told.len();
    let left: usize = visitor.read(&pair.rust, "/read").parse().unwrap();
    println!("{}: of {told} increments a blind Express lost {}", pair.layout.name, told.saturating_sub(left));
    assert_eq!(visitor.read(&pair.express, "/read"), left.to_string());
    assert_eq!(pair.errors(), Vec::<String>::new());

    if pair.layout.late_saves == LateSaves::Revive {
        return;
    }
    let ticket = visitor.clone();
    std::thread::scope(|scope| {
        let blind = (0..CONNECTIONS).map(|_| scope.spawn(|| late_counts(&pair.express, &ticket))).collect::<Vec<_>>();
        std::thread::sleep(Duration::from_millis(50));
        visitor.tell(&pair.rust, "/logout");
        drop(blind);
    });
    assert_eq!(ticket.clone().read(&pair.rust, "/dump"), "{}");
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

/// What became of the increments of both sides.
#[derive(Debug)]
struct Counted {
    told: Vec<usize>,
    /// A machine that is too busy makes Rust answer 503 at its deadline: counted once, or not at all.
    unknown: usize,
}

fn count(pair: &Pair, visitor: &Browser, express_route: &str) -> Counted {
    let sides = [(&pair.express, express_route), (&pair.rust, "/incr")];
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let each = |(server, route)| (0..CONNECTIONS).map(move |_| (server, route));
        let spawn = |(server, route)| {
            let mut visitor = visitor.clone();
            scope.spawn(move || (0..COUNTS / CONNECTIONS).map(|_| visitor.post(server, route)).collect::<Vec<_>>())
        };
        let running: Vec<_> = sides.into_iter().flat_map(each).map(spawn).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let (unknown, told): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 503);
    assert!(unknown.len() <= COUNTS / 10, "{} increments were answered 503", unknown.len());
    Counted { told: told.iter().map(number).collect(), unknown: unknown.len() }
}

fn number(answer: &Answer) -> usize {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.parse().unwrap()
}

/// Express saves a session that Rust has ended meanwhile: the tombstone keeps it dead.
pub(crate) fn a_late_save_of_express_revives_nothing(pair: &Pair) {
    for end in ["/logout", "/login/ada"] {
        let mut visitor = Browser::default();
        visitor.tell(&pair.express, "/set/k/v");
        let ticket = visitor.clone();
        during_a_held_request(&pair.express, &ticket, "/held/late/v", || {
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

/// Where nothing can refuse the save, Rust remembers what it has ended: to Rust it stays dead, and it ends it again where it
/// comes across it. Until then it is alive in Express.
pub(crate) fn what_a_late_save_of_express_revives_rust_ends_again(pair: &Pair) {
    for end in ["/logout", "/login/ada"] {
        let mut visitor = Browser::default();
        visitor.tell(&pair.express, "/set/k/v");
        let ticket = visitor.clone();
        during_a_held_request(&pair.express, &ticket, "/held/late/v", || {
            visitor.tell(&pair.rust, end);
        });
        let revived = ticket.clone().dump(&pair.express);
        assert_eq!(revived["late"], "v", "{end}: if this is so no more, docs/from-express.md is wrong");
        assert_eq!(ticket.clone().read(&pair.rust, "/dump"), "{}", "{end}");
        pair.assert_dead(&ticket);
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
    during_a_held_request(&touching, &ticket, "/held", || {
        visitor.tell(&pair.rust, "/logout");
    });
    pair.assert_dead(&ticket);
    assert_eq!(ticket.clone().read(&touching, "/dump"), "{}");
}

/// What the tombstones are against: without them Express' save makes the session anew, as it was; and so it does where there
/// are none.
pub(crate) fn without_tombstones_a_late_save_revives(pair: &Pair) {
    let plain = pair.another_rust(Setup { tombstones: false, ..Setup::default() });
    let mut visitor = Browser::default();
    visitor.tell(&pair.express, "/set/k/v");
    let ticket = visitor.clone();
    during_a_held_request(&pair.express, &ticket, "/held/late/v", || {
        visitor.tell(&plain, "/logout");
        assert_eq!(ticket.clone().read(&plain, "/dump"), "{}");
    });
    let revived = ticket.clone().dump(&plain);
    println!("{}: without tombstones a late save of Express revives {revived}", pair.layout.name);
    assert_eq!(revived["late"], "v", "if this is so no more, docs/from-express.md is wrong");
}

/// The other way round Rust needs no help.
pub(crate) fn a_late_save_of_rust_revives_nothing(pair: &Pair) {
    let check = |end| {
        let mut visitor = Browser::default();
        visitor.tell(&pair.rust, "/set/k/v");
        let ticket = visitor.clone();
        let late = during_a_slow_request(&pair.rust, &ticket, || {
            visitor.tell(&pair.express, end);
        });
        assert_eq!((late.status, late.header("set-cookie")), (409, None), "{late:?}");
        pair.assert_dead(&ticket);
    };
    // At the same time, since most of it is waiting.
    std::thread::scope(|scope| {
        for end in ["/logout", "/login/ada"] {
            scope.spawn(move || check(end));
        }
    });
}

/// A request of an Express peer that loads its session before `then` runs, and writes after it.
fn during_a_held_request(express: &Server, ticket: &Browser, route: &str, then: impl FnOnce()) {
    std::thread::scope(|scope| {
        let late = scope.spawn(|| ticket.clone().send(express, "POST", route));
        let started = Instant::now();
        while Browser::default().read(express, "/held") == "0" {
            assert!(started.elapsed() < Duration::from_secs(30) && !late.is_finished(), "{route} does not wait");
            std::thread::sleep(Duration::from_millis(5));
        }
        then();
        Browser::default().tell(express, "/let-go");
        // Express may break off an answer whose save has failed.
        late.join().unwrap();
    });
}

/// The same of a reference server, which can't be held: the times leave room for a busy machine.
fn during_a_slow_request(rust: &Server, ticket: &Browser, then: impl FnOnce()) -> Answer {
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| ticket.clone().post(rust, "/slow/3000/late/v"));
        std::thread::sleep(Duration::from_millis(750));
        then();
        assert!(!slow.is_finished(), "the slow request was not slow enough");
        slow.join().unwrap()
    })
}
