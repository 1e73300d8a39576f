//! The MongoDB that servers under measurement keep their sessions in.

use std::cell::Cell;

use anyhow::{Context as _, Result};
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use tokio::runtime::{Builder, Runtime};

use crate::servers::cpu_time;

/// The MongoDB of the tests and measurements.
#[derive(Debug)]
pub struct Database {
    uri: String,
    client: Client,
    runtime: Runtime,
    process: u32,
    version: String,
    made: Vec<String>,
    /// How often it was asked what it has served.
    asked: Cell<i64>,
}

impl Database {
    /// The one that the variable `CLOAKROOM_TEST_MONGODB` names.
    ///
    /// # Errors
    ///
    /// If there is none, or it runs on another machine.
    pub fn open() -> Result<Database> {
        let uri = std::env::var("CLOAKROOM_TEST_MONGODB").context("there is no MongoDB: run `cargo xtask bench`")?;
        // With a thread of its own: the driver looks after its connections while the caller is busy for minutes, or gives them up.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let client = runtime.block_on(Client::with_uri_str(&uri))?;
        let status =
            runtime.block_on(client.database("admin").run_command(doc! { "serverStatus": 1 }).into_future())?;
        let process = u32::try_from(number(&status, "pid").context("MongoDB does not tell its process")?)?;
        let version = status.get_str("version").unwrap_or("of an unknown version").to_owned();
        cpu_time(process).context("MongoDB runs on another machine")?;
        Ok(Database { uri, client, runtime, process, version, made: Vec::new(), asked: Cell::new(0) })
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The connection string of a database that nobody else has.
    pub fn make(&mut self) -> String {
        let name = format!("cloakroom_bench_{}_{}", std::process::id(), self.made.len());
        let (address, options) = self.uri.split_once('?').unwrap_or((&self.uri, ""));
        let uri = format!("{}/{name}?{options}", address.trim_end_matches('/'));
        self.made.push(name);
        uri
    }

    /// The operations that it has served since its start, and the microseconds of processor time that it has used.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn count(&self) -> Result<[f64; 2]> {
        let status = self.run("admin", doc! { "serverStatus": 1, "repl": 0, "metrics": 0, "locks": 0 })?;
        let counters = status.get_document("opcounters")?;
        let operations: i64 = counters.iter().filter_map(|(_, count)| whole(count)).sum();
        // It counts these questions, too.
        let asked = self.asked.replace(self.asked.get() + 1);
        Ok([(operations - asked) as f64, cpu_time(self.process)?.as_secs_f64() * 1e6])
    }

    /// How many bytes the documents of the newest database take: as documents, on the disk, and in the indexes.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn bytes(&self) -> Result<[i64; 3]> {
        // What is not on the disk yet takes no place there.
        self.run("admin", doc! { "fsync": 1 })?;
        let newest = self.made.last().context("there is no database")?;
        let sizes = self.run(newest, doc! { "dbStats": 1 })?;
        Ok(["dataSize", "storageSize", "indexSize"].map(|name| number(&sizes, name).unwrap_or_default()))
    }

    /// Removes all databases that were made.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn clear(&mut self) -> Result<()> {
        for name in self.made.split_off(0) {
            self.runtime.block_on(self.client.database(&name).drop().into_future())?;
        }
        Ok(())
    }

    fn run(&self, database: &str, command: Document) -> Result<Document> {
        Ok(self.runtime.block_on(self.client.database(database).run_command(command).into_future())?)
    }
}

fn number(document: &Document, name: &str) -> Option<i64> {
    whole(document.get(name)?)
}

fn whole(number: &Bson) -> Option<i64> {
    match number {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) => Some(*number as i64),
        _ => None,
    }
}
