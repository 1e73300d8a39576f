//! A server as a process that can be killed, frozen and started again.

use std::fmt;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::family;
use super::folder::Folder;

/// For a server to listen after its start.
const START: Duration = Duration::from_secs(60);

/// Between two looks at something that has no way to tell when it changes.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What a server is made of: `mongod`, `redis-server`, `postgres`, or an application.
pub trait Program: fmt::Debug + Send + Sync {
    /// What its process is called.
    fn name(&self) -> &'static str;

    /// Makes an empty folder a home for its data, once.
    ///
    /// # Errors
    ///
    /// If that fails.
    fn prepare(&self, data: &Path) -> Result<()>;

    /// The command that serves that data at a port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If it is not known where the program is.
    fn command(&self, data: &Path, port: u16) -> Result<Command>;
}

/// A server of its own on a free port of 127.0.0.1, with a folder of its own. Dropping it kills it, and removes the folder.
#[derive(Debug)]
pub struct Server {
    // In this order: the process is gone before its files are.
    process: Option<Process>,
    folder: Folder,
    program: Box<dyn Program>,
    port: u16,
}

impl Server {
    /// Starts one, and waits until it listens.
    ///
    /// # Errors
    ///
    /// If the program can't be started, or it does not listen in time.
    pub async fn start(program: impl Program + 'static) -> Result<Server> {
        let port = free_port()?;
        let mut server = Server { process: None, folder: Folder::make()?, program: Box::new(program), port };
        let data = server.data();
        fs::create_dir(&data).context("the folder for the data could not be made")?;
        server.program.prepare(&data)?;
        server.restart().await?;
        Ok(server)
    }

    /// Starts it again after a [`kill`](Server::kill), on the same port and data, and waits until it listens.
    ///
    /// # Errors
    ///
    /// As [`start`](Server::start).
    pub async fn restart(&mut self) -> Result<()> {
        self.launch()?;
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.address()).await.is_err() {
            if self.has_ended() || Instant::now() > deadline {
                bail!("{} does not listen\n{}", self.program.name(), self.log());
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    fn launch(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.context("the log could not be opened")?;
        let mut command = self.program.command(&self.data(), self.port)?;
        // In the process group of this program, so that whatever ends the whole group ends the server too.
        command.stdin(Stdio::null()).stderr(log.try_clone().context("the log could not be opened twice")?).stdout(log);
        let child = command.spawn().with_context(|| format!("{} could not be started", self.program.name()))?;
        self.process = Some(Process(child));
        Ok(())
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Ends the process with SIGKILL, and waits until it is gone, and those that it has started: nothing of it is written any
    /// more. These are not killed: they have to notice by themselves.
    ///
    /// # Errors
    ///
    /// If it does not run, or what it has started goes on.
    pub async fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().with_context(|| format!("{} does not run", self.program.name()))?;
        let children = family::children(process.pid());
        process.end();
        let deadline = Instant::now() + START;
        while let Some(child) = children.iter().find(|child| family::lives(**child)) {
            if Instant::now() > deadline {
                bail!("{} is dead, and process {child:?} of it goes on", self.program.name());
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Stops the process and those that it has started in their tracks, with SIGSTOP: connections stay open, and nobody
    /// answers.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn freeze(&self) -> Result<()> {
        let pid = self.pid()?;
        kill_process(pid, Signal::STOP).with_context(|| format!("{} could not be stopped", self.program.name()))?;
        // Now that it starts no more of them.
        for child in family::children(pid) {
            // One that has ended meanwhile answers nobody either.
            kill_process(child, Signal::STOP).ok();
        }
        Ok(())
    }

    /// Lets them go on with SIGCONT.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn thaw(&self) -> Result<()> {
        let pid = self.pid()?;
        for child in family::children(pid) {
            kill_process(child, Signal::CONT).ok();
        }
        kill_process(pid, Signal::CONT).with_context(|| format!("{} could not be continued", self.program.name()))
    }

    /// From now on no file of this process may grow beyond `bytes`, as on a disk that is full; with none, there is room again.
    ///
    /// # Errors
    ///
    /// If it does not run, or this process may not limit it.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let limit = Rlimit { current: bytes, maximum: getrlimit(Resource::Fsize).maximum };
        let limited = prlimit(Some(self.pid()?), Resource::Fsize, limit);
        limited.map(drop).with_context(|| format!("{} could not be limited", self.program.name()))
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
        let process = self.process.as_ref().with_context(|| format!("{} does not run", self.program.name()))?;
        Ok(process.pid())
    }
}

/// A program that is asked to write to a file which may not grow, and is told so by an error: the signal for that is ignored
/// from the start.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(program);
    command
}

/// The program that a variable of the environment names.
pub(super) fn named_by(variable: &str) -> Result<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).with_context(|| {
        format!("{variable} is not set: run this through `cargo xtask`, which finds the programs of the servers")
    })
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// A process that is killed when it is dropped, with those that it has started; one that was frozen, too.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    fn end(&mut self) {
        // Both do nothing where it has ended before.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Of one that has ended and was waited for, the number may be somebody else's.
        let children = match self.0.try_wait() {
            Ok(None) => family::children(self.pid()),
            Ok(Some(_)) | Err(_) => Vec::new(),
        };
        self.end();
        for child in children {
            // Most of them end by themselves; one that is frozen does not.
            kill_process(child, Signal::KILL).ok();
        }
    }
}
