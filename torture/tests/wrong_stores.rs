//! Stores with one fault each: the checker has to find it soon, and to call it by its name.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod wrong;

const HOUR: std::time::Duration = std::time::Duration::from_secs(60 * 60);

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::Store;
use cloakroom_torture::history::nodes::Nodes;
use cloakroom_torture::history::torment::{Dose, in_turns};
use cloakroom_torture::history::violation::Violation;

use wrong::{Fault, Wrong};

fn nodes(fault: Fault) -> Nodes {
    Nodes::from(Arc::new(Wrong::new(fault)) as Arc<dyn Store>)
}

/// Whichever of these it is called depends on who looks first.
fn is_found(fault: Fault, names: &[Violation]) {
    let dose =
        Dose { first_seed: 0, histories: 2_000, time: Duration::from_secs(30), shrinking: Duration::from_secs(60) };
    let figures = in_turns(dose, || Ok(nodes(fault))).unwrap();
    let failure =
        figures.failure.unwrap_or_else(|| panic!("{fault:?} was not found in {} histories", figures.histories));
    let told = failure.describe("memory");
    assert!(names.contains(&failure.finding.violation), "{fault:?}: {told}");
    let (turns, actions) = failure.plan.size();
    assert!(turns <= 8 && actions <= 8, "it is not cut down: {told}");
}

#[test]
fn a_store_without_a_fault_is_fine() {
    let dose = Dose { first_seed: 0, histories: 50, time: Duration::from_secs(30), shrinking: Duration::ZERO };
    let figures = in_turns(dose, || Ok(nodes(Fault::None))).unwrap();
    assert!(figures.failure.is_none() && figures.histories == 50, "{figures:?}");
}

#[test]
fn a_guard_that_is_ignored() {
    is_found(Fault::IgnoresGuard, &[Violation::LostUpdate]);
}

#[test]
fn numbers_that_are_read_and_written() {
    is_found(Fault::AddsByReading, &[Violation::LostUpdate]);
}

#[test]
fn a_change_that_inserts() {
    let ended = [Violation::Resurrection, Violation::OldIdAlive, Violation::ExpiredServed];
    // What came back begins with nothing.
    is_found(Fault::Upserts, &[&ended[..], &[Violation::LostUpdate, Violation::LostWrite]].concat());
}

#[test]
fn records_that_are_written_whole() {
    let data = [Violation::LostWrite, Violation::LostUpdate, Violation::StaleRead, Violation::Resurrection];
    // The user is written over as well, and then can't end what is theirs.
    is_found(Fault::WritesWhole, &[&data[..], &[Violation::WrongUser, Violation::WrongRevocation]].concat());
}

#[test]
fn a_write_that_is_forgotten() {
    is_found(Fault::Forgets, &[Violation::LostWrite, Violation::LostUpdate]);
}

#[test]
fn half_of_a_write() {
    is_found(Fault::WritesHalf, &[Violation::LostWrite, Violation::LostUpdate]);
}

#[test]
fn a_read_of_what_was() {
    is_found(Fault::ReadsStale, &[Violation::StaleRead]);
}

#[test]
fn data_of_somebody_else() {
    is_found(Fault::Confuses, &[Violation::ForeignRead]);
}

#[test]
fn an_end_that_is_none() {
    is_found(Fault::NeverDestroys, &[Violation::Resurrection]);
}

#[test]
fn a_revocation_that_is_none() {
    is_found(Fault::NeverRevokes, &[Violation::Resurrection, Violation::WrongRevocation]);
}

#[test]
fn a_rotation_that_leaves_the_old_id() {
    is_found(Fault::KeepsOldId, &[Violation::OldIdAlive]);
}

#[test]
fn a_log_out_that_misses_the_new_id() {
    is_found(Fault::ForgetsPreviousId, &[Violation::LogOutIgnored]);
}

#[test]
fn a_sweep_that_takes_a_live_one() {
    is_found(Fault::SweepsLive, &[Violation::LiveSessionLost]);
}

#[test]
fn an_expired_session() {
    is_found(Fault::ServesExpired, &[Violation::ExpiredServed]);
}

#[test]
fn a_write_that_is_refused_and_made() {
    is_found(Fault::RefusesAndWrites, &[Violation::PhantomWrite, Violation::LiveSessionLost]);
}
