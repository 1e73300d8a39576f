//! Where the sessions are kept: what `--store` says, or else a file of the shop's own.

use std::fmt;

use anyhow::Context as _;
use cloakroom_stores::StoreUrl;

use crate::folder::Folder;

/// A store, and the folder that it is in if that is the shop's own.
pub(crate) struct Place {
    pub(crate) store: StoreUrl,
    folder: Option<Folder>,
}

impl Place {
    /// By the URL that was given; `options` are more of them, for a store that is shared with Express.
    pub(crate) fn find(url: Option<&str>, options: &[(&str, &str)]) -> anyhow::Result<Place> {
        let Some(url) = url else {
            if !options.is_empty() {
                anyhow::bail!("--express needs a --store: the database that the app keeps its sessions in");
            }
            return Place::own().context("the shop has no place for its sessions; --store memory needs none");
        };
        let store = StoreUrl::parse_with(url, options).context("--store")?;
        if store.is_express() && options.is_empty() {
            anyhow::bail!("--store names a layout of Express: take it out and give its name to --express");
        }
        Ok(Place { store, folder: None })
    }

    fn own() -> anyhow::Result<Place> {
        let folder = Folder::make()?;
        Ok(Place { store: StoreUrl::sqlite(folder.sessions()), folder: Some(folder) })
    }

    /// The key beside the sessions, which is made if it is not there. Sessions that are somewhere else have none.
    pub(crate) fn key(&self) -> anyhow::Result<Option<String>> {
        let key = self.folder.as_ref().map(Folder::key).transpose();
        key.context("the shop has no key; --secret takes its place, or --store memory")
    }
}

/// What to call it. A URL may hold a password, so only its kind is told.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.store.kind())?;
        if let Some(folder) = &self.folder {
            write!(f, ", {}", folder.sessions().display())?;
        }
        if self.store.is_express() { f.write_str(", shared with Express") } else { Ok(()) }
    }
}
