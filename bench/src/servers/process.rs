//! A server as a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Cpus;
use super::usage::{cpu_time, resident_bytes};

/// A server that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a program that prints `listening on http://ADDRESS`, on the processor that is the servers', and waits until it
    /// has.
    ///
    /// # Errors
    ///
    /// If it can't be started, or prints something else first.
    pub fn start(mut command: Command, cpus: &Cpus) -> Result<Server> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let process = cpus.for_a_server(|| command.spawn())??;
        // From here on it ends with this value.
        let mut server = Server { process, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        let out = server.process.stdout.take().context("no standard output")?;
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        server.address = address.with_context(|| format!("it says {line:?}"))?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The processor time that it has used since its start.
    ///
    /// # Errors
    ///
    /// If it no longer runs.
    pub fn cpu_time(&self) -> Result<Duration> {
        cpu_time(self.process.id())
    }

    /// The memory that it holds, in bytes.
    ///
    /// # Errors
    ///
    /// If it no longer runs.
    pub fn resident_bytes(&self) -> Result<u64> {
        resident_bytes(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
