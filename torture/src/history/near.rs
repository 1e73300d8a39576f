//! Servers that keep copies of sessions, over a common store.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use cloakroom::store::{MemoryStore, NearCache, Store};

use super::jitter::Jittered;
use super::nodes::Nodes;
use super::rng::Rng;

const SERVERS: u64 = 2;

/// How old what another server has done may be. Some requests, so that there are copies that are out of date.
pub(super) const BOUND: Duration = Duration::from_millis(400);

/// Two servers on one memory store. The calls that they make take their turns as well.
pub(super) fn over_memory() -> Result<Nodes> {
    let store = Arc::new(MemoryStore::new());
    // Never another seed: the order of turns is drawn from the history's own.
    let link = |server| Jittered::new(store.clone(), Rng::new(server), 0);
    caches((0..SERVERS).map(|server| Arc::new(link(server)) as Arc<dyn Store>))
}

/// Two servers on a store that is on a server itself.
pub(super) fn over(store: &Arc<dyn Store>) -> Result<Nodes> {
    caches((0..SERVERS).map(|_| store.clone()))
}

fn caches(links: impl Iterator<Item = Arc<dyn Store>>) -> Result<Nodes> {
    let mut caches: Vec<Arc<dyn Store>> = Vec::new();
    for link in links {
        caches.push(Arc::new(NearCache::new(link)?.with_bound(BOUND)));
    }
    Ok(Nodes::lagging(caches, BOUND))
}
