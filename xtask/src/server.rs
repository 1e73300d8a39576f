//! What the servers of the tests have in common: a free port of 127.0.0.1, a folder of their own, and an end with the task.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::system::{self, LOOK_AGAIN, Lock, say};
use crate::workspace::Workspace;

/// For a server to listen after its start.
const START: Duration = Duration::from_secs(60);

/// For how many ports may be taken by others between the search and the start.
const PORTS: usize = 5;

/// How much is shown of the log of a server that failed.
const TAIL: usize = 25;

/// How long a server may take to end.
const END: Duration = Duration::from_secs(10);

/// A kind of server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// What people call it, and its process.
    pub(crate) name: &'static str,
    /// What it writes to its log once it listens.
    pub(crate) listens: &'static str,
    /// What it writes if another has the port.
    pub(crate) port_taken: &'static str,
    /// What ends it at once, with all that it has started. Its data is thrown away anyhow.
    pub(crate) end: Signal,
}

/// A server that runs. Dropping it stops it and removes its data.
#[derive(Debug)]
pub(crate) struct Server {
    // In this order: the process is stopped before its data is removed.
    process: Process,
    folder: Folder,
    port: u16,
}

impl Server {
    /// Starts a server and waits until it listens. `launch` makes an empty folder a home for its data, and gives the command
    /// that serves it at a port.
    pub(crate) async fn start(
        workspace: &Workspace,
        kind: Kind,
        launch: impl Fn(&Path, u16) -> Result<Command>,
    ) -> Result<Server> {
        let folder = Folder::make(&workspace.servers(), kind).await?;
        for _ in 0..PORTS {
            let port = free_port()?;
            folder.empty()?;
            let mut process = folder.launch(launch(&folder.data, port)?)?;
            match folder.wait_until_listening(&mut process).await? {
                Listening::Yes => return Ok(Server { process, folder, port }),
                Listening::PortTaken => {}
            }
        }
        bail!("{PORTS} ports that were free were taken before {} could listen on them", kind.name);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The end of its log.
    pub(crate) fn tail(&self) -> String {
        self.folder.tail()
    }

    /// How it ended, if it no longer runs, although nothing has stopped it.
    pub(crate) fn lost(&mut self) -> Option<Error> {
        let status = self.process.ended()?;
        Some(anyhow!("{} ended by itself: {status}\n{}", self.folder.kind.name, self.folder.tail()))
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

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context("there is no free port on 127.0.0.1")
}

/// The process. Dropping it ends it.
#[derive(Debug)]
struct Process {
    child: Child,
    kind: Kind,
}

impl Process {
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    fn end(&mut self) -> Result<()> {
        if self.ended().is_none() && self.kind.end != Signal::KILL {
            kill_process(Pid::from_child(&self.child), self.kind.end)?;
            let deadline = std::time::Instant::now() + END;
            while self.ended().is_none() && std::time::Instant::now() < deadline {
                std::thread::sleep(LOOK_AGAIN);
            }
        }
        // Does nothing when it has ended before.
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            say(&format!("{} could not be stopped: {error}", self.kind.name));
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
    data: PathBuf,
    kind: Kind,
    _lock: Lock,
}

impl Folder {
    /// Makes a new one, and clears away what killed processes left behind.
    async fn make(servers: &Path, kind: Kind) -> Result<Self> {
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
        let name = format!("{}-{}", kind.name, std::process::id());
        let path = all.join(&name);
        fs::create_dir(&path).with_context(|| format!("{} could not be made", path.display()))?;
        let lock = Lock::try_take(&path.join("lock"))?.context("a new lock is taken")?;
        // Not below the target directory: a server that runs as another user has to get there.
        let data = std::env::temp_dir().join(format!("cloakroom-{name}"));
        Ok(Self { path, data, kind, _lock: lock })
    }

    /// Removes a folder, and stops its server, if the process that made it is gone.
    async fn clear(path: &Path) -> Result<()> {
        let Some(_lock) = Lock::try_take(&path.join("lock"))? else {
            return Ok(());
        };
        let noted = fs::read_to_string(path.join(NOTE)).unwrap_or_default();
        if let Some((id, data)) = read_note(&noted) {
            if system::kill_stray(id, data.as_os_str()).await? {
                say(&format!("stopped a server left over from before (process {id})"));
            }
            system::remove(data)?;
        }
        system::remove(path)
    }

    fn empty(&self) -> Result<()> {
        system::remove(&self.data)?;
        fs::create_dir(&self.data).with_context(|| format!("{} could not be made", self.data.display()))
    }

    fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    fn launch(&self, mut command: Command) -> Result<Process> {
        let log = File::create(self.log()).context("the log could not be made")?;
        let errors = log.try_clone().context("the log could not be opened twice")?;
        command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // So that Ctrl-C at the terminal does not reach it: the tests end first.
            .process_group(0);
        let child = command.spawn().with_context(|| format!("{} could not be started", self.kind.name))?;
        let process = Process { child, kind: self.kind };
        fs::write(self.path.join(NOTE), note(process.child.id(), &self.data))?;
        Ok(process)
    }

    /// Its own word in its log, rather than an answer at the port, which might be
    /// someone else's.
    async fn wait_until_listening(&self, process: &mut Process) -> Result<Listening> {
        let (name, deadline) = (self.kind.name, Instant::now() + START);
        loop {
            let ended = process.ended();
            let log = fs::read(self.log()).with_context(|| format!("the log of {name} could not be read"))?;
            let log = String::from_utf8_lossy(&log);
            if let Some(status) = ended {
                if log.contains(self.kind.port_taken) {
                    return Ok(Listening::PortTaken);
                }
                bail!("{name} ended at its start: {status}\n{}", self.tail());
            }
            if log.contains(self.kind.listens) {
                return Ok(Listening::Yes);
            }
            if Instant::now() > deadline {
                bail!("{name} does not listen {START:?} after its start\n{}", self.tail());
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
        for path in [&self.data, &self.path] {
            if let Err(error) = system::remove(path) {
                say(&format!("{error:#}"));
            }
        }
    }
}

/// The file that tells later processes what to clear away.
const NOTE: &str = "process";

fn note(id: u32, data: &Path) -> String {
    format!("{id} {}", data.display())
}

fn read_note(text: &str) -> Option<(i32, &Path)> {
    let (id, data) = text.split_once(' ')?;
    Some((id.parse().ok()?, Path::new(data)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_of_a_server_is_read() {
        let data = Path::new("/tmp/a folder/data");
        assert_eq!(read_note(&note(12, data)), Some((12, data)));
        assert_eq!(read_note(""), None);
    }
}
