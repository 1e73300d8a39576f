//! Sessions of a test's own, which go away again, and what a test wants to see of them.

mod mongodb;
mod postgres;
mod redis;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ::mongodb::bson::Document;
use tokio::runtime::Runtime;

use self::mongodb::Mongodb;
use self::postgres::Postgres;
use self::redis::Redis;

/// What keeps the sessions of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Mongodb,
    Redis,
    Postgres,
}

/// A database, a prefix or a schema with a name that nobody else has, on the server that the environment names. It is removed
/// at the end, with all that is in it.
pub(crate) enum Database {
    Mongodb(Mongodb),
    Redis(Redis),
    Postgres(Postgres),
}

impl Database {
    /// # Panics
    ///
    /// Without a server: a test that is skipped in silence protects nobody.
    pub(crate) fn new(place: Place) -> Database {
        match place {
            Place::Mongodb => Database::Mongodb(Mongodb::new()),
            Place::Redis => Database::Redis(Redis::new()),
            Place::Postgres => Database::Postgres(Postgres::new()),
        }
    }

    /// The URL with the name in it, and more options if there are any.
    pub(crate) fn url(&self, options: &str) -> String {
        let url = match self {
            Database::Mongodb(database) => database.url(),
            Database::Redis(database) => database.url(),
            Database::Postgres(database) => database.url(),
        };
        let between = if url.contains('?') { "&" } else { "?" };
        if options.is_empty() { url } else { format!("{url}{between}{options}") }
    }

    /// All sessions as they stand there. One of Redis is a document of its own making: `_id` without the prefix, the text as
    /// `session`, and its end as `expires`. A row of PostgreSQL has its columns.
    pub(crate) fn documents(&self) -> Vec<Document> {
        match self {
            Database::Mongodb(database) => database.documents(),
            Database::Redis(database) => database.documents(),
            Database::Postgres(database) => database.documents(),
        }
    }

    /// The one that there is.
    pub(crate) fn document(&self) -> Document {
        let mut documents = self.documents();
        assert_eq!(documents.len(), 1, "{documents:?}");
        documents.remove(0)
    }

    /// Writes another text into all of them, as somebody else may.
    pub(crate) fn set_text(&self, text: &str) {
        match self {
            Database::Mongodb(database) => database.set_text(text),
            Database::Redis(database) => database.set_text(text),
            Database::Postgres(database) => database.set_text(text),
        }
    }

    pub(crate) fn clear(&self) {
        match self {
            Database::Mongodb(database) => database.clear(),
            Database::Redis(database) => database.clear(),
            Database::Postgres(database) => database.clear(),
        }
    }
}

/// A name that nobody else has.
fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("cloakroom_interop_{}_{now:x}_{count}", std::process::id())
}

/// The server that a variable names.
fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `cargo xtask test`, which starts the servers, or give a URL")
    })
}

fn new_runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
