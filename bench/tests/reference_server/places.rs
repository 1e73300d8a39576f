//! Where a test keeps its sessions, other than in MongoDB: a folder, keys or a table of its own, which go away again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cloakroom_postgres::deadpool_postgres::tokio_postgres::{Config, NoTls};

/// A folder for a file of SQLite.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let folder = std::env::temp_dir().join(name());
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn store(&self) -> String {
        format!("sqlite:{}", self.0.join("sessions.db").to_str().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir_all(&self.0);
        assert!(std::thread::panicking() || removed.is_ok(), "the folder is still there: {removed:?}");
    }
}

/// Keys of Redis with a prefix that nobody else has.
pub(crate) struct Keys {
    url: String,
    prefix: String,
}

impl Keys {
    /// # Panics
    ///
    /// Without a server: a test that is skipped in silence protects nobody.
    pub(crate) fn new() -> Keys {
        Keys { url: server("CLOAKROOM_TEST_REDIS", "a Redis or Valkey server, as redis://…"), prefix: name() }
    }

    pub(crate) fn store(&self) -> String {
        with_option(&self.url, "prefix", &self.prefix)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let (url, all) = (self.url.clone(), format!("{}:*", self.prefix));
        finish(async move {
            let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
            let mut cursor = 0_u64;
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(cursor).arg("MATCH").arg(&all).arg("COUNT").arg(1_000);
                let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
                for key in keys {
                    redis::cmd("DEL").arg(key).query_async::<()>(&mut connection).await?;
                }
                cursor = next;
                if cursor == 0 {
                    return Ok(());
                }
            }
        });
    }
}

/// A table of PostgreSQL with a name that nobody else has.
pub(crate) struct Table {
    url: String,
    name: String,
}

impl Table {
    /// # Panics
    ///
    /// Without a server: a test that is skipped in silence protects nobody.
    pub(crate) fn new() -> Table {
        Table { url: server("CLOAKROOM_TEST_POSTGRES", "a PostgreSQL database, as postgres://…"), name: name() }
    }

    pub(crate) fn store(&self) -> String {
        with_option(&self.url, "table", &self.name)
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let (url, drop) = (self.url.clone(), format!("DROP TABLE \"{}\"", self.name));
        finish(async move {
            let (client, connection) = url.parse::<Config>()?.connect(NoTls).await?;
            let connected = tokio::spawn(connection);
            client.batch_execute(&drop).await?;
            std::mem::drop(client);
            Ok(connected.await??)
        });
    }
}

fn server(variable: &str, what: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `cargo xtask test`, which starts a server, or let it name {what}")
    })
}

fn with_option(url: &str, name: &str, value: &str) -> String {
    let glue = if url.contains('?') { '&' } else { '?' };
    format!("{url}{glue}{name}={value}")
}

/// A name that no other test has.
fn name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("cloakroom_bench_{}_{now:x}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Cleans up. On a thread of its own, since a test may be inside of a runtime already.
fn finish(work: impl Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static) {
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work)
    });
    let done = done.join();
    assert!(std::thread::panicking() || matches!(done, Ok(Ok(()))), "something is left over: {done:?}");
}
