//! `mongod`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use mongodb::Client;
use mongodb::options::ClientOptions;

use super::server::{Program, command, named_by};

/// The environment variable that names the program.
pub const MONGOD: &str = "MONGOD";

/// How a `mongod` is started.
#[derive(Clone, Debug, Default)]
pub struct Mongod {
    /// The replica set that it belongs to; none for a server alone.
    pub set: Option<String>,
    /// The journal in files that are small and not made in advance, so that it soon asks for more space.
    pub small_journal: bool,
}

impl Program for Mongod {
    fn name(&self) -> &'static str {
        "mongod"
    }

    fn prepare(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn command(&self, data: &Path, port: u16) -> Result<Command> {
        let mut command = command(&named_by(MONGOD)?);
        command
            .arg("--dbpath")
            .arg(data)
            .args(["--port", &port.to_string(), "--bind_ip", "127.0.0.1", "--nounixsocket"])
            .args(["--wiredTigerCacheSizeGB", "0.25"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
        if let Some(set) = &self.set {
            command.args(["--replSet", set, "--oplogSize", "16"]);
        }
        if self.small_journal {
            command.args(["--wiredTigerEngineConfigString", "log=(file_max=512KB,prealloc=false)"]);
        }
        Ok(command)
    }
}

/// A client of one server alone, whatever set it belongs to, which gives up soon. It does not wait for the server.
pub(super) async fn direct(address: &str) -> Result<Client> {
    let mut options = ClientOptions::parse(format!("mongodb://{address}/?directConnection=true")).await?;
    options.server_selection_timeout = Some(Duration::from_millis(1_000));
    options.connect_timeout = Some(Duration::from_millis(1_000));
    options.heartbeat_freq = Some(Duration::from_millis(500));
    Ok(Client::with_options(options)?)
}
