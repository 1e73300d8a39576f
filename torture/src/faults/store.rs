//! The stores of the runs, and the servers behind them.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use tokio::time::Instant;

use super::application::Application;
use super::postgres::{self, Postgres};
use super::redis::{self, Redis};
use super::replica_set::ReplicaSet;
use super::server::Server;

/// Where the sessions of a run are. What is not said here is as each of them comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Store {
    /// A replica set of one node; of three where the run needs them.
    Mongodb,
    /// One server with an append-only file, and `appendfsync always` where the run names no other.
    Redis,
    /// One server.
    Postgres,
    /// A file. What fails is the application.
    Sqlite,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Store::Mongodb => "MongoDB",
            Store::Redis => "Redis",
            Store::Postgres => "PostgreSQL",
            Store::Sqlite => "SQLite",
        })
    }
}

/// One server with a store's data, which can be made to fail.
#[derive(Debug)]
pub(super) enum Database {
    Mongodb(ReplicaSet),
    Redis(Server),
    Postgres(Server),
    /// An application with its file.
    Sqlite(Server),
}

impl Database {
    /// Starts it. `program`: `torture`, which serves the application where that is what fails.
    pub(super) async fn start(store: Store, program: &Path) -> Result<Database> {
        let database = match store {
            Store::Mongodb => Database::Mongodb(ReplicaSet::start(1).await?),
            Store::Redis => return Database::redis(Redis::Always).await,
            Store::Postgres => Database::Postgres(Server::start(Postgres).await?),
            Store::Sqlite => {
                let application = Application { program: program.to_owned() };
                Database::Sqlite(Server::start(application).await?)
            }
        };
        database.back().await?;
        Ok(database)
    }

    /// A Redis with this setting.
    pub(super) async fn redis(redis: Redis) -> Result<Database> {
        let database = Database::Redis(Server::start(redis).await?);
        database.back().await?;
        Ok(database)
    }

    /// Its server.
    pub(super) fn server(&mut self) -> &mut Server {
        match self {
            Database::Mongodb(set) => set.node(0),
            Database::Redis(server) | Database::Postgres(server) | Database::Sqlite(server) => server,
        }
    }

    /// What the application is told of it; of SQLite, where the application is.
    pub(super) fn url(&self) -> String {
        match self {
            Database::Mongodb(set) => set.uri("torture"),
            Database::Redis(server) => format!("redis://{}", server.address()),
            Database::Postgres(server) => postgres::url(&server.address()),
            Database::Sqlite(server) => format!("http://{}", server.address()),
        }
    }

    /// The same where the server is reached by another address.
    pub(super) fn url_by(&self, address: &str) -> String {
        match self {
            // Directly: what the server tells of itself is the way around.
            Database::Mongodb(_) => format!("mongodb://{address}/torture?directConnection=true"),
            Database::Redis(_) => format!("redis://{address}"),
            Database::Postgres(_) => postgres::url(address),
            Database::Sqlite(_) => format!("http://{address}"),
        }
    }

    /// Waits until it accepts writes again; tells since when it does.
    pub(super) async fn back(&self) -> Result<Instant> {
        match self {
            Database::Mongodb(set) => Ok(set.back().await?.0),
            Database::Redis(server) => redis::back(server).await,
            Database::Postgres(server) => postgres::back(server).await,
            // It listens once its file is open.
            Database::Sqlite(_) => Ok(Instant::now()),
        }
    }
}
