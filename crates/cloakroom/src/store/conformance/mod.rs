//! The contract of a store as a test suite: one call runs it against any [`Store`].
//!
//! ```
//! use cloakroom::store::{MemoryStore, conformance};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! conformance::check(MemoryStore::new()).await;
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! There is a case for every rule, and its name reads as the rule. Cases make up their own keys and users, so the store
//! may hold other data and serve others meanwhile. They drive the time themselves: records end in the real future, and
//! "expired" means that a call is told a later time; so a server that removes what is over does no harm. Only `sweep`
//! is told a time a few seconds ahead, and may take what others hold until then.
//!
//! The suite checks what can be seen from outside. That a store keeps what it confirmed through a crash, and that its
//! errors name no key or value, is for its own tests.

#[macro_use]
mod trial;

mod answer;
mod apply;
mod create;
mod directory;
mod directory_races;
mod draft;
mod end;
mod expiry;
mod export;
mod feed;
mod guard;
mod load;
mod numbers;
mod odd;
mod page;
mod races;
mod rotate;
mod rotation_races;
mod runner;
mod same;
mod story;
mod superseded;
mod values;

use std::fmt;
use std::sync::Arc;

use self::trial::Case;
use super::Store;

/// Holds a store to its contract, in a test of its own.
///
/// # Panics
///
/// If the store breaks a rule; the message lists every broken rule, what was expected and what was seen. Also outside of
/// a tokio runtime.
pub async fn check(store: impl Store) {
    let report = run(store).await;
    assert!(report.failed().is_empty(), "{report}");
}

/// Runs all cases and tells how each went.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn run(store: impl Store) -> Report {
    run_cases(Arc::new(store), cases().collect()).await
}

/// Runs the cases of these names only, to look closer at a rule. Names that no case has are left out.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn run_only(store: impl Store, names: &[&str]) -> Report {
    run_cases(Arc::new(store), cases().filter(|case| names.contains(&case.name)).collect()).await
}

/// How a store did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Every case, in the order in which they ran.
    pub cases: Vec<CaseResult>,
}

/// How one case went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaseResult {
    /// The rule.
    pub name: &'static str,
    /// Whether the store keeps it.
    pub outcome: Outcome,
}

/// Whether a store keeps a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It does.
    Passed,
    /// It does not: what was expected, and what was seen.
    Failed(String),
    /// The rule is for stores that declare a capability, or have a directory, an export or a feed, which this one does not.
    Skipped(&'static str),
}

impl Report {
    /// The names of the rules that the store broke.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Failed(_)));
        failed.map(|case| case.name).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, all) = (self.failed().len(), self.cases.len());
        writeln!(f, "the store breaks {failed} of {all} rules of the contract")?;
        for case in &self.cases {
            if let Outcome::Failed(why) = &case.outcome {
                writeln!(f, "\n  {}\n      {}", case.name, why.replace('\n', "\n      "))?;
            }
        }
        Ok(())
    }
}

fn cases() -> impl Iterator<Item = &'static Case> {
    let subjects = [
        load::CASES,
        create::CASES,
        apply::CASES,
        numbers::CASES,
        expiry::CASES,
        guard::CASES,
        rotate::CASES,
        superseded::CASES,
        end::CASES,
        odd::CASES,
        values::CASES,
        story::CASES,
        directory::CASES,
        page::CASES,
        export::CASES,
        feed::CASES,
        races::CASES,
        rotation_races::CASES,
        directory_races::CASES,
    ];
    subjects.into_iter().flatten()
}

async fn run_cases(store: Arc<dyn Store>, cases: Vec<&'static Case>) -> Report {
    let mut results = Vec::with_capacity(cases.len());
    // One after the other: a store may forget, at a later time that one case tells it, what another waits for.
    for case in cases {
        results.push(CaseResult { name: case.name, outcome: runner::run(case, store.clone()).await });
    }
    Report { cases: results }
}
