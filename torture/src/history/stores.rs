//! The stores that histories run on, by name. Another one is another line in [`STORES`], and its setting up.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use cloakroom::Timestamp;
use cloakroom::record::StoreKey;
use cloakroom::store::{MemoryStore, Store};
use cloakroom_mongodb::MongoStore;
use cloakroom_redis::RedisStore;
use mongodb::Client;

use super::moving::Moving;
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
    Mongodb,
    Redis,
}

/// All kinds.
pub const STORES: &[Kind] = &[
    Kind { name: "memory", in_turns: true, set_up: SetUp::Memory },
    Kind { name: "moving", in_turns: true, set_up: SetUp::Moving },
    Kind { name: "mongodb", in_turns: false, set_up: SetUp::Mongodb },
    Kind { name: "redis", in_turns: false, set_up: SetUp::Redis },
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

/// Where the stores of histories come from. What it has made on a server goes with [`close`](Source::close).
#[derive(Debug)]
pub enum Source {
    /// A new one for each history.
    Memory,
    /// Two new ones for each history, and sessions that move from the one to the other.
    Moving,
    /// A collection for each history that runs at a time.
    Mongodb {
        /// The stores.
        stores: Vec<Arc<MongoStore>>,
        /// Where they are.
        database: mongodb::Database,
    },
    /// A prefix for each history that runs at a time.
    Redis(Vec<Arc<RedisStore>>),
}

impl Source {
    /// Connects to what the kind needs.
    ///
    /// # Errors
    ///
    /// If the environment does not name the server, or it can't be reached.
    pub async fn open(kind: Kind) -> Result<Source> {
        Ok(match kind.set_up {
            SetUp::Memory => Source::Memory,
            SetUp::Moving => Source::Moving,
            SetUp::Mongodb => {
                let Ok(uri) = std::env::var("CLOAKROOM_TEST_MONGODB") else {
                    bail!("CLOAKROOM_TEST_MONGODB must name a MongoDB replica set: use `cargo xtask torture`");
                };
                let database = Client::with_uri_str(uri).await?.database(&random_name()?);
                let store = MongoStore::new(database.clone()).with_deadline(DEADLINE);
                let stores = (0..AT_A_TIME).map(|place| Arc::new(store.clone().with_collection(&place.to_string())));
                let stores: Vec<_> = stores.collect();
                for store in &stores {
                    store.ensure_indexes().await?;
                }
                Source::Mongodb { stores, database }
            }
            SetUp::Redis => {
                let Ok(urls) = std::env::var("CLOAKROOM_TEST_REDIS") else {
                    bail!(
                        "CLOAKROOM_TEST_REDIS must name a Redis, or the nodes of a cluster: use `cargo xtask torture`"
                    );
                };
                let store = match urls.split(',').collect::<Vec<_>>().as_slice() {
                    [url] => RedisStore::connect(url).await?,
                    urls => RedisStore::connect_cluster(urls).await?,
                };
                let (store, name) = (store.with_deadline(DEADLINE), random_name()?);
                let stores =
                    (0..AT_A_TIME).map(|place| Arc::new(store.clone().with_prefix(&format!("{name}:{place}"))));
                Source::Redis(stores.collect())
            }
        })
    }

    /// A store for one history. Of a place below [`AT_A_TIME`] it is the same one each time.
    pub fn store(&self, place: usize) -> Arc<dyn Store> {
        match self {
            Source::Memory => Arc::new(MemoryStore::new()),
            Source::Moving => Arc::new(Moving::new()),
            Source::Mongodb { stores, .. } => stores[place].clone(),
            Source::Redis(stores) => stores[place].clone(),
        }
    }

    /// Removes what was made on a server.
    ///
    /// # Errors
    ///
    /// If that fails.
    pub async fn close(self) -> Result<()> {
        match self {
            Source::Memory | Source::Moving => Ok(()),
            Source::Mongodb { database, .. } => Ok(database.drop().await?),
            Source::Redis(stores) => {
                // By then all of them are over.
                let late = Timestamp::from_millis(i64::MAX);
                for store in stores {
                    while store.sweep(usize::MAX, late).await? > 0 {}
                }
                Ok(())
            }
        }
    }
}

fn random_name() -> Result<String> {
    let key = StoreKey::generate()?;
    let digits: String = key.digest()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("cloakroom_torture_{digits}"))
}
