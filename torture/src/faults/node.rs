//! One `mongod`, as a process that can be killed and frozen.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mongodb::Client;
use mongodb::options::ClientOptions;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::folder::Folder;

/// The environment variable that names the program.
pub const MONGOD: &str = "MONGOD";

/// For a server to listen after its start.
const START: Duration = Duration::from_secs(60);

/// Between two looks at something that has no way to tell when it changes.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How a node is started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The replica set that it belongs to; none for a server alone.
    pub set: Option<String>,
    /// The journal in files that are small and not made in advance, so that it soon asks for more space.
    pub small_journal: bool,
}

/// A server of its own on a free port of 127.0.0.1, with a folder of its own. Dropping it kills it, and removes the folder.
#[derive(Debug)]
pub struct Node {
    // In this order: the process is gone before its files are.
    process: Option<Process>,
    folder: Folder,
    setup: Setup,
    port: u16,
}

impl Node {
    /// Starts one, and waits until it listens.
    ///
    /// # Errors
    ///
    /// If `MONGOD` names no program that can be started, or it does not listen in time.
    pub async fn start(setup: Setup) -> Result<Node> {
        let port = free_port()?;
        let mut node = Node { process: None, folder: Folder::make()?, setup, port };
        fs::create_dir(node.data()).context("the folder for the data could not be made")?;
        node.restart().await?;
        Ok(node)
    }

    /// Starts it again after a [`kill`](Node::kill), on the same port and data, and waits until it listens.
    ///
    /// # Errors
    ///
    /// As [`start`](Node::start).
    pub async fn restart(&mut self) -> Result<()> {
        self.launch()?;
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.address()).await.is_err() {
            if self.has_ended() || Instant::now() > deadline {
                bail!("mongod does not listen\n{}", self.log());
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Starts the process; it does not listen yet.
    ///
    /// # Errors
    ///
    /// If the program can't be started.
    pub fn launch(&mut self) -> Result<()> {
        let program = std::env::var_os(MONGOD).map(PathBuf::from).with_context(|| {
            format!("{MONGOD} is not set: run this through `cargo xtask`, or name a mongod in that variable")
        })?;
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.context("the log could not be opened")?;
        // In the process group of this program, so that whatever ends the whole group ends the server too. The signal of a
        // file that may not grow is ignored from the start: it is to be an error like that of a full disk.
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(&program)
            .arg("--dbpath")
            .arg(self.data())
            .args(["--port", &self.port.to_string(), "--bind_ip", "127.0.0.1", "--nounixsocket"])
            .args(["--wiredTigerCacheSizeGB", "0.25"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .stdin(Stdio::null())
            .stderr(log.try_clone().context("the log could not be opened twice")?)
            .stdout(log);
        if let Some(set) = &self.setup.set {
            command.args(["--replSet", set, "--oplogSize", "16"]);
        }
        if self.setup.small_journal {
            command.args(["--wiredTigerEngineConfigString", "log=(file_max=512KB,prealloc=false)"]);
        }
        let child = command.spawn().with_context(|| format!("{} could not be started", program.display()))?;
        self.process = Some(Process(child));
        Ok(())
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// A client of this node alone, whatever set it belongs to.
    ///
    /// # Errors
    ///
    /// None that could be foreseen: it does not wait for the server.
    pub async fn client(&self) -> Result<Client> {
        direct(&self.address()).await
    }

    /// Ends the process with SIGKILL, and waits until it is gone: nothing of it is written any more.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn kill(&mut self) -> Result<()> {
        // Dropping it is what kills it.
        self.process.take().map(drop).context("mongod does not run")
    }

    /// Stops the process in its tracks with SIGSTOP: its connections stay open, and nobody answers.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn freeze(&self) -> Result<()> {
        kill_process(self.pid()?, Signal::STOP).context("mongod could not be stopped")
    }

    /// Lets it go on with SIGCONT.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn thaw(&self) -> Result<()> {
        kill_process(self.pid()?, Signal::CONT).context("mongod could not be continued")
    }

    /// From now on no file of this process may grow beyond `bytes`, as on a disk that is full, until it is started anew.
    ///
    /// # Errors
    ///
    /// If it does not run, or this process may not limit it.
    pub fn limit_files(&self, bytes: u64) -> Result<()> {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        prlimit(Some(self.pid()?), Resource::Fsize, limit).map(drop).context("mongod could not be limited")
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| matches!(process.0.try_wait(), Ok(Some(_)) | Err(_)))
    }

    /// The end of its log, for who looks for the reason of a failure.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn pid(&self) -> Result<Pid> {
        let process = self.process.as_ref().context("mongod does not run")?;
        Pid::from_raw(process.0.id().cast_signed()).context("mongod has no process id")
    }
}

/// A client of one server alone, which gives up soon.
pub(super) async fn direct(address: &str) -> Result<Client> {
    let mut options = ClientOptions::parse(format!("mongodb://{address}/?directConnection=true")).await?;
    options.server_selection_timeout = Some(Duration::from_millis(1_000));
    options.connect_timeout = Some(Duration::from_millis(1_000));
    options.heartbeat_freq = Some(Duration::from_millis(500));
    Ok(Client::with_options(options)?)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// A process that is killed when it is dropped; one that was frozen, too.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing where it has ended before.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
