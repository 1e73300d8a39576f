//! The store that is worked on, by its URL.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Directory, Export, Store};
use cloakroom_stores::StoreUrl;

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};

/// A store that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// What people call it.
    pub(crate) kind: String,
}

impl Opened {
    /// The store of `--store` or `CLOAKROOM_STORE`.
    pub(crate) async fn of(common: &Common) -> Outcome<Opened> {
        let url = common.store.as_deref();
        let url = url.ok_or_else(|| Failure::usage("which store? Name it by --store URL or CLOAKROOM_STORE"))?;
        Opened::at(common, url).await
    }

    /// The store of a URL.
    pub(crate) async fn at(common: &Common, url: &str) -> Outcome<Opened> {
        let no_store = |error: cloakroom_stores::StoreUrlError| {
            let sources = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            Failure::usage(format!("{error}{sources}"))
        };
        let url: StoreUrl = url.parse().map_err(no_store)?;
        if url.kind() == "memory" {
            return Err(Failure::usage(
                "sessions in memory are in the application's process, where nobody else can look",
            ));
        }
        let kind =
            if url.is_express() { format!("{}, as Express keeps them", url.kind()) } else { url.kind().to_owned() };
        Ok(Opened { store: url.with_deadline(Duration::from_secs(common.patience)).open().await?, kind })
    }

    pub(crate) fn directory(&self) -> Outcome<&dyn Directory> {
        self.store.directory().ok_or_else(|| Failure::words("this store has no directory of its sessions"))
    }

    pub(crate) fn export(&self) -> Outcome<&dyn Export> {
        self.store.export().ok_or_else(|| Failure::words("this store can't hand out its records"))
    }
}
