//! `sqlite:PATH`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Store, StoreError};
use cloakroom_sqlite::{SqliteStore, Synchronous};
use percent_encoding::percent_decode_str;

use crate::StoreUrlError;
use crate::options::Options;

pub(crate) const KIND: &str = "SQLite";

/// A file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SqliteAt {
    path: PathBuf,
    synchronous: Synchronous,
}

impl SqliteAt {
    pub(crate) fn file(path: PathBuf) -> SqliteAt {
        SqliteAt { path, synchronous: Synchronous::default() }
    }

    pub(crate) fn read(url: &str, more: &[(&str, &str)]) -> Result<SqliteAt, StoreUrlError> {
        let (url, mut options) = Options::take_from(url, KIND, more)?;
        // There is no driver behind us that could understand it.
        if url.contains('?') {
            return Err(options.unknown());
        }
        let path = url.strip_prefix("sqlite:").unwrap_or_default();
        let path = percent_decode_str(path.strip_prefix("//").unwrap_or(path)).decode_utf8();
        let path = path.map_err(|error| StoreUrlError::with_source("the path is no text", error))?;
        if path == ":memory:" {
            return Err(StoreUrlError::words("SQLite is for files; sessions in memory are `memory:`"));
        }
        if path.is_empty() || path.contains('\0') {
            return Err(StoreUrlError::words("`sqlite:` is followed by the path of a file"));
        }
        let synchronous = match options.take("synchronous").as_deref() {
            None | Some("full") => Synchronous::Full,
            Some("normal") => Synchronous::Normal,
            Some(_) => return Err(StoreUrlError::words("`synchronous` is `full` or `normal`")),
        };
        options.finish()?;
        Ok(SqliteAt { path: PathBuf::from(path.into_owned()), synchronous })
    }

    pub(crate) async fn open(&self, deadline: Option<Duration>) -> Result<Arc<dyn Store>, StoreError> {
        let builder = SqliteStore::builder(&self.path).synchronous(self.synchronous);
        let builder = match deadline {
            Some(deadline) => builder.deadline(deadline),
            None => builder,
        };
        Ok(Arc::new(builder.open().await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_or_absolute() {
        for (url, path) in [
            ("sqlite:sessions.db", "sessions.db"),
            ("sqlite://sessions.db", "sessions.db"),
            ("sqlite:../a/b.db?synchronous=full", "../a/b.db"),
            ("sqlite:/var/lib/shop/sessions.db", "/var/lib/shop/sessions.db"),
            ("sqlite:///var/lib/sessions.db", "/var/lib/sessions.db"),
            ("sqlite:what%3F%20%25.db", "what? %.db"),
        ] {
            assert!(SqliteAt::read(url, &[]).unwrap() == SqliteAt::file(path.into()), "{url}");
        }
        let normal = SqliteAt { synchronous: Synchronous::Normal, ..SqliteAt::file("a".into()) };
        assert!(SqliteAt::read("sqlite:a?synchronous=normal", &[]).unwrap() == normal);
    }
}
