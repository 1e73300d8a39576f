//! A store that counts is a store like the one within.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::time::Duration;

use cloakroom::store::{MemoryStore, Store as _, conformance};
use cloakroom_pages::History;

#[tokio::test]
async fn a_store_that_counts_keeps_the_contract() {
    let history = History::new(Duration::from_secs(60), 60);
    conformance::check(history.count(MemoryStore::new())).await;
}

#[test]
fn what_an_operator_asks_of_the_store_reaches_it() {
    let store = History::new(Duration::from_secs(60), 60).count(MemoryStore::new());
    assert!(MemoryStore::new().export().is_some() && store.export().is_some());
}
