//! What all sessions of a layer share.

use std::sync::Arc;
use std::time::Duration;

use super::policy::Policy;
use crate::clock::Clock;
use crate::store::Store;

/// The store and the rules of a layer's sessions.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    /// How long one operation of a session may take, all of its calls of the store together.
    pub(crate) deadline: Duration,
}
