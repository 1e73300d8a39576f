//! When figures were made, where, and from what.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::servers;

/// When figures were made, where, and from what.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Made {
    /// The day, as 2026-01-31, in UTC.
    pub date: String,
    /// The commit, and whether files differed from it.
    pub commit: String,
    /// Whether it was the short form.
    pub quick: bool,
    /// The processor, how many of it, and the memory.
    pub machine: String,
    /// The operating system's kernel.
    pub kernel: String,
    /// Names and versions of what was measured and what it was built with.
    pub versions: Vec<(String, String)>,
    /// How long the program took.
    pub seconds: u64,
    #[serde(skip)]
    since: Option<Instant>,
}

/// Of the packages that were measured, those in the lock file of the workspace and those in that of the peers.
const OURS: [&str; 3] = ["cloakroom", "axum", "mongodb"];
const PEERS: [&str; 5] = ["tower-sessions", "axum_session", "axum_session_mongo", "actix-web", "actix-session"];
const EXPRESS: [&str; 4] = ["express", "express-session", "connect-mongo", "connect-mongodb-session"];

impl Made {
    /// Of figures that are made from now on.
    pub fn now(quick: bool) -> Made {
        Made {
            date: time::OffsetDateTime::now_utc().date().to_string(),
            commit: commit(),
            quick,
            machine: machine(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").map_or(UNKNOWN.into(), |text| text.trim().into()),
            versions: versions(),
            seconds: 0,
            since: Some(Instant::now()),
        }
    }

    /// That the figures are there.
    pub fn ended(mut self) -> Made {
        self.seconds = self.since.map_or(0, |since| since.elapsed().as_secs());
        self
    }
}

const UNKNOWN: &str = "unknown";

fn commit() -> String {
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
    let changed = output("git", &["status", "--porcelain", "--untracked-files=no"]);
    match (commit, changed) {
        (Some(commit), Some(changed)) if changed.is_empty() => commit,
        (Some(commit), _) => format!("{commit} with changes"),
        (None, _) => UNKNOWN.to_owned(),
    }
}

fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models =
        processors.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, it)| it));
    let model = models.clone().next().unwrap_or(UNKNOWN).trim();
    let memory = fs::read_to_string("/proc/meminfo").ok();
    let memory = memory.and_then(|text| servers::kilobytes(&text, "MemTotal")).unwrap_or_default();
    format!("{} × {model}, {:.0} GB of memory", models.clone().count().max(1), memory as f64 / 1e9)
}

fn versions() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    let (ours, peers) = (read("../Cargo.lock"), read("peers/Cargo.lock"));
    let express: serde_json::Value = serde_json::from_str(&read("peers/express/package-lock.json")).unwrap_or_default();
    let of_express = |name: &str| {
        let version = express["packages"][format!("node_modules/{name}")]["version"].as_str();
        (name.to_owned(), version.unwrap_or(UNKNOWN).to_owned())
    };
    let program = |name: &str| {
        let version = output(name, &["--version"]).unwrap_or_else(|| UNKNOWN.to_owned());
        (name.to_owned(), version.trim_start_matches(name).trim().trim_start_matches('v').to_owned())
    };
    let locked = |lock: &str, name: &str| (name.to_owned(), locked(lock, name).unwrap_or(UNKNOWN).to_owned());
    let ours = OURS.map(|name| locked(&ours, name));
    let peers = PEERS.map(|name| locked(&peers, name));
    ours.into_iter().chain(peers).chain(EXPRESS.map(of_express)).chain(["rustc", "node"].map(program)).collect()
}

/// The version of a package in a Cargo.lock.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    after.split('"').next()
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_known() {
        let made = Made::now(true);
        let unknown: Vec<_> = made.versions.iter().filter(|(_, version)| version == UNKNOWN).collect();
        // Node is needed by the comparison, not by this test.
        assert!(unknown.iter().all(|(name, _)| name == "node"), "{unknown:?}");
        assert_eq!(made.date.len(), 10, "{}", made.date);
    }
}
