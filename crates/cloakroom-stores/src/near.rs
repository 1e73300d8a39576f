//! The option `near`: copies of the sessions in the process' own memory.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{NearCache, Store, StoreError};

use crate::StoreUrlError;
use crate::options::Options;

/// For how long what another process does may stay unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Near(Duration);

impl Near {
    pub(crate) fn take_from(options: &mut Options) -> Result<Option<Near>, StoreUrlError> {
        match options.seconds("near")? {
            Some(Duration::ZERO) => Err(StoreUrlError::words("`near` is a number of seconds, at least 1")),
            bound => Ok(bound.map(Near)),
        }
    }

    /// The store, behind a cache if one is asked for.
    pub(crate) fn before(near: Option<Near>, store: Arc<dyn Store>) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match near {
            Some(Near(bound)) => Arc::new(NearCache::new(store)?.with_bound(bound)),
            None => store,
        })
    }
}
