//! MongoDB databases that go away again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A database with a name that nobody else has, dropped at the end.
pub(crate) struct Database {
    uri: String,
    name: String,
}

impl Database {
    /// # Panics
    ///
    /// Without a server: a test that is skipped in silence protects nobody.
    pub(crate) fn new() -> Database {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let uri = std::env::var("CLOAKROOM_TEST_MONGODB").unwrap_or_else(|_| {
            panic!("CLOAKROOM_TEST_MONGODB is not set: run `cargo xtask test`, which starts a MongoDB, or give its URI")
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Database { uri, name: format!("cloakroom_bench_{}_{now:x}_{count}", std::process::id()) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server's URI, which names another database or none.
    pub(crate) fn server(&self) -> &str {
        &self.uri
    }

    /// The URI with this database in it.
    pub(crate) fn store(&self) -> String {
        let (scheme, rest) = self.uri.split_once("://").unwrap();
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = address.split('/').next().unwrap();
        format!("{scheme}://{hosts}/{}?{options}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (uri, name) = (self.uri.clone(), self.name.clone());
        // A thread of its own, since a test may be inside of a runtime already.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { mongodb::Client::with_uri_str(uri).await?.database(&name).drop().await })
        });
        let dropped = dropped.join();
        assert!(std::thread::panicking() || matches!(dropped, Ok(Ok(()))), "the database is still there: {dropped:?}");
    }
}
