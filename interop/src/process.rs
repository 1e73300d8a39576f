//! Servers as processes of their own: Express peers, reference servers, shops, nginx.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// A process that listens on a port of 127.0.0.1. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// One of the programs in `interop/`.
    pub fn node(program: &str, variables: &[(&str, &str)]) -> Server {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = folder.join("node_modules");
        assert!(modules.is_dir(), "the packages of interop/ are missing: run `cargo xtask test`, or `npm ci` there");
        // Express prints what went wrong unless it is tested; the tests ask for /errors.
        Server::start(Command::new("node").arg(folder.join(program)).env("NODE_ENV", "test"), variables)
    }

    /// A binary of the workspace.
    pub fn rust(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let (_, path) = BINARIES.iter().find(|(name, _)| name == program).unwrap();
        Server::start(Command::new(path).args(arguments), variables)
    }

    fn start(command: &mut Command, variables: &[(&str, &str)]) -> Server {
        let mut process = command.envs(variables.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // "listening on http://…" or "The shop is open: http://… (sessions in …)".
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        let address = address.unwrap_or_else(|| panic!("{command:?} said {line:?}")).to_owned();
        Server { process, address }
    }

    /// A process that listens where it was told to.
    pub fn at(process: Child, address: String) -> Server {
        Server { process, address }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self) {
        self.process.wait().unwrap();
    }

    /// SIGKILL, at once.
    pub fn signal_kill(&self) {
        let sent = Command::new("kill").args(["-s", "KILL", &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already where a test has killed it.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The programs of the workspace that the tests start, built the way `cargo xtask test` builds them, so that nothing is
/// compiled twice.
static BINARIES: LazyLock<Vec<(String, PathBuf)>> = LazyLock::new(|| {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // What cargo tells a test of its own package would have build scripts that watch it run again, and all that hangs on them.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    let built = build
        .args(["build", "--workspace", "--all-features", "--locked", "--message-format=json-render-diagnostics"])
        .args(["--bin", "reference-server", "--bin", "cloakroom-shop"])
        // Only with an example, or a test, do dev-dependencies count, as they do for the tests.
        .args(["--example", "replica_set"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success(), "the servers can't be built");
    let messages = String::from_utf8(built.stdout).unwrap();
    let binary = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let path = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(path)))
    };
    messages.lines().filter_map(binary).collect()
});
