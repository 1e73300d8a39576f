//! What the interop tests need beside MongoDB: Node with the packages of `interop/`, Chromium with its driver, and nginx.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::mongod::Mongod;
use crate::system::{self, Lock, say};
use crate::workspace::{Workspace, cargo};

/// The package whose tests need all this.
pub(crate) const PACKAGE: &str = "cloakroom-interop";

/// The oldest Node that the packages of `interop/` are tested with.
const NODE: u32 = 20;

/// The names that a program has, and the package of Debian and Ubuntu that brings it.
type Program = (&'static [&'static str], &'static str);

/// All that the tests need; the first two are Node.
const PROGRAMS: [Program; 5] = [
    (&["node"], "nodejs"),
    (&["npm"], "npm"),
    (&["chromium", "chromium-browser", "google-chrome"], "chromium"),
    (&["chromedriver"], "chromium-driver"),
    (&["nginx"], "nginx"),
];

/// Signs the tickets of both demo shops. They listen on this machine alone, and their data is gone afterwards.
const SECRET: &str = "no secret at all since it stands in the source";

/// Sees to it that all is there: installs what is missing where that is allowed, and the packages of `interop/`.
pub(crate) async fn prepare(workspace: &Workspace) -> Result<()> {
    let missing = missing(&PROGRAMS);
    if !missing.is_empty() {
        system::install(&missing, "the interop tests need programs that are not there").await?;
    }
    packages(workspace, &folder(workspace)).await
}

/// Sees to it that Node is there, and the packages of one more folder.
pub(crate) async fn node(workspace: &Workspace, folder: &Path) -> Result<()> {
    let missing = missing(&PROGRAMS[..2]);
    if !missing.is_empty() {
        system::install(&missing, "the comparison with Express needs programs that are not there").await?;
    }
    packages(workspace, folder).await
}

/// Both demo shops on one database, ready to be started.
pub(crate) async fn demo(workspace: &Workspace, mongod: &Mongod) -> Result<[Command; 2]> {
    packages(workspace, &folder(workspace)).await?;
    let mut build = cargo();
    build.args(["build", "--quiet", "--locked", "--package", "cloakroom-shop"]);
    system::run(build).await?;
    let store = mongod.uri().replace("/?", "/shop?");
    let mut rust = cargo();
    rust.args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "cloakroom-shop",
        "--",
        "--express",
        "connect-mongodb-session",
    ]);
    rust.envs([("CLOAKROOM_STORE", store.as_str()), ("CLOAKROOM_SECRET", SECRET)]);
    let mut express = Command::new("node");
    express.arg(folder(workspace).join("shop").join("shop.js"));
    express.envs([("STORE", store.as_str()), ("SECRET", SECRET), ("LAYOUT", "connect-mongodb-session")]);
    Ok([rust, express])
}

/// The PATH for the tests: Debian keeps nginx where only root looks.
pub(crate) fn path() -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    env::join_paths(folders).context("the PATH can't be extended")
}

/// The packages of the programs that are not there.
fn missing(programs: &[Program]) -> Vec<&'static str> {
    let is_there = |name: &str| system::find_on_path(name).is_some() || Path::new("/usr/sbin").join(name).is_file();
    programs.iter().filter(|(names, _)| !names.iter().copied().any(is_there)).map(|(_, package)| *package).collect()
}

/// `npm ci`, unless the packages are there as the lock file has them.
async fn packages(workspace: &Workspace, folder: &Path) -> Result<()> {
    let mut command = Command::new("node");
    command.arg("--version");
    let version = system::output(command).await.context("there is no Node")?;
    if major(&version).is_none_or(|major| major < NODE) {
        bail!("Node {NODE} or newer is needed, and `node` is {}: install it from nodejs.org", version.trim());
    }
    let servers = workspace.servers();
    fs::create_dir_all(&servers).with_context(|| format!("{} could not be made", servers.display()))?;
    let _lock = Lock::wait(&servers.join("npm.lock"), "another npm").await?;
    // npm writes it last.
    let installed = changed(&folder.join("node_modules").join(".package-lock.json"));
    if installed.is_some() && installed >= changed(&folder.join("package-lock.json")) {
        return Ok(());
    }
    say(&format!("installing the npm packages of {}", folder.display()));
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder);
    system::run(command).await
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root().join("interop")
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}

/// The first number of a version such as `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v9.0.0"), Some(9));
        assert_eq!(major("nodejs 20"), None);
    }

    #[test]
    fn the_path_of_the_tests_goes_beyond_that_of_the_user() {
        let path = path().unwrap();
        assert!(env::split_paths(&path).any(|folder| folder == Path::new("/usr/sbin")));
    }
}
