//! What sessions take of space, as each store's own server tells it.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cloakroom_stores::StoreUrl;
use mongodb::bson::{Document, doc};

/// Looks at a store past the library.
pub(crate) enum Probe {
    /// The memory of this process.
    Memory,
    /// A file.
    Sqlite(String),
    Mongodb(mongodb::Database),
    Redis(redis::aio::MultiplexedConnection),
    Postgres(tokio_postgres::Client),
}

/// What MongoDB's store and PostgreSQL's call it where a URL names nothing.
const COLLECTION: &str = "cloakroom";
const TABLE: &str = "cloakroom_sessions";

const LONGEST: Duration = Duration::from_secs(300);

impl Probe {
    pub(crate) async fn new(parsed: &StoreUrl, url: &str) -> Result<Probe> {
        Ok(match parsed.kind() {
            "memory" => Probe::Memory,
            "SQLite" => {
                Probe::Sqlite(url.trim_start_matches("sqlite:").split('?').next().unwrap_or_default().to_owned())
            }
            "MongoDB" => {
                let client = mongodb::Client::with_uri_str(url).await?;
                let database = client.default_database().unwrap_or_else(|| client.database(COLLECTION));
                Probe::Mongodb(database)
            }
            "Redis" => {
                let client = redis::Client::open(url)?;
                // To remove millions of sessions takes longer than a call may take as a rule.
                let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(LONGEST));
                Probe::Redis(client.get_multiplexed_async_connection_with_config(&patient).await?)
            }
            "PostgreSQL" => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                Probe::Postgres(client)
            }
            other => bail!("how large {other} is can't be told"),
        })
    }

    /// Removes what an earlier run has left.
    pub(crate) async fn empty(&self) -> Result<()> {
        match self {
            Probe::Memory => {}
            Probe::Sqlite(path) => {
                for end in ["", "-wal", "-shm"] {
                    match fs::remove_file(format!("{path}{end}")) {
                        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                        _ => {}
                    }
                }
            }
            Probe::Mongodb(database) => database.collection::<Document>(COLLECTION).drop().await?,
            Probe::Redis(connection) => redis::cmd("FLUSHDB").exec_async(&mut connection.clone()).await?,
            Probe::Postgres(client) => client.batch_execute(&format!("DROP TABLE IF EXISTS {TABLE}")).await?,
        }
        Ok(())
    }

    /// What it all takes, indexes too: of memory where sessions are in memory, else of the disk.
    pub(crate) async fn bytes(&self) -> Result<u64> {
        match self {
            Probe::Memory => resident(),
            Probe::Sqlite(path) => match fs::metadata(path) {
                Ok(file) => Ok(file.len() + fs::metadata(format!("{path}-wal")).map_or(0, |file| file.len())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
                Err(error) => Err(error.into()),
            },
            Probe::Mongodb(database) => {
                // What is not on the disk yet is not counted.
                database.client().database("admin").run_command(doc! {"fsync": 1}).await?;
                let stats = database.run_command(doc! {"collStats": COLLECTION}).await?;
                let part = |name| stats.get(name).and_then(number).unwrap_or_default();
                Ok(part("storageSize") + part("totalIndexSize"))
            }
            Probe::Redis(connection) => {
                let told: String = redis::cmd("INFO").arg("memory").query_async(&mut connection.clone()).await?;
                let line = told.lines().find_map(|line| line.strip_prefix("used_memory:"));
                Ok(line.context("Redis tells its memory")?.trim().parse()?)
            }
            Probe::Postgres(client) => {
                let row =
                    client.query_one("SELECT coalesce(pg_total_relation_size(to_regclass($1)), 0)", &[&TABLE]).await?;
                Ok(u64::try_from(row.try_get::<_, i64>(0)?)?)
            }
        }
    }
}

fn number(value: &mongodb::bson::Bson) -> Option<u64> {
    let number =
        value.as_i64().or_else(|| value.as_i32().map(i64::from)).or_else(|| value.as_f64().map(|size| size as i64));
    number.and_then(|number| u64::try_from(number).ok())
}

/// The memory that this process has.
fn resident() -> Result<u64> {
    let told = fs::read_to_string("/proc/self/statm").context("only Linux tells how much memory a process has")?;
    let pages: u64 = told.split_whitespace().nth(1).context("a number of pages")?.parse()?;
    Ok(pages * 4_096)
}
