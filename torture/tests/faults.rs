//! The short form of the fault runs. `cargo xtask test` says where the programs of the servers are.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, which print their figures")]

use std::path::Path;

use cloakroom_torture::faults::{Fault, Scale, Store};
use futures_util::future::join_all;

/// Makes the fault of all of these stores at once, since most of it is waiting, and prints a line for each.
async fn survive(fault: Fault, stores: &[Store]) {
    let program = Path::new(env!("CARGO_BIN_EXE_torture"));
    let reports = join_all(stores.iter().map(|store| fault.run(*store, Scale::SHORT, program))).await;
    let reports: Vec<_> = reports.into_iter().map(Result::unwrap).collect();
    reports.iter().for_each(|report| println!("{report}"));
    reports.iter().for_each(|report| report.check().unwrap());
}

macro_rules! survive {
    ($($name:ident: $fault:ident of $($store:ident),+;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            survive(Fault::$fault, &[$(Store::$store),+]).await;
        })*
    };
}

survive! {
    mongod_is_killed_and_started_again: Killed of Mongodb;
    mongod_alone_is_killed_and_started_again: AloneKilled of Mongodb;
    mongod_is_frozen_and_thawed: Frozen of Mongodb;
    the_disk_of_mongod_is_full: DiskFull of Mongodb;
    the_primary_is_killed: PrimaryKilled of Mongodb;
    the_primary_is_frozen_until_there_are_two: PrimaryFrozen of Mongodb;
    the_primary_steps_down: SteppedDown of Mongodb;
    the_primary_goes_on_alone_and_dies: CutOff of Mongodb;
    connections_to_mongod_are_reset: Resets of Mongodb;
    connections_to_mongod_are_open_and_dead: HalfOpen of Mongodb;
    the_network_to_mongod_is_slow: Late of Mongodb;
    the_network_to_mongod_is_too_slow: TooLate of Mongodb;
    clients_hang_up: HangUp of Mongodb;
    the_clock_jumps: ClockJumps of Mongodb;

    others_are_killed_and_started_again: Killed of Redis, Postgres, Sqlite;
    redis_is_killed_that_may_lose_two_seconds: KilledEverySecond of Redis;
    others_are_frozen_and_thawed: Frozen of Redis, Postgres;
    the_disk_of_others_is_full: DiskFull of Redis, Sqlite;
    connections_to_others_are_reset: Resets of Redis, Postgres;
    connections_to_others_are_open_and_dead: HalfOpen of Redis, Postgres;
    the_network_to_others_is_slow: Late of Redis, Postgres;
    the_network_to_others_is_too_slow: TooLate of Redis, Postgres;
}

/// What the write concern is for, and that the runs find what is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_w1_an_election_takes_back_what_was_acknowledged() {
    let report = Fault::cut_off_with_w1(Scale::SHORT).await.unwrap();
    println!("{report}");
    let lost = |violation: &String| violation.contains("increments were acknowledged");
    assert!(report.violations().iter().any(lost), "{:?}", report.violations());
}

/// What the file is for, and that the runs find what is lost on a server of another kind, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_file_redis_loses_what_was_acknowledged() {
    let report = Fault::killed_without_file(Scale::SHORT).await.unwrap();
    println!("{report}");
    let lost = |violation: &String| violation.contains("increments were acknowledged");
    assert!(report.lost > 0 && report.violations().iter().any(lost), "{:?}", report.violations());
}
