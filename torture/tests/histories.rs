//! Random concurrent histories on every store: the short form of what `cargo xtask torture` runs for long.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use cloakroom_torture::history::stores::by_name;
use cloakroom_torture::history::torment::{Dose, torment};

fn no_violation_on(store: &str, dose: Dose, least: u64) {
    let figures = torment(by_name(store).unwrap(), dose).unwrap();
    if let Some(failure) = figures.failure {
        panic!("{}", failure.describe(store));
    }
    let (histories, undecided) = (figures.histories, figures.undecided);
    assert!(histories >= least, "{histories} histories only");
    assert!(undecided * 1_000 < figures.operations, "{undecided} sessions of {histories} histories are undecided");
}

/// The same ones each time.
#[test]
fn histories_on_memory() {
    let dose =
        Dose { first_seed: 0, histories: 600, time: Duration::from_secs(60), shrinking: Duration::from_secs(20) };
    no_violation_on("memory", dose, 300);
}

/// The same ones each time, too.
#[test]
fn histories_over_moves() {
    let dose =
        Dose { first_seed: 0, histories: 600, time: Duration::from_secs(60), shrinking: Duration::from_secs(20) };
    no_violation_on("moving", dose, 300);
}

/// The same ones each time, too.
#[test]
fn histories_on_encrypted_values() {
    let dose =
        Dose { first_seed: 0, histories: 600, time: Duration::from_secs(60), shrinking: Duration::from_secs(20) };
    no_violation_on("encrypted", dose, 300);
}

/// The same ones each time, too.
#[test]
fn histories_on_two_servers_with_caches() {
    let dose =
        Dose { first_seed: 0, histories: 600, time: Duration::from_secs(60), shrinking: Duration::from_secs(20) };
    no_violation_on("near", dose, 300);
}

/// A server decides about the order, so other histories may come of the same seeds.
fn on_a_server(seconds: u64) -> Dose {
    let time = Duration::from_secs(seconds);
    Dose { first_seed: 0, histories: 10_000, time, shrinking: Duration::from_secs(20) }
}

#[test]
fn histories_on_mongodb() {
    no_violation_on("mongodb", on_a_server(12), 30);
}

#[test]
fn histories_on_two_servers_with_caches_over_mongodb() {
    no_violation_on("near-mongodb", on_a_server(12), 20);
}

#[test]
fn histories_on_documents_of_express() {
    no_violation_on("express", on_a_server(8), 20);
}

#[test]
fn histories_on_texts_of_express() {
    no_violation_on("express-text", on_a_server(8), 10);
}

#[test]
fn histories_on_sqlite() {
    no_violation_on("sqlite", on_a_server(8), 20);
}

#[test]
fn histories_on_redis() {
    no_violation_on("redis", on_a_server(8), 30);
}

#[test]
fn histories_on_two_servers_with_caches_over_redis() {
    no_violation_on("near-redis", on_a_server(8), 20);
}

#[test]
fn histories_on_two_servers_with_caches_over_postgres() {
    no_violation_on("near-postgres", on_a_server(8), 20);
}

#[test]
fn histories_on_postgres() {
    no_violation_on("postgres", on_a_server(8), 30);
}
