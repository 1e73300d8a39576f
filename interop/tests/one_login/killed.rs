//! A process that dies in the middle of a request leaves what the other can read.

use std::time::Duration;

use crate::browser::Browser;
use crate::pair::{Pair, Setup};

pub(crate) fn either_side_reads_what_the_other_left(pair: &Pair) {
    let mut visitor = Browser::default();
    visitor.tell(&pair.rust, "/set/k/v");

    let mut express = pair.another_express(&[]);
    visitor.clone().send(&express, "POST", "/kill-me/last/words");
    express.wait();
    assert_eq!(visitor.dump(&pair.rust)["last"], "words", "it was saved before");
    assert_eq!(visitor.dump(&pair.rust)["k"], "v");

    // A handler of Rust that is cut off has written nothing yet; what others wrote stays whole.
    let rust = pair.another_rust(Setup::default());
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| visitor.clone().send(&rust, "POST", "/slow/10000/never/v").is_some());
        std::thread::sleep(Duration::from_millis(300));
        assert!(!slow.is_finished());
        rust.signal_kill();
        assert!(!slow.join().unwrap());
    });
    let seen = visitor.dump(&pair.express);
    assert_eq!((&seen["k"], &seen["last"], seen.get("never")), (&"v".into(), &"words".into(), None));

    // And in the middle of many writes.
    let rust = pair.another_rust(Setup::default());
    let counted = std::thread::scope(|scope| {
        let run = || (0..).take_while(|_| visitor.clone().send(&rust, "POST", "/incr").is_some()).count();
        let counting = (0..4).map(|_| scope.spawn(run)).collect::<Vec<_>>();
        std::thread::sleep(Duration::from_millis(300));
        rust.signal_kill();
        counting.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    // What was under way may or may not count, and may still be on its way to the database.
    let left: usize = visitor.read(&pair.express, "/read").parse().unwrap();
    assert!(counted > 0 && (counted..=counted + 4).contains(&left), "{counted} were answered, {left} were counted");
    let next: usize = visitor.tell(&pair.rust, "/incr").parse().unwrap();
    assert!((left + 1..=counted + 5).contains(&next), "{counted} were answered, {left} were counted, and then {next}");
}
