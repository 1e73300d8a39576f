//! A PostgreSQL for the tests, on a free port of 127.0.0.1.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Signal, geteuid};

use crate::server::{Kind, Server};
use crate::system;
use crate::workspace::Workspace;

/// The package of Debian and Ubuntu that brings it.
const PACKAGE: &str = "postgresql";

/// Where Debian and Ubuntu keep the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

const USER: &str = "cloakroom";

/// Who serves in root's place, since PostgreSQL refuses to run as root: `nobody`, who is everywhere.
const NOBODY: u32 = 65534;

const KIND: Kind = Kind {
    name: "postgres",
    listens: "database system is ready to accept connections",
    port_taken: "Address already in use",
    // At once, and with its children.
    end: Signal::QUIT,
};

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Postgres {
    server: Server,
    programs: PathBuf,
    version: String,
}

impl Postgres {
    pub(crate) async fn start(workspace: &Workspace) -> Result<Self> {
        let programs = find().await?;
        let answer = system::ensure_runs(&programs.join("postgres")).await?;
        let version = read_version(&answer).context("`postgres` is not PostgreSQL")?.to_owned();
        let server = Server::start(workspace, KIND, |data, port| launch(&programs, data, port)).await?;
        Ok(Self { server, programs, version })
    }

    pub(crate) fn title(&self) -> String {
        format!("PostgreSQL {}", self.version)
    }

    pub(crate) fn uri(&self) -> String {
        format!("postgres://{USER}@{}:{}/postgres", Ipv4Addr::LOCALHOST, self.server.port())
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// What the tests are told of it.
    pub(crate) fn env(&self) -> [(&'static str, OsString); 2] {
        let programs = self.programs.clone().into_os_string();
        [("CLOAKROOM_TEST_POSTGRES", self.uri().into()), ("CLOAKROOM_POSTGRES_PROGRAMS", programs)]
    }
}

/// Makes a database cluster of an empty folder, and gives the command that serves it.
fn launch(programs: &Path, data: &Path, port: u16) -> Result<Command> {
    if geteuid().is_root() {
        chown(data, Some(NOBODY), Some(NOBODY)).context("the folder for the data can't be given away")?;
    }
    let mut initdb = unprivileged(&programs.join("initdb"));
    initdb.arg("--pgdata").arg(data);
    initdb.args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
    let made = initdb.stdin(Stdio::null()).output().context("initdb could not be started")?;
    if !made.status.success() {
        bail!("initdb failed: {}\n{}", made.status, String::from_utf8_lossy(&made.stderr));
    }
    let mut command = unprivileged(&programs.join("postgres"));
    command.arg("-D").arg(data).args(["-p", &port.to_string()]).args([
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-c",
        "max_connections=300",
    ]);
    Ok(command)
}

fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    // Root's folders are not theirs to be in.
    command.current_dir("/");
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The folder of the programs: that of the `postgres` on the PATH, or of Debian's newest, installed if there is none.
async fn find() -> Result<PathBuf> {
    if let Some(found) = find_installed() {
        return Ok(found);
    }
    system::install(&[PACKAGE], "there is no PostgreSQL").await?;
    find_installed().context("there is no `postgres` with its `initdb`")
}

fn find_installed() -> Option<PathBuf> {
    // Where `initdb` is, too: the PATH may know one of the two only, by a link.
    let on_path = system::find_on_path("postgres").and_then(|found| fs::canonicalize(found).ok());
    let beside = on_path.and_then(|found| Some(found.parent()?.to_path_buf()));
    let mut versions: Vec<_> = fs::read_dir(VERSIONS).into_iter().flatten().flatten().collect();
    versions.sort_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    let newest_first = versions.into_iter().rev().map(|entry| entry.path().join("bin"));
    let is_whole = |folder: &PathBuf| ["postgres", "initdb"].iter().all(|program| folder.join(program).is_file());
    beside.into_iter().chain(newest_first).find(is_whole)
}

/// The version in the answer to `postgres --version`.
fn read_version(answer: &str) -> Option<&str> {
    answer.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_postgresql_is_read() {
        assert_eq!(read_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some("15.14"));
        assert_eq!(read_version("mongod"), None);
    }
}
