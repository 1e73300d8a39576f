//! The command line of the histories.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

/// Runs histories for a while, or one of them again.
#[derive(Args, Debug)]
pub struct Command {
    /// The seed of the one history to run.
    #[arg(long)]
    seed: Option<u64>,
}

impl Command {
    /// Runs it, and tells of it on `out`.
    ///
    /// # Errors
    ///
    /// If it could not be told, or a store could not be made.
    pub fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        writeln!(out, "{:?}", self.seed)?;
        Ok(ExitCode::SUCCESS)
    }
}
