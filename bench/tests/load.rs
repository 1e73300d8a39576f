//! The load that the comparison puts on servers, on the reference server: that it counts rightly. How fast anything is, no test
//! judges.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use std::time::Duration;

use cloakroom_bench::load::{Cookies, Jar, Load};
use cloakroom_bench::measure::{CASES, Plan, Subject, measure, nothing};
use cloakroom_bench::servers::{CLOAKROOM, Cpus, Server};

fn server(limit: &str) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reference-server"));
    command.env_clear().env("SECRET", "keyboard cat").env("LIMIT", limit);
    Server::start(command, &Cpus::any()).unwrap()
}

#[test]
fn requests_are_sent_as_often_as_they_should_be_and_by_whom() {
    let server = server("4000000");
    let run = |load: Load<'_>, jars: &mut Vec<Jar>| load.run(server.address(), jars).unwrap();
    let mut browsers = Vec::new();

    let made = run(Load::new("POST", "/incr", 8, 40).cookies(Cookies::Collect(1)), &mut browsers);
    assert_eq!((made.requests(), made.set_cookies(), browsers.len()), (40, 40, 40));
    assert_eq!(made.last(), "1", "each is a session of its own");

    // Every request counts once, with the cookies of some browser: a connection that is answered sooner sends more.
    let counted = run(Load::new("POST", "/incr", 8, 400).cookies(Cookies::Send), &mut browsers);
    assert_eq!((counted.requests(), counted.set_cookies()), (400, 0));
    let read = |browser: &Jar| {
        let load = Load::new("GET", "/read", 1, 1).cookies(Cookies::Send);
        run(load, &mut vec![browser.clone()]).last().parse::<usize>().unwrap()
    };
    let counts: Vec<usize> = browsers.iter().map(read).collect();
    assert_eq!(counts.iter().sum::<usize>(), 440, "{counts:?}");
    assert!(counts[..8].iter().all(|count| *count > 1), "those that every connection began with: {counts:?}");

    let anonymous = run(Load::new("GET", "/read", 3, 30), &mut browsers);
    assert_eq!((anonymous.last(), anonymous.requests()), ("0", 30));
    assert!(anonymous.taken() > Duration::ZERO && anonymous.percentile(50) <= anonymous.percentile(99));

    // Values of the sizes that are measured.
    for bytes in ["100", "1000000"] {
        let mut one = vec![Jar::default()];
        run(Load::new("POST", &format!("/ext/fill/{bytes}"), 1, 2).cookies(Cookies::Send), &mut one);
        assert_eq!(run(Load::new("GET", "/ext/length", 1, 1).cookies(Cookies::Send), &mut one).last(), bytes);
    }

    // In a row, and only some of them kept.
    let load = Load { in_a_row: 16, ..Load::new("POST", "/incr", 2, 100) };
    let mut kept = Vec::new();
    assert_eq!(run(load.cookies(Cookies::Collect(10)), &mut kept).set_cookies(), 100);
    assert_eq!(kept.len(), 10);
}

#[test]
fn what_is_not_answered_with_200_is_an_error() {
    let server = server("1000");
    let mut browsers = Vec::new();
    let run = |method, path, jars: &mut Vec<Jar>| Load::new(method, path, 2, 10).run(server.address(), jars);
    assert!(format!("{:#}", run("GET", "/none", &mut browsers).unwrap_err()).contains("404"));
    assert!(run("POST", "/ext/fill/900", &mut browsers).is_ok());
    assert!(run("POST", "/ext/fill/2000", &mut browsers).is_err(), "beyond LIMIT");
    let too_few = Load::new("GET", "/read", 2, 10).cookies(Cookies::Send).run(server.address(), &mut browsers);
    assert!(too_few.is_err());
}

#[test]
fn a_measurement_in_rounds_tells_of_every_request() {
    let plan = Plan { rounds: 3, one: Duration::from_millis(20), browsers: 32 };
    let mut subjects = [Subject::of(CLOAKROOM, server("1000"), plan.browsers).unwrap()];
    for case in CASES {
        let needed = measure(&mut subjects, &case, 8, &plan, nothing).unwrap();
        let [needed] = needed.as_slice() else { panic!("one server was measured") };
        // A request takes more than nothing and less than a second, on any machine.
        let (lowest, highest) = needed.cpu.range();
        assert!(lowest > 0.0 && highest < 1e6, "{}: {lowest} to {highest} µs", case.name);
        assert!(
            needed.rate.median() > 1.0 && needed.half.median() <= needed.most.median(),
            "{}: {needed:?}",
            case.name
        );
    }
}
