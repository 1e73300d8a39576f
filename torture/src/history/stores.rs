//! The stores that histories run on, by name. Another one is another line in [`STORES`], and its setting up.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use cloakroom::record::StoreKey;
use cloakroom::store::{MemoryStore, Store};
use cloakroom_mongodb::{ExpressLayout, MongoStore};
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
    /// In the documents of Express' stores, by the name of the layout.
    Express(&'static str),
}

/// All kinds.
pub const STORES: &[Kind] = &[
    Kind { name: "memory", in_turns: true, set_up: SetUp::Memory },
    Kind { name: "moving", in_turns: true, set_up: SetUp::Moving },
    Kind { name: "mongodb", in_turns: false, set_up: SetUp::Mongodb },
    Kind { name: "express", in_turns: false, set_up: SetUp::Express("connect-mongodb-session") },
    Kind { name: "express-text", in_turns: false, set_up: SetUp::Express("connect-mongo") },
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
        stores: Vec<Arc<dyn Store>>,
        /// Where they are.
        database: mongodb::Database,
    },
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
            SetUp::Mongodb => Source::mongodb(None).await?,
            SetUp::Express(name) => {
                let layout = ExpressLayout::by_name(name).with_context(|| format!("there is no layout {name:?}"))?;
                Source::mongodb(Some(layout.tombstones())).await?
            }
        })
    }

    async fn mongodb(layout: Option<ExpressLayout>) -> Result<Source> {
        let Ok(uri) = std::env::var("CLOAKROOM_TEST_MONGODB") else {
            bail!("CLOAKROOM_TEST_MONGODB must name a MongoDB replica set: use `cargo xtask torture`");
        };
        let database = Client::with_uri_str(uri).await?.database(&random_name()?);
        let all = MongoStore::new(database.clone()).with_deadline(DEADLINE);
        let mut stores: Vec<Arc<dyn Store>> = Vec::new();
        for place in 0..AT_A_TIME {
            let store = all.clone().with_collection(&place.to_string());
            stores.push(match &layout {
                None => {
                    store.ensure_indexes().await?;
                    Arc::new(store)
                }
                Some(layout) => {
                    let store = store.with_layout(layout.clone());
                    store.ensure_indexes().await?;
                    Arc::new(store)
                }
            });
        }
        Ok(Source::Mongodb { stores, database })
    }

    /// A store for one history. Of a place below [`AT_A_TIME`] it is the same one each time.
    pub fn store(&self, place: usize) -> Arc<dyn Store> {
        match self {
            Source::Memory => Arc::new(MemoryStore::new()),
            Source::Moving => Arc::new(Moving::new()),
            Source::Mongodb { stores, .. } => stores[place].clone(),
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
        }
    }
}

fn random_name() -> Result<String> {
    let key = StoreKey::generate()?;
    let digits: String = key.digest()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("cloakroom_torture_{digits}"))
}
