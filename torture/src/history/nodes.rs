//! The servers of an application, each with its own way to the common store.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::Store;

/// What each server takes for the store.
#[derive(Clone, Debug)]
pub struct Nodes {
    pub(super) stores: Vec<Arc<dyn Store>>,
    pub(super) lag: Duration,
}

impl Nodes {
    /// Servers whose reads may be so old, but never older than what they have seen or done themselves.
    pub fn lagging(stores: Vec<Arc<dyn Store>>, lag: Duration) -> Nodes {
        Nodes { stores, lag }
    }
}

/// One server, or several that can't be told apart: each read sees what was confirmed before.
impl From<Arc<dyn Store>> for Nodes {
    fn from(store: Arc<dyn Store>) -> Nodes {
        Nodes { stores: vec![store], lag: Duration::ZERO }
    }
}
