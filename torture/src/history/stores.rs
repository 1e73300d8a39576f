//! The stores that histories run on, by name. Another one is another line in [`STORES`], and its setting up.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use cloakroom::Timestamp;
use cloakroom::record::StoreKey;
use cloakroom::store::{MemoryStore, Store};
use cloakroom_encrypted::{DataKeys, EncryptedStore};
use cloakroom_mongodb::{ExpressLayout, MongoStore};
use cloakroom_postgres::PostgresStore;
use cloakroom_postgres::deadpool_postgres::tokio_postgres::{self, NoTls};
use cloakroom_redis::RedisStore;
use cloakroom_sqlite::SqliteStore;
use mongodb::Client;

use super::jitter::Jittered;
use super::moving::Moving;
use super::near;
use super::nodes::Nodes;
use super::rng::Rng;
use super::run::DEADLINE;
use super::torment::AT_A_TIME;

/// A kind of store.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Whether a seed decides all that happens; see [`in_turns`](super::run::in_turns).
    pub in_turns: bool,
    set_up: SetUp,
}

#[derive(Clone, Copy, Debug)]
enum SetUp {
    Memory,
    Moving,
    Encrypted,
    Near,
    Mongodb,
    /// Two servers that keep copies, as the others of this kind.
    NearMongodb,
    /// In the documents of Express' stores, by the name of the layout.
    Express(&'static str),
    Sqlite,
    Redis,
    NearRedis,
    Postgres,
    NearPostgres,
}

/// All kinds.
pub const STORES: &[Kind] = &[
    Kind { name: "memory", in_turns: true, set_up: SetUp::Memory },
    Kind { name: "moving", in_turns: true, set_up: SetUp::Moving },
    Kind { name: "encrypted", in_turns: true, set_up: SetUp::Encrypted },
    Kind { name: "near", in_turns: true, set_up: SetUp::Near },
    Kind { name: "sqlite", in_turns: false, set_up: SetUp::Sqlite },
    Kind { name: "mongodb", in_turns: false, set_up: SetUp::Mongodb },
    Kind { name: "near-mongodb", in_turns: false, set_up: SetUp::NearMongodb },
    Kind { name: "express", in_turns: false, set_up: SetUp::Express("connect-mongodb-session") },
    Kind { name: "express-text", in_turns: false, set_up: SetUp::Express("connect-mongo") },
    Kind { name: "redis", in_turns: false, set_up: SetUp::Redis },
    Kind { name: "near-redis", in_turns: false, set_up: SetUp::NearRedis },
    Kind { name: "postgres", in_turns: false, set_up: SetUp::Postgres },
    Kind { name: "near-postgres", in_turns: false, set_up: SetUp::NearPostgres },
];

/// The kind of this name.
///
/// # Errors
///
/// If there is none.
pub fn by_name(name: &str) -> Result<Kind> {
    let found = STORES.iter().find(|kind| kind.name == name).copied();
    found.with_context(|| {
        let names: Vec<_> = STORES.iter().map(|kind| kind.name).collect();
        format!("there is no store {name:?}, but {}", names.join(", "))
    })
}

/// Where the stores of histories come from. What it has made on a server or on the disk goes with [`close`](Source::close).
#[derive(Debug)]
pub struct Source {
    supply: Supply,
    made: Made,
}

#[derive(Debug)]
enum Supply {
    /// A new one for each history.
    New(fn() -> Result<Nodes>),
    /// One for each history that runs at a time.
    Kept(Vec<Nodes>),
}

/// What is to be removed at the end.
#[derive(Debug)]
enum Made {
    Nothing,
    Files(PathBuf, Vec<SqliteStore>),
    Database(mongodb::Database),
    Keys(Vec<RedisStore>),
    Schema(String),
}

impl Source {
    /// Connects to what the kind needs.
    ///
    /// # Errors
    ///
    /// If the environment does not name the server, or it can't be reached.
    pub async fn open(kind: Kind) -> Result<Source> {
        Ok(match kind.set_up {
            SetUp::Memory => Source::new(|| Ok(one(MemoryStore::new()))),
            SetUp::Moving => Source::new(|| Ok(one(Moving::new()))),
            SetUp::Encrypted => Source::new(|| Ok(encrypted())),
            SetUp::Near => Source::new(near::over_memory),
            SetUp::Sqlite => sqlite().await?,
            SetUp::Mongodb => mongodb(None).await?,
            SetUp::NearMongodb => mongodb(None).await?.near()?,
            SetUp::Express(name) => {
                let layout = ExpressLayout::by_name(name).with_context(|| format!("there is no layout {name:?}"))?;
                mongodb(Some(layout.tombstones())).await?
            }
            SetUp::Redis => redis().await?,
            SetUp::NearRedis => redis().await?.near()?,
            SetUp::Postgres => postgres(false).await?,
            SetUp::NearPostgres => postgres(true).await?.near()?,
        })
    }

    fn new(make: fn() -> Result<Nodes>) -> Source {
        Source { supply: Supply::New(make), made: Made::Nothing }
    }

    fn kept<S: Store + Clone>(stores: &[S], made: Made) -> Source {
        let stores = stores.iter().map(|store| one(store.clone()));
        Source { supply: Supply::Kept(stores.collect()), made }
    }

    /// With copies of its sessions on two servers.
    fn near(self) -> Result<Source> {
        let Supply::Kept(kept) = self.supply else { return Ok(self) };
        let mut near = Vec::new();
        for store in kept.iter().flat_map(|nodes| &nodes.stores) {
            near.push(near::over(store)?);
        }
        Ok(Source { supply: Supply::Kept(near), made: self.made })
    }

    /// The servers of one history. Of a place below [`AT_A_TIME`] they are the same each time.
    ///
    /// # Errors
    ///
    /// If they can't be made.
    pub fn nodes(&self, place: usize) -> Result<Nodes> {
        match &self.supply {
            Supply::New(make) => make(),
            Supply::Kept(stores) => Ok(stores[place].clone()),
        }
    }

    /// Removes what was made on a server or on the disk.
    ///
    /// # Errors
    ///
    /// If that fails.
    pub async fn close(self) -> Result<()> {
        drop(self.supply);
        match self.made {
            Made::Nothing => {}
            Made::Files(folder, stores) => {
                for store in stores {
                    store.close().await;
                }
                std::fs::remove_dir_all(folder)?;
            }
            Made::Database(database) => database.drop().await?,
            Made::Keys(stores) => {
                // By then all of them are over.
                let late = Timestamp::from_millis(i64::MAX);
                for store in stores {
                    while store.sweep(usize::MAX, late).await? > 0 {}
                }
            }
            Made::Schema(schema) => run_on_postgres(&format!("DROP SCHEMA {schema} CASCADE")).await?,
        }
        Ok(())
    }
}

/// Over a store whose calls take their turns as well. Never another seed: the order of turns is drawn from the history's own.
fn encrypted() -> Nodes {
    let store = Jittered::new(MemoryStore::new(), Rng::new(0), 0);
    match DataKeys::new([1; 32]) {
        Ok(keys) => one(EncryptedStore::new(store, keys)),
        Err(error) => panic!("32 bytes are enough for a data key: {error}"),
    }
}

fn one(store: impl Store) -> Nodes {
    Nodes::from(Arc::new(store) as Arc<dyn Store>)
}

async fn sqlite() -> Result<Source> {
    let folder = std::env::temp_dir().join(random_name()?);
    std::fs::create_dir(&folder)?;
    let mut stores = Vec::new();
    for place in 0..AT_A_TIME {
        stores.push(SqliteStore::builder(folder.join(format!("{place}.db"))).deadline(DEADLINE).open().await?);
    }
    Ok(Source::kept(&stores, Made::Files(folder, stores.clone())))
}

async fn mongodb(layout: Option<ExpressLayout>) -> Result<Source> {
    let uri = address("CLOAKROOM_TEST_MONGODB", "a MongoDB replica set")?;
    let database = Client::with_uri_str(uri).await?.database(&random_name()?);
    let store = MongoStore::new(database.clone()).with_deadline(DEADLINE);
    let stores: Vec<_> = (0..AT_A_TIME).map(|place| store.clone().with_collection(&place.to_string())).collect();
    let made = Made::Database(database);
    let Some(layout) = layout else {
        for store in &stores {
            store.ensure_indexes().await?;
        }
        return Ok(Source::kept(&stores, made));
    };
    let stores: Vec<_> = stores.into_iter().map(|store| store.with_layout(layout.clone())).collect();
    for store in &stores {
        store.ensure_indexes().await?;
    }
    Ok(Source::kept(&stores, made))
}

async fn redis() -> Result<Source> {
    let urls = address("CLOAKROOM_TEST_REDIS", "a Redis, or the nodes of a cluster")?;
    let store = match urls.split(',').collect::<Vec<_>>().as_slice() {
        [url] => RedisStore::connect(url).await?,
        urls => RedisStore::connect_cluster(urls).await?,
    };
    let (store, name) = (store.with_deadline(DEADLINE), random_name()?);
    let stores: Vec<_> = (0..AT_A_TIME).map(|place| store.clone().with_prefix(&format!("{name}:{place}"))).collect();
    Ok(Source::kept(&stores, Made::Keys(stores.clone())))
}

async fn postgres(has_feed: bool) -> Result<Source> {
    let schema = random_name()?;
    run_on_postgres(&format!("CREATE SCHEMA {schema}")).await?;
    let store = PostgresStore::connect(&postgres_url()?).await?.with_schema(&schema).with_deadline(DEADLINE);
    let store = if has_feed { store.with_feed() } else { store };
    let stores: Vec<_> = (0..AT_A_TIME).map(|place| store.clone().with_table(&place.to_string())).collect();
    for store in &stores {
        store.ensure_table().await?;
    }
    Ok(Source::kept(&stores, Made::Schema(schema)))
}

async fn run_on_postgres(statement: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(&postgres_url()?, NoTls).await?;
    let driven = tokio::spawn(connection);
    client.batch_execute(statement).await?;
    drop(client);
    Ok(driven.await??)
}

fn postgres_url() -> Result<String> {
    address("CLOAKROOM_TEST_POSTGRES", "a PostgreSQL database")
}

fn address(variable: &str, what: &str) -> Result<String> {
    std::env::var(variable).with_context(|| format!("{variable} must name {what}: use `cargo xtask torture`"))
}

fn random_name() -> Result<String> {
    let key = StoreKey::generate()?;
    let digits: String = key.digest()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("cloakroom_torture_{digits}"))
}
