//! The fuzz targets in `fuzz/`, by cargo-fuzz.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::system::{self, say};
use crate::workspace::{Workspace, cargo};

/// The cargo-fuzz that is built when there is none.
const VERSION: &str = "0.13.2";

/// No input is made longer: a request's headers are seldom longer either, and short inputs are tried faster.
const LONGEST: usize = 8192;

/// Runs targets, all of them if none is named, one after the other, each for so many seconds. Stops at the first input for
/// which a check fails.
pub(crate) async fn fuzz(workspace: &Workspace, seconds: u64, named: &[String]) -> Result<()> {
    let known = targets(workspace)?;
    if let Some(unknown) = named.iter().find(|name| !known.contains(name)) {
        bail!("there is no target {unknown}; there are {}", known.join(", "));
    }
    let chosen = if named.is_empty() { &known } else { named };
    let program = program(workspace).await?;
    for target in chosen {
        say(&format!("fuzzing {target} for {seconds} s"));
        run(workspace, program.as_ref(), target, seconds).await?;
    }
    Ok(())
}

async fn run(workspace: &Workspace, program: Option<&PathBuf>, target: &str, seconds: u64) -> Result<()> {
    let folder = workspace.root().join("fuzz");
    // What is found goes here and stays for the next run; the committed corpus is read, and stays small.
    let found = workspace.target_directory().join("fuzz-corpus").join(target);
    fs::create_dir_all(&found).with_context(|| format!("{} could not be made", found.display()))?;

    let mut command = program.map_or_else(cargo, Command::new);
    // The address sanitizer looks for what safe Rust can't do, and takes half of the speed.
    command.args(["fuzz", "run", "--sanitizer", "none"]);
    command.arg("--fuzz-dir").arg(&folder);
    command.arg("--target-dir").arg(workspace.target_directory().join("fuzz"));
    command.arg(target).arg(found).arg(folder.join("corpus").join(target));
    command.arg("--").arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={LONGEST}"));
    let dictionary = folder.join("dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    command.args(["-timeout=10", "-print_final_stats=1"]);
    // cargo-fuzz asks the compiler for things that only nightly has, or a stable one that is told so.
    command.env("RUSTC_BOOTSTRAP", "1");
    system::run(command).await.with_context(|| {
        format!("{target} failed; the input is in fuzz/artifacts/{target}, and once it is fixed belongs in fuzz/corpus/{target}")
    })
}

/// The names of the targets, in order.
pub(crate) fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root().join("fuzz").join("fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("{} could not be read", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("{} could not be read", folder.display()))?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// The cargo-fuzz of our own, built if there is no other; none where cargo has one.
async fn program(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let mut installed = cargo();
    installed.args(["fuzz", "--version"]);
    if system::succeeds(installed).await {
        return Ok(None);
    }
    let folder = workspace.tools().join(format!("cargo-fuzz-{VERSION}"));
    let built = folder.join("bin").join("cargo-fuzz");
    if !built.is_file() {
        say("building cargo-fuzz; this takes minutes, once");
        let mut command = cargo();
        command.args(["install", "cargo-fuzz", "--locked", "--version", VERSION, "--root"]).arg(&folder);
        system::run(command).await.context("cargo-fuzz could not be installed")?;
    }
    Ok(Some(built))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_corpus() {
        let workspace = Workspace::read().unwrap();
        let targets = targets(&workspace).unwrap();
        assert!(targets.contains(&"ticket".to_owned()), "{targets:?}");
        for target in targets {
            assert!(workspace.root().join("fuzz/corpus").join(&target).is_dir(), "{target}");
        }
    }
}
