//! Where a test keeps its sessions: a folder, a database, keys or a table of its own, which go away again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cloakroom_postgres::deadpool_postgres::tokio_postgres::{Config, NoTls};

/// A store by its URL.
pub(crate) struct Place {
    pub(crate) url: String,
    _kept: Kept,
}

#[allow(dead_code, reason = "they are here to be dropped")]
enum Kept {
    Folder(Folder),
    Database(Database),
    Keys(Keys),
    Table(Table),
}

impl Place {
    pub(crate) fn sqlite() -> Place {
        let folder = Folder::new();
        Place { url: format!("sqlite:{}", folder.file("sessions.db")), _kept: Kept::Folder(folder) }
    }

    /// `options` are those of the URL, such as `layout=connect-mongo`.
    pub(crate) fn mongodb(options: &str) -> Place {
        let database = Database::new();
        Place { url: with_options(&database.url(), options), _kept: Kept::Database(database) }
    }

    pub(crate) fn redis(options: &str) -> Place {
        let keys =
            Keys { url: server("CLOAKROOM_TEST_REDIS", "a Redis or Valkey server, as redis://…"), prefix: name() };
        let url = with_options(&with_options(&keys.url, &format!("prefix={}", keys.prefix)), options);
        Place { url, _kept: Kept::Keys(keys) }
    }

    pub(crate) fn postgres(options: &str) -> Place {
        let table =
            Table { url: server("CLOAKROOM_TEST_POSTGRES", "a PostgreSQL database, as postgres://…"), name: name() };
        let url = with_options(&with_options(&table.url, &format!("table={}", table.name)), options);
        Place { url, _kept: Kept::Table(table) }
    }

    /// All that keep hashes of the ids.
    pub(crate) fn native() -> Vec<Place> {
        vec![Place::sqlite(), Place::mongodb(""), Place::redis(""), Place::postgres("")]
    }

    /// All that keep the ids, as Express does.
    pub(crate) fn express() -> Vec<Place> {
        vec![
            Place::mongodb("layout=connect-mongodb-session"),
            Place::mongodb("layout=connect-mongo"),
            Place::redis("layout=connect-redis"),
            Place::postgres("layout=connect-pg-simple"),
        ]
    }
}

/// A folder that nobody else has.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let folder = std::env::temp_dir().join(name());
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir_all(&self.0);
        assert!(std::thread::panicking() || removed.is_ok(), "the folder is still there: {removed:?}");
    }
}

/// A database with a name that nobody else has.
struct Database {
    uri: String,
    name: String,
}

impl Database {
    fn new() -> Database {
        Database { uri: server("CLOAKROOM_TEST_MONGODB", "a MongoDB, by its URI"), name: name() }
    }

    /// The URI with this database in it.
    fn url(&self) -> String {
        let (scheme, rest) = self.uri.split_once("://").unwrap();
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = address.split('/').next().unwrap();
        format!("{scheme}://{hosts}/{}?{options}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (uri, name) = (self.uri.clone(), self.name.clone());
        finish(async move { Ok(mongodb::Client::with_uri_str(uri).await?.database(&name).drop().await?) });
    }
}

/// Keys of Redis with a prefix that nobody else has.
struct Keys {
    url: String,
    prefix: String,
}

impl Drop for Keys {
    fn drop(&mut self) {
        let (url, all) = (self.url.clone(), format!("*{}*", self.prefix));
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
struct Table {
    url: String,
    name: String,
}

impl Drop for Table {
    fn drop(&mut self) {
        let (url, drop) = (self.url.clone(), format!("DROP TABLE IF EXISTS \"{}\"", self.name));
        finish(async move {
            let (client, connection) = url.parse::<Config>()?.connect(NoTls).await?;
            let connected = tokio::spawn(connection);
            client.batch_execute(&drop).await?;
            std::mem::drop(client);
            Ok(connected.await??)
        });
    }
}

/// # Panics
///
/// Without a server: a test that is skipped in silence protects nobody.
fn server(variable: &str, what: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `cargo xtask test`, which starts a server, or let it name {what}")
    })
}

fn with_options(url: &str, options: &str) -> String {
    match (options, url.contains('?')) {
        ("", _) => url.to_owned(),
        (options, true) => format!("{url}&{options}"),
        (options, false) => format!("{url}?{options}"),
    }
}

/// A name that no other test has.
fn name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("cloakroom_cli_{}_{now:x}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
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
