//! The short form of the fault runs. `MONGOD` names the program; `cargo xtask test` sets it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, which print their figures")]

use cloakroom_torture::faults::{Fault, Scale};

/// Runs one fault, and prints its line.
async fn survives(fault: Fault) {
    let report = fault.run(Scale::SHORT).await.unwrap();
    println!("{report}");
    report.check().unwrap();
}

macro_rules! survives {
    ($($name:ident: $fault:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            survives(Fault::$fault).await;
        })*
    };
}

survives! {
    mongod_is_killed_and_started_again: Killed,
    mongod_alone_is_killed_and_started_again: AloneKilled,
    mongod_is_frozen_and_thawed: Frozen,
    the_disk_is_full: DiskFull,
    the_primary_is_killed: PrimaryKilled,
    the_primary_is_frozen_until_there_are_two: PrimaryFrozen,
    the_primary_steps_down: SteppedDown,
    the_primary_goes_on_alone_and_dies: CutOff,
    connections_are_reset: Resets,
    connections_are_open_and_dead: HalfOpen,
    the_network_is_slow: Late,
    the_network_is_too_slow: TooLate,
    clients_hang_up: HangUp,
    the_clock_jumps: ClockJumps,
}

/// What the write concern is for, and that the runs find what is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_w1_an_election_takes_back_what_was_acknowledged() {
    let report = Fault::cut_off_with_w1(Scale::SHORT).await.unwrap();
    println!("{report}");
    let lost = |violation: &String| violation.contains("increments were acknowledged");
    assert!(report.violations().iter().any(lost), "{:?}", report.violations());
}
