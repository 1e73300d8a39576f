//! A Redis for the tests, on a free port of 127.0.0.1.

use std::env;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{self, Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use crate::server::{Kind, Server};
use crate::system;
use crate::workspace::Workspace;

/// Names another program, here and for the tests that start servers of their own.
const PROGRAM: &str = "CLOAKROOM_REDIS_SERVER";

/// The package of Debian and Ubuntu that brings it.
const PACKAGE: &str = "redis-server";

const KIND: Kind = Kind {
    name: "redis-server",
    // Of "Ready" or "ready", as the version has it.
    listens: "eady to accept connections",
    port_taken: "Address already in use",
    end: Signal::KILL,
};

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Redis {
    server: Server,
    program: PathBuf,
    version: String,
}

impl Redis {
    pub(crate) async fn start(workspace: &Workspace) -> Result<Self> {
        let program = find().await?;
        let answer = system::ensure_runs(&program).await?;
        let version = read_version(&answer).with_context(|| format!("{} is no Redis", program.display()))?.to_owned();
        let server = Server::start(workspace, KIND, |data, port| Ok(command(&program, data, port))).await?;
        Ok(Self { server, program, version })
    }

    pub(crate) fn title(&self) -> String {
        format!("Redis {}", self.version)
    }

    pub(crate) fn uri(&self) -> String {
        format!("redis://{}:{}", Ipv4Addr::LOCALHOST, self.server.port())
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// What the tests are told of it.
    pub(crate) fn env(&self) -> [(&'static str, OsString); 2] {
        [("CLOAKROOM_TEST_REDIS", self.uri().into()), (PROGRAM, self.program.clone().into_os_string())]
    }
}

fn command(program: &Path, data: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.arg("--dir").arg(data).args(["--port", &port.to_string()]).args(["--bind", "127.0.0.1"]).args([
        "--save",
        "",
        "--appendonly",
        "no",
    ]);
    command
}

/// The program: the one that is named, or the one on the PATH, installed if there is none.
async fn find() -> Result<PathBuf> {
    if let Some(named) = env::var_os(PROGRAM).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        if !named.is_file() {
            bail!("{PROGRAM} is {}, and no such file exists", named.display());
        }
        // The tests run in other folders.
        return path::absolute(&named).context("the current folder is not known");
    }
    if system::find_on_path("redis-server").is_none() {
        system::install(&[PACKAGE], "there is no redis-server").await?;
    }
    let found = system::find_on_path("redis-server").context("there is no redis-server on the PATH")?;
    path::absolute(found).context("the current folder is not known")
}

/// The version in the answer to `redis-server --version`.
fn read_version(answer: &str) -> Option<&str> {
    answer.split_whitespace().find_map(|word| word.strip_prefix("v="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_redis_is_read() {
        let answer = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=c36d0a5ef8d5a21e\n";
        assert_eq!(read_version(answer), Some("7.0.15"));
        assert_eq!(read_version("coreutils 9.1"), None);
    }
}
