//! [`StoreUrl`]: the name of a store.

use std::fmt;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{MemoryStore, Store, StoreError};

use crate::StoreUrlError;
#[cfg(feature = "mongodb")]
use crate::mongodb::{self, MongodbAt};
#[cfg(feature = "postgres")]
use crate::postgres::{self, PostgresAt};
#[cfg(feature = "redis")]
use crate::redis::{self, RedisAt};
#[cfg(feature = "sqlite")]
use crate::sqlite::{self, SqliteAt};

const STORES: &str = "`memory:`, `sqlite:PATH`, `mongodb://…`, `redis://…` and `postgres://…`";

/// Where sessions are kept, as one text: a store's URL.
///
/// It may hold a password: neither its `Debug` nor an error shows any of it.
///
/// ```
/// use cloakroom_stores::StoreUrl;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let url: StoreUrl = "memory:".parse()?;
/// assert_eq!(url.kind(), "memory");
/// let store = url.open().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    target: Target,
    default_table: Option<String>,
    deadline: Option<Duration>,
}

#[derive(Clone, PartialEq, Eq)]
enum Target {
    /// With room for so many sessions.
    Memory(usize),
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteAt),
    #[cfg(feature = "mongodb")]
    Mongodb(MongodbAt),
    #[cfg(feature = "redis")]
    Redis(RedisAt),
    #[cfg(feature = "postgres")]
    Postgres(PostgresAt),
}

impl StoreUrl {
    /// The store of a URL, as the crate's documentation tells of them.
    ///
    /// # Errors
    ///
    /// If there is no such store, if its driver was not compiled in, or if an option can't be what it says. What the
    /// driver has to say of the rest, [`open`](StoreUrl::open) tells.
    pub fn parse(url: &str) -> Result<StoreUrl, StoreUrlError> {
        StoreUrl::parse_with(url, &[])
    }

    /// The store of a URL, with options of ours as if they stood in it, names and values. The values are taken as they are.
    ///
    /// # Errors
    ///
    /// As [`parse`](StoreUrl::parse), and if an option stands in the URL as well.
    pub fn parse_with(url: &str, options: &[(&str, &str)]) -> Result<StoreUrl, StoreUrlError> {
        let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
        let target = match scheme {
            "memory" => Target::Memory(capacity(url, options)?),
            #[cfg(feature = "sqlite")]
            "sqlite" => Target::Sqlite(SqliteAt::read(url, options)?),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => return Err(not_compiled("SQLite", "sqlite")),
            #[cfg(feature = "mongodb")]
            "mongodb" | "mongodb+srv" => Target::Mongodb(MongodbAt::read(with_host(url)?, options)?),
            #[cfg(not(feature = "mongodb"))]
            "mongodb" | "mongodb+srv" => return Err(not_compiled("MongoDB", "mongodb")),
            #[cfg(feature = "redis")]
            "redis" | "rediss" => Target::Redis(RedisAt::read(with_host(url)?, options)?),
            #[cfg(not(feature = "redis"))]
            "redis" | "rediss" => return Err(not_compiled("Redis", "redis")),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Target::Postgres(PostgresAt::read(with_host(url)?, options)?),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => return Err(not_compiled("PostgreSQL", "postgres")),
            // What stands before a colon may be anything, a password too.
            _ => return Err(StoreUrlError::words(format!("there is no store of that kind; there are {STORES}"))),
        };
        Ok(StoreUrl { target, default_table: None, deadline: None })
    }

    /// The store in an SQLite file, whatever its path is made of.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(path: impl Into<PathBuf>) -> StoreUrl {
        StoreUrl { target: Target::Sqlite(SqliteAt::file(path.into())), default_table: None, deadline: None }
    }

    /// Keeps sessions in this collection of MongoDB, or this table of PostgreSQL, where the URL names none.
    ///
    /// The other stores have no such name. Nor does it count in a layout of Express, where the package's own is the default.
    #[must_use]
    pub fn with_default_table(self, name: &str) -> StoreUrl {
        StoreUrl { default_table: Some(name.to_owned()), ..self }
    }

    /// Waits at most so long for the answer to a call, all in all; as each store does by itself, 2 seconds, unless set.
    ///
    /// What serves requests leaves it. What works through all sessions, and nobody waits for, has more patience.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> StoreUrl {
        StoreUrl { deadline: Some(deadline), ..self }
    }

    /// What people call the store: `memory`, `SQLite`, `MongoDB`, `Redis` or `PostgreSQL`.
    pub fn kind(&self) -> &'static str {
        match &self.target {
            Target::Memory(_) => "memory",
            #[cfg(feature = "sqlite")]
            Target::Sqlite(_) => sqlite::KIND,
            #[cfg(feature = "mongodb")]
            Target::Mongodb(_) => mongodb::KIND,
            #[cfg(feature = "redis")]
            Target::Redis(_) => redis::KIND,
            #[cfg(feature = "postgres")]
            Target::Postgres(_) => postgres::KIND,
        }
    }

    /// Whether the sessions are in the layout of a store of Express: then the application's layer is
    /// [`SessionLayer::express`](cloakroom::SessionLayer::express).
    pub fn is_express(&self) -> bool {
        match &self.target {
            Target::Memory(_) => false,
            #[cfg(feature = "sqlite")]
            Target::Sqlite(_) => false,
            #[cfg(feature = "mongodb")]
            Target::Mongodb(at) => at.is_express(),
            #[cfg(feature = "redis")]
            Target::Redis(at) => at.is_express(),
            #[cfg(feature = "postgres")]
            Target::Postgres(at) => at.is_express(),
        }
    }

    /// Opens the store. Each call makes a new one: in memory, one without sessions.
    ///
    /// The file of SQLite is opened at once, and made if it is not there. To a server it connects when that is first needed,
    /// so an application starts while its server is down.
    ///
    /// # Errors
    ///
    /// If the file can't be opened, or the driver can't read its URL.
    #[allow(clippy::unused_async, reason = "without any feature there is nothing to wait for")]
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        match &self.target {
            Target::Memory(capacity) => Ok(Arc::new(MemoryStore::with_capacity(*capacity))),
            #[cfg(feature = "sqlite")]
            Target::Sqlite(at) => at.open(self.deadline).await,
            #[cfg(feature = "mongodb")]
            Target::Mongodb(at) => at.open(self.default_table.as_deref(), self.deadline).await,
            #[cfg(feature = "redis")]
            Target::Redis(at) => at.open(self.deadline).await,
            #[cfg(feature = "postgres")]
            Target::Postgres(at) => at.open(self.default_table.as_deref(), self.deadline).await,
        }
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(url: &str) -> Result<StoreUrl, StoreUrlError> {
        StoreUrl::parse(url)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("StoreUrl");
        debug.field("kind", &self.kind()).field("is_express", &self.is_express()).finish_non_exhaustive()
    }
}

fn capacity(url: &str, options: &[(&str, &str)]) -> Result<usize, StoreUrlError> {
    let number = match url {
        _ if !options.is_empty() => None,
        "memory" | "memory:" => return Ok(MemoryStore::DEFAULT_CAPACITY),
        _ => url.strip_prefix("memory:?capacity=").and_then(|number| number.parse().ok()).filter(|number| *number > 0),
    };
    number.ok_or_else(|| {
        StoreUrlError::words(
            "`memory:` has one option, `memory:?capacity=` and a number of sessions, and no layout of Express",
        )
    })
}

/// What is known by its scheme alone is no URL yet.
#[cfg(any(feature = "mongodb", feature = "redis", feature = "postgres"))]
fn with_host(url: &str) -> Result<&str, StoreUrlError> {
    match url.split_once("://") {
        Some(_) => Ok(url),
        None => Err(StoreUrlError::words("the scheme is followed by `://` and a host")),
    }
}

#[cfg(any(not(feature = "mongodb"), not(feature = "redis"), not(feature = "postgres"), not(feature = "sqlite")))]
fn not_compiled(kind: &str, feature: &str) -> StoreUrlError {
    StoreUrlError::words(format!("{kind} was not compiled in: it needs the feature `{feature}` of cloakroom-stores"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        StoreUrl::parse(url).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn memory_is_always_there() {
        for url in ["memory", "memory:", "memory:?capacity=5"] {
            let url: StoreUrl = url.parse().unwrap();
            assert_eq!((url.kind(), url.is_express()), ("memory", false));
            assert!(url.open().await.is_ok());
        }
        for url in ["memory://", "memory:?layout=native", "memory:x", "memory:?capacity=0"] {
            assert!(refused(url).contains("has one option"), "{url}");
        }
        let small = StoreUrl::parse("memory:?capacity=5").unwrap().open().await.unwrap();
        assert!(format!("{small:?}").contains("capacity: 5"), "{small:?}");
        assert!(StoreUrl::parse_with("memory", &[("layout", "connect-redis")]).is_err());
    }

    #[test]
    fn what_there_is_not_names_what_there_is() {
        for url in ["", "hunter2", "hunter2:x", "couchdb://ada:hunter2@h", "Memory", "://", "mongodb+hunter2://h"] {
            let told = refused(url);
            assert!(!told.contains("hunter2"), "{told}");
            for store in ["memory:", "sqlite:", "mongodb:", "redis:", "postgres:"] {
                assert!(told.contains(store), "{url}: {told}");
            }
        }
    }

    #[test]
    fn what_was_not_compiled_in_names_its_feature() {
        for (feature, is_there, urls) in [
            ("sqlite", cfg!(feature = "sqlite"), ["sqlite:a", "sqlite:///hunter2"]),
            ("mongodb", cfg!(feature = "mongodb"), ["mongodb://u:hunter2@h", "mongodb+srv://h/d"]),
            ("redis", cfg!(feature = "redis"), ["redis://:hunter2@h", "rediss://h"]),
            ("postgres", cfg!(feature = "postgres"), ["postgres://u:hunter2@h", "postgresql://h/d"]),
        ] {
            for url in urls {
                match StoreUrl::parse(url) {
                    Ok(_) => assert!(is_there, "{url}"),
                    Err(error) => {
                        let told = error.to_string();
                        assert!(!is_there && told.contains(&format!("feature `{feature}`")), "{url}: {told}");
                        assert!(!told.contains("hunter2"));
                    }
                }
            }
        }
    }
}
