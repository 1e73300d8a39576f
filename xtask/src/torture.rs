//! The long forms of the proofs, and how they share the time.

use std::ffi::OsString;

use tokio::process::Command;

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
    /// The memory store on simulated threads.
    MemoryStore,
}

/// All of them, in this order. The shares are a hundred together.
const PARTS: &[Part] = &[Part { share: 0, run: Run::MemoryStore }, Part { share: 100, run: Run::Torture("history") }];

/// The commands of all parts, or of the one that is named.
pub(crate) fn commands(workspace: &Workspace, minutes: u32, named: &[OsString]) -> Vec<Command> {
    if !named.is_empty() {
        return vec![torture(named.iter().cloned())];
    }
    let command = |part: &Part| match part.run {
        Run::Torture(name) => {
            let minutes = f64::from(minutes * part.share) / 100.0;
            torture([name.into(), format!("--minutes={minutes}").into()])
        }
        Run::MemoryStore => memory_model(workspace),
    };
    PARTS.iter().map(command).collect()
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
