//! The short form of the fault runs. `cargo xtask test` says where the programs of the servers are.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, which print their figures")]

use std::path::Path;

use cloakroom_torture::faults::{Fault, Scale, Store};

/// Runs one fault, and prints its line.
async fn survives(store: Store, fault: Fault) {
    let report = fault.run(store, Scale::SHORT, Path::new(env!("CARGO_BIN_EXE_torture"))).await.unwrap();
    println!("{report}");
    report.check().unwrap();
}

macro_rules! survives {
    ($($name:ident: $store:ident $fault:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            survives(Store::$store, Fault::$fault).await;
        })*
    };
}

survives! {
    mongod_is_killed_and_started_again: Mongodb Killed,
    mongod_alone_is_killed_and_started_again: Mongodb AloneKilled,
    mongod_is_frozen_and_thawed: Mongodb Frozen,
    the_disk_of_mongod_is_full: Mongodb DiskFull,
    the_primary_is_killed: Mongodb PrimaryKilled,
    the_primary_is_frozen_until_there_are_two: Mongodb PrimaryFrozen,
    the_primary_steps_down: Mongodb SteppedDown,
    the_primary_goes_on_alone_and_dies: Mongodb CutOff,
    connections_to_mongod_are_reset: Mongodb Resets,
    connections_to_mongod_are_open_and_dead: Mongodb HalfOpen,
    the_network_to_mongod_is_slow: Mongodb Late,
    the_network_to_mongod_is_too_slow: Mongodb TooLate,
    clients_hang_up: Mongodb HangUp,
    the_clock_jumps: Mongodb ClockJumps,

    redis_is_killed_and_started_again: Redis Killed,
    redis_is_killed_that_may_lose_two_seconds: Redis KilledEverySecond,
    redis_is_frozen_and_thawed: Redis Frozen,
    the_disk_of_redis_is_full: Redis DiskFull,
    connections_to_redis_are_reset: Redis Resets,
    connections_to_redis_are_open_and_dead: Redis HalfOpen,
    the_network_to_redis_is_slow: Redis Late,
    the_network_to_redis_is_too_slow: Redis TooLate,

    postgres_is_killed_and_started_again: Postgres Killed,
    postgres_is_frozen_and_thawed: Postgres Frozen,
    connections_to_postgres_are_reset: Postgres Resets,
    connections_to_postgres_are_open_and_dead: Postgres HalfOpen,
    the_network_to_postgres_is_slow: Postgres Late,
    the_network_to_postgres_is_too_slow: Postgres TooLate,

    an_application_with_a_file_is_killed_and_started_again: Sqlite Killed,
    the_disk_of_an_application_with_a_file_is_full: Sqlite DiskFull,
}

/// What the write concern is for, and that the runs find what is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_w1_an_election_takes_back_what_was_acknowledged() {
    let report = Fault::cut_off_with_w1(Scale::SHORT).await.unwrap();
    println!("{report}");
    let lost = |violation: &String| violation.contains("increments were acknowledged");
    assert!(report.violations().iter().any(lost), "{:?}", report.violations());
}
