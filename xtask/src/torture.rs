//! The long forms of the proofs, and how they share the time.

use std::ffi::OsString;

use anyhow::Result;
use tokio::process::Command;

use crate::fuzz;
use crate::workspace::{self, Workspace};

/// One long proof.
struct Part {
    /// How much of the time it gets, in hundredths; nothing if it takes as long as it takes.
    share: u32,
    run: Run,
}

enum Run {
    /// A part of the program `torture`, which is told `--minutes`.
    Torture(&'static str),
    /// The fuzz targets, one after the other.
    Fuzz,
    /// The memory store on simulated threads.
    MemoryStore,
}

/// All of them, in this order. The shares are a hundred together.
const PARTS: &[Part] = &[
    Part { share: 0, run: Run::MemoryStore },
    Part { share: 50, run: Run::Torture("history") },
    Part { share: 35, run: Run::Torture("faults") },
    Part { share: 15, run: Run::Fuzz },
];

/// The commands of all parts, or of the one that is named.
pub(crate) fn commands(workspace: &Workspace, minutes: u32, named: &[OsString]) -> Result<Vec<Command>> {
    if !named.is_empty() {
        return Ok(vec![torture(named.iter().cloned())]);
    }
    let targets = fuzz::targets(workspace)?.len();
    let command = |part: &Part| {
        let minutes = f64::from(minutes * part.share) / 100.0;
        match part.run {
            Run::Torture(name) => torture([name.into(), format!("--minutes={minutes}").into()]),
            Run::Fuzz => {
                let seconds = (minutes * 60.0 / targets as f64).ceil();
                let mut command = workspace::cargo();
                command.args(["xtask", "fuzz"]).arg(format!("--seconds={seconds}"));
                command
            }
            Run::MemoryStore => memory_model(workspace),
        }
    };
    Ok(PARTS.iter().map(command).collect())
}

/// The tests of the memory store on simulated threads, built apart: each crate has to know of them.
pub(crate) fn memory_model(workspace: &Workspace) -> Command {
    let mut command = workspace::cargo();
    command.args(["test", "--quiet", "--locked", "--package", "cloakroom", "--lib", "store::memory::model"]);
    command.env("RUSTFLAGS", "--cfg cloakroom_shuttle");
    command.env("CARGO_TARGET_DIR", workspace.target_directory().join("memory-model"));
    command
}

fn torture(arguments: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--locked", "--package", "cloakroom-torture", "--bin", "torture", "--"]);
    command.args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_share_all_of_the_time() {
        assert_eq!(PARTS.iter().map(|part| part.share).sum::<u32>(), 100);
    }
}
