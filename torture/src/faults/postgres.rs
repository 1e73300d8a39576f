//! `postgres`.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cloakroom_postgres::deadpool_postgres::tokio_postgres::{self, NoTls};
use rustix::process::geteuid;
use tokio::time::{Instant, sleep, timeout};

use super::server::{LOOK_AGAIN, Program, Server, command, named_by};

/// The environment variable that names the folder of its programs, `postgres` and `initdb`.
pub const POSTGRES_PROGRAMS: &str = "CLOAKROOM_POSTGRES_PROGRAMS";

const USER: &str = "cloakroom";

/// Who serves in root's place, since PostgreSQL refuses to run as root: `nobody`, who is everywhere.
const NOBODY: u32 = 65534;

/// For it to recover after a start.
const RECOVERY: Duration = Duration::from_secs(60);

/// One question to it.
const QUESTION: Duration = Duration::from_secs(2);

/// A `postgres` as it comes: `fsync` and `synchronous_commit` are on.
#[derive(Clone, Copy, Debug)]
pub struct Postgres;

impl Program for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn prepare(&self, data: &Path) -> Result<()> {
        if geteuid().is_root() {
            chown(data, Some(NOBODY), Some(NOBODY)).context("the folder for the data can't be given away")?;
        }
        let mut initdb = unprivileged("initdb")?;
        initdb.arg("--pgdata").arg(data);
        initdb.args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        let made = initdb.stdin(Stdio::null()).output().context("initdb could not be started")?;
        if !made.status.success() {
            bail!("initdb failed: {}\n{}", made.status, String::from_utf8_lossy(&made.stderr));
        }
        Ok(())
    }

    fn command(&self, data: &Path, port: u16) -> Result<Command> {
        let mut command = unprivileged("postgres")?;
        command.arg("-D").arg(data).args(["-p", &port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        Ok(command)
    }
}

/// The connection string of the server at an address, which may be a way to it.
pub(super) fn url(address: &str) -> String {
    format!("postgres://{USER}@{address}/postgres")
}

/// Waits until the server accepts writes; tells since when it does.
pub(super) async fn back(server: &Server) -> Result<Instant> {
    let url = url(&server.address());
    let deadline = Instant::now() + RECOVERY;
    while !matches!(timeout(QUESTION, write(&url)).await, Ok(Ok(()))) {
        if Instant::now() > deadline {
            bail!("postgres takes no writes\n{}", server.log());
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(Instant::now())
}

async fn write(url: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // It ends with the client.
    tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS torture_probe (at timestamptz); INSERT INTO torture_probe SELECT now()",
        )
        .await
}

fn unprivileged(program: &str) -> Result<Command> {
    let program: PathBuf = named_by(POSTGRES_PROGRAMS)?.join(program);
    let mut command = command(&program);
    // Root's folders are not theirs to be in.
    command.current_dir("/");
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    Ok(command)
}
