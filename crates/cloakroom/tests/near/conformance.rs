//! The suite over a cache that serves from memory.

use std::sync::Arc;

use cloakroom::store::conformance::{self, Outcome};
use cloakroom::store::{MemoryStore, NearCache};

use crate::support::{BOUND, Link, Node};

async fn check() {
    let link = Link::to(&Arc::new(MemoryStore::new()));
    // How busy the machine is must not decide what is served from memory.
    let cache = NearCache::new(link.clone()).unwrap().with_bound(BOUND * 3_600);
    let node = Node { cache, link };
    node.until_live().await;
    let cache = Arc::new(node.cache);
    let report = conformance::run(cache.clone()).await;
    assert!(report.failed().is_empty(), "{report}");
    let skipped = report.cases.iter().filter(|case| matches!(case.outcome, Outcome::Skipped(_)));
    assert_eq!(skipped.count(), 2, "as the memory store's own");
    assert!(cache.stats().hits > 100, "{:?}", cache.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_over_the_memory_store_conforms_on_many_threads() {
    check().await;
}

#[tokio::test]
async fn a_cache_over_the_memory_store_conforms_on_one_thread() {
    check().await;
}

#[tokio::test]
async fn a_cache_over_a_cache_conforms() {
    let inner = NearCache::new(MemoryStore::new()).unwrap();
    conformance::check(NearCache::new(inner).unwrap()).await;
}
