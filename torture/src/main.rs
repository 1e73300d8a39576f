//! The long forms of the proof, part by part. `cargo xtask torture` starts what they need.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool: printing is its work")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cloakroom_torture::{faults, history, revocation};

/// The proof of Cloakroom's promises.
#[derive(Debug, Parser)]
#[command(name = "torture", bin_name = "cargo xtask torture --")]
struct Cli {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Runs random concurrent histories and checks them against a sequential model.
    History(history::Command),
    /// Makes real servers fail under load. `MONGOD`, `CLOAKROOM_REDIS_SERVER` and `CLOAKROOM_POSTGRES_PROGRAMS` say where
    /// their programs are.
    Faults(faults::Command),
    /// Measures how soon one server with a near cache sees what another has ended.
    Revocation(revocation::Command),
    /// The application of the fault runs, which start it where they kill it.
    #[command(hide = true)]
    Serve(faults::Serve),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().part {
        Part::History(command) => command.run(&mut std::io::stdout()),
        Part::Faults(command) => command.run(&mut std::io::stdout()),
        Part::Revocation(command) => command.run(&mut std::io::stdout()),
        Part::Serve(serve) => serve.run(&mut std::io::stdout()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("torture: {error:#}");
            ExitCode::FAILURE
        }
    }
}
