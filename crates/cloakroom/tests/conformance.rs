//! The memory store keeps the contract, however it is held and wherever it runs.

use std::sync::Arc;

use cloakroom::store::conformance::{self, Outcome};
use cloakroom::store::{MemoryStore, Store};

#[tokio::test]
async fn the_memory_store_conforms_on_one_thread() {
    conformance::check(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_store_conforms_on_many_threads() {
    conformance::check(MemoryStore::new()).await;
}

#[tokio::test(start_paused = true)]
async fn the_memory_store_conforms_behind_a_shared_pointer_and_a_paused_clock() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    conformance::check(store).await;
}

#[tokio::test]
async fn a_store_that_holds_other_data_keeps_it() {
    let store = Arc::new(MemoryStore::new());
    conformance::check(store.clone()).await;
    conformance::check(store.clone()).await;
    assert!(store.stats().sessions > 0);
}

#[tokio::test]
async fn each_case_has_a_name_of_its_own_and_runs_by_it() {
    let report = conformance::run(MemoryStore::new()).await;
    let mut names: Vec<_> = report.cases.iter().map(|case| case.name).collect();
    let total = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), total);
    let skipped = |outcome: &Outcome| matches!(outcome, Outcome::Skipped(_));
    let skipped: Vec<_> = report.cases.iter().filter(|case| skipped(&case.outcome)).map(|case| case.name).collect();
    assert_eq!(skipped, ["a_store_that_forgets_says_missing", "a_key_that_can_not_be_kept_changes_nothing"]);
    let one = conformance::run_only(MemoryStore::new(), &["load_deletes_nothing", "no such case"]).await;
    assert_eq!(one.cases.len(), 1);
    assert_eq!(one.cases[0].outcome, Outcome::Passed);
}
