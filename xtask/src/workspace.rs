//! What cargo knows of the workspace: where its target directory is, what
//! it publishes, and which features that has.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// The part of `cargo metadata` that the tasks use.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    target_directory: PathBuf,
    workspace_root: PathBuf,
    packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    features: BTreeMap<String, Vec<String>>,
    /// The registries it may be published to: `None` stands for any, an empty list for
    /// none (`publish = false`).
    publish: Option<Vec<String>>,
}

impl Workspace {
    /// Asks cargo about the workspace that the current directory is in.
    pub(crate) fn read() -> Result<Self> {
        let output = std_cargo()
            .args(["metadata", "--format-version=1", "--no-deps"])
            .output()
            .context("cargo could not be started")?;
        if !output.status.success() {
            bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Self::parse(&output.stdout)
    }

    fn parse(metadata: &[u8]) -> Result<Self> {
        serde_json::from_slice(metadata).context("the answer of cargo metadata was not understood")
    }

    /// Where servers are kept, and their data while they run.
    pub(crate) fn servers(&self) -> PathBuf {
        self.target_directory.join("servers")
    }

    /// Where tools are kept that only the checks use.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target_directory.join("tools")
    }

    /// Cargo's own target directory.
    pub(crate) fn target_directory(&self) -> &PathBuf {
        &self.target_directory
    }

    /// The folder of the workspace's own manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.workspace_root
    }

    /// What is published: the libraries, and the operators' command.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_published())
    }
}

impl Package {
    /// Its features, without `default`.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        self.features.keys().map(String::as_str).filter(|feature| *feature != "default")
    }

    fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }
}

/// A cargo command, as if started from the shell.
pub(crate) fn cargo() -> tokio::process::Command {
    std_cargo().into()
}

fn std_cargo() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    // `cargo run`, which started this tool, describes the tool in these. Build scripts
    // that watch them would run again, and their crates with them.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_features_are_read_from_the_metadata() {
        let workspace = Workspace::parse(
            br#"{
                "target_directory": "/somewhere/target",
                "workspace_root": "/somewhere",
                "packages": [
                    {"name": "library", "publish": null,
                     "features": {"default": ["one"], "one": [], "two": ["dep:other"]}},
                    {"name": "secret", "publish": [], "features": {}},
                    {"name": "program", "publish": null, "features": {}}
                ]
            }"#,
        )
        .unwrap();
        let published: Vec<_> = workspace.published().collect();
        assert_eq!(published.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["library", "program"]);
        assert_eq!(published[0].features().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(workspace.servers(), PathBuf::from("/somewhere/target/servers"));
    }

    #[test]
    fn the_packages_of_this_workspace_are_found() {
        let workspace = Workspace::read().unwrap();
        let names: Vec<_> = workspace.published().map(|package| package.name.as_str()).collect();
        assert!(names.contains(&"cloakroom"), "{names:?}");
        assert!(names.contains(&"cloakroom-mongodb") && names.contains(&"cloakroom-cli"), "{names:?}");
        assert!(!names.contains(&"xtask"), "{names:?}");
    }
}
