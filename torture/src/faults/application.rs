//! The application under test as a process of its own, for runs that kill it: `torture serve`.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;

use super::app::router;
use super::server::{Program, command};

/// The application over an SQLite file in its folder.
#[derive(Clone, Debug)]
pub(super) struct Application {
    /// The program `torture`.
    pub(super) program: PathBuf,
}

impl Program for Application {
    fn name(&self) -> &'static str {
        "the application"
    }

    fn prepare(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn command(&self, data: &Path, port: u16) -> Result<Command> {
        let mut command = command(&self.program);
        let file = data.join("sessions.db");
        let file = file.to_str().context("the path of the temporary files is no text")?;
        command.arg("serve").arg(port.to_string()).arg(format!("sqlite:{file}"));
        Ok(command)
    }
}

/// Serves the application of the fault runs, until it is killed.
#[derive(Debug, Args)]
pub struct Serve {
    /// The port on 127.0.0.1.
    port: u16,
    /// The URL of the store.
    store: String,
}

impl Serve {
    /// Serves it.
    ///
    /// # Errors
    ///
    /// If the store can't be opened, or the port is taken.
    pub fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let app = router(&self.store).await?;
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
            writeln!(out, "listening on http://{}", listener.local_addr()?)?;
            axum::serve(listener, app).await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
