//! The stores that histories run on, by name. Another one is another line in [`STORES`], and its setting up.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use cloakroom::record::StoreKey;
use cloakroom::store::{MemoryStore, Store};
use cloakroom_mongodb::MongoStore;
use cloakroom_postgres::PostgresStore;
use cloakroom_postgres::deadpool_postgres::tokio_postgres::{self, NoTls};
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
    Postgres,
}

/// All kinds.
pub const STORES: &[Kind] = &[
    Kind { name: "memory", in_turns: true, set_up: SetUp::Memory },
    Kind { name: "moving", in_turns: true, set_up: SetUp::Moving },
    Kind { name: "mongodb", in_turns: false, set_up: SetUp::Mongodb },
    Kind { name: "postgres", in_turns: false, set_up: SetUp::Postgres },
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
    /// A table for each history that runs at a time.
    Postgres {
        /// The stores.
        stores: Vec<Arc<PostgresStore>>,
        /// The schema that they are in.
        schema: String,
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
            SetUp::Postgres => {
                let schema = random_name()?;
                run_on_postgres(&format!("CREATE SCHEMA {schema}")).await?;
                let store = PostgresStore::connect(&postgres()?).await?.with_schema(&schema).with_deadline(DEADLINE);
                let stores = (0..AT_A_TIME).map(|place| Arc::new(store.clone().with_table(&place.to_string())));
                let stores: Vec<_> = stores.collect();
                for store in &stores {
                    store.ensure_table().await?;
                }
                Source::Postgres { stores, schema }
            }
        })
    }

    /// A store for one history. Of a place below [`AT_A_TIME`] it is the same one each time.
    pub fn store(&self, place: usize) -> Arc<dyn Store> {
        match self {
            Source::Memory => Arc::new(MemoryStore::new()),
            Source::Moving => Arc::new(Moving::new()),
            Source::Mongodb { stores, .. } => stores[place].clone(),
            Source::Postgres { stores, .. } => stores[place].clone(),
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
            Source::Postgres { schema, .. } => run_on_postgres(&format!("DROP SCHEMA {schema} CASCADE")).await,
        }
    }
}

fn postgres() -> Result<String> {
    std::env::var("CLOAKROOM_TEST_POSTGRES")
        .context("CLOAKROOM_TEST_POSTGRES must name a PostgreSQL database, as postgres://user@127.0.0.1:5432/database")
}

async fn run_on_postgres(statement: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(&postgres()?, NoTls).await?;
    let driven = tokio::spawn(connection);
    client.batch_execute(statement).await?;
    drop(client);
    Ok(driven.await??)
}

fn random_name() -> Result<String> {
    let key = StoreKey::generate()?;
    let digits: String = key.digest()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("cloakroom_torture_{digits}"))
}
