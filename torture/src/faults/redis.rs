//! `redis-server`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use redis::{Client, RedisResult};
use tokio::time::{Instant, sleep, timeout};

use super::server::{LOOK_AGAIN, Program, Server, command, named_by};

/// The environment variable that names the program.
pub const REDIS_SERVER: &str = "CLOAKROOM_REDIS_SERVER";

/// For it to have read its file after a start.
const LOADING: Duration = Duration::from_secs(60);

/// One question to it.
const QUESTION: Duration = Duration::from_secs(2);

/// When a `redis-server` has what it confirms on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redis {
    /// Before it confirms (`appendfsync always`).
    Always,
    /// Within two seconds (`appendfsync everysec`): as long as a disk that is slow keeps it from writing, it confirms without.
    EverySecond,
    /// Never (`appendonly no`).
    Never,
}

impl Program for Redis {
    fn name(&self) -> &'static str {
        "redis-server"
    }

    fn prepare(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn command(&self, data: &Path, port: u16) -> Result<Command> {
        let mut command = command(&named_by(REDIS_SERVER)?);
        command.arg("--dir").arg(data).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        let (file, sync) = match self {
            Redis::Always => ("yes", "always"),
            Redis::EverySecond => ("yes", "everysec"),
            Redis::Never => ("no", "no"),
        };
        command.args(["--save", "", "--appendonly", file, "--appendfsync", sync]);
        Ok(command)
    }
}

/// Waits until the server accepts writes; tells since when it does.
pub(super) async fn back(server: &Server) -> Result<Instant> {
    let client = Client::open(format!("redis://{}", server.address()))?;
    let deadline = Instant::now() + LOADING;
    while !matches!(timeout(QUESTION, write(&client)).await, Ok(Ok(()))) {
        if Instant::now() > deadline {
            bail!("redis-server takes no writes\n{}", server.log());
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(Instant::now())
}

async fn write(client: &Client) -> RedisResult<()> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("SET").arg("torture_probe").arg(1).query_async(&mut connection).await
}
