//! The system below the tasks: commands and their processes, signals, locks, and the
//! packages of Debian and Ubuntu.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal as Kill, kill_process, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout_at};

/// How long the processes of a command have to end by themselves after a signal.
const GRACE: Duration = Duration::from_secs(10);

/// Between two looks at something that has no way to tell when it changes.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Tells the user something, on standard error: standard output is for results.
///
/// Never panics: it is also used where the only thing left to do is to clean up.
pub(crate) fn say(text: &str) {
    if writeln!(io::stderr(), "xtask: {text}").is_err() {
        // Nobody reads it.
    }
}

/// A signal that asks this tool to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
    HangUp,
}

impl Signal {
    fn to_unix(self) -> Kill {
        match self {
            Self::Interrupt => Kill::INT,
            Self::Terminate => Kill::TERM,
            Self::HangUp => Kill::HUP,
        }
    }

    /// What a shell reports of a program that this signal ended.
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::HangUp => 129,
        })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Interrupt => "Ctrl-C",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        })
    }
}

/// The signals that ask this tool to stop. From its making on they no longer end the
/// process by themselves.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Stream,
    terminate: Stream,
    hang_up: Stream,
}

impl Signals {
    pub(crate) fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened for");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hang_up.recv() => Signal::HangUp,
        }
    }
}

/// A command that runs, in a process group of its own. Ctrl-C at the terminal reaches
/// this tool alone, which then decides in which order things stop. When it is dropped,
/// whatever still runs of the group is killed, also what the command left behind.
#[derive(Debug)]
struct Job {
    child: Child,
    group: Pid,
}

impl Job {
    fn start(mut command: Command) -> Result<Self> {
        let shown = show(&command);
        let child = command
            .process_group(0)
            // The terminal stops a background process that reads from it.
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("`{shown}` could not be started"))?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .with_context(|| format!("`{shown}` has no process id"))?;
        Ok(Self { child, group })
    }

    fn signal(&self, signal: Kill) {
        match kill_process_group(self.group, signal) {
            // No process of that group is left.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => {
                say(&format!("process group {} could not be signalled: {error}", self.group.as_raw_nonzero()))
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.signal(Kill::KILL);
    }
}

fn show(command: &Command) -> String {
    let command = command.as_std();
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// Runs a command to its end; anything but success is an error.
pub(crate) async fn run(command: Command) -> Result<()> {
    let shown = show(&command);
    let status = Job::start(command)?.child.wait().await?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a command to its end for what it writes to standard output.
pub(crate) async fn output(mut command: Command) -> Result<String> {
    let shown = show(&command);
    let mut job = Job::start({
        command.stdout(Stdio::piped());
        command
    })?;
    let mut written = String::new();
    if let Some(mut stdout) = job.child.stdout.take() {
        stdout.read_to_string(&mut written).await.with_context(|| format!("`{shown}` wrote what is not text"))?;
    }
    let status = job.child.wait().await?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(written)
}

/// Whether a command can be started and succeeds. What it writes is not shown.
pub(crate) async fn succeeds(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    match Job::start(command) {
        Ok(mut job) => job.child.wait().await.is_ok_and(|status| status.success()),
        Err(_) => false,
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    Exit(ExitStatus),
    /// Because a signal asked this tool to stop.
    Signal(Signal),
}

/// Runs a command to its end, or until a signal comes. The signal is passed on to all
/// processes of the command; once it has ended, or at a second signal, what is left of
/// them is killed.
pub(crate) async fn run_until_signal(command: Command, signals: &mut Signals) -> Result<Ended> {
    let mut job = Job::start(command)?;
    let signal = tokio::select! {
        status = job.child.wait() => return Ok(Ended::Exit(status?)),
        signal = signals.next() => signal,
    };
    say(&format!("{signal}: stopping"));
    job.signal(signal.to_unix());
    let deadline = Instant::now() + GRACE;
    tokio::select! {
        // Late or not: what is left is killed when the job is dropped.
        _ = timeout_at(deadline, job.child.wait()) => {}
        _ = signals.next() => {}
    }
    Ok(Ended::Signal(signal))
}

/// Runs commands side by side until one of them ends, or a signal comes. Then all of them are asked to end, and what is left
/// of them is killed.
pub(crate) async fn run_together<const N: usize>(commands: [Command; N], signals: &mut Signals) -> Result<Ended> {
    let mut jobs = commands.into_iter().map(Job::start).collect::<Result<Vec<_>>>()?;
    let ended = tokio::select! {
        status = first_ended(&mut jobs) => Ended::Exit(status?),
        signal = signals.next() => Ended::Signal(signal),
    };
    for job in &jobs {
        job.signal(Kill::TERM);
    }
    let deadline = Instant::now() + GRACE;
    for job in &mut jobs {
        // Late or not: what is left is killed when the job is dropped.
        timeout_at(deadline, job.child.wait()).await.ok();
    }
    Ok(ended)
}

async fn first_ended(jobs: &mut [Job]) -> Result<ExitStatus> {
    loop {
        for job in &mut *jobs {
            if let Some(status) = job.child.try_wait()? {
                return Ok(status);
            }
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// The exit code of a program, as a shell reports it.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    // Both are there only when neither is known.
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Kills a process, if it is still the one whose command line holds `mark`, and waits
/// until it is gone. Whether there was one.
pub(crate) async fn kill_stray(id: i32, mark: &OsStr) -> Result<bool> {
    let is_there = || {
        fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| {
            let mark = mark.as_encoded_bytes();
            line.windows(mark.len()).any(|part| part == mark)
        })
    };
    let (true, Some(process)) = (is_there(), Pid::from_raw(id)) else {
        return Ok(false);
    };
    kill_process(process, Kill::KILL).with_context(|| format!("process {id} cannot be killed"))?;
    let deadline = Instant::now() + GRACE;
    while is_there() {
        if Instant::now() > deadline {
            bail!("process {id} does not end although it was killed");
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(true)
}

/// A file locked by this process, until it is dropped or the process ends, however it
/// ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, unless another process has it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("{} could not be opened", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} could not be locked", path.display())),
        }
    }

    /// Takes the lock, once `holder` no longer has it.
    pub(crate) async fn wait(path: &Path, holder: &str) -> Result<Self> {
        let mut told = false;
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if !told {
                say(&format!("waiting for {holder}"));
                told = true;
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// Removes a file or a folder with all that is in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// A program of that name on the PATH.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The library files that a program may lack on a small system, and the packages of
/// Debian and Ubuntu that have them.
const LIBRARIES: [(&str, &str); 5] = [
    ("libcurl.so.4", "libcurl4"),
    ("libssl.so.3", "libssl3"),
    ("libcrypto.so.3", "libssl3"),
    ("liblzma.so.5", "liblzma5"),
    ("libgcc_s.so.1", "libgcc-s1"),
];

/// What a program answers to `--version`. Shared libraries that it lacks are installed
/// where that is allowed.
pub(crate) async fn ensure_runs(program: &Path) -> Result<String> {
    let version = || {
        let mut command = Command::new(program);
        command.arg("--version").stderr(Stdio::null());
        output(command)
    };
    if let Ok(answer) = version().await {
        return Ok(answer);
    }
    let missing = missing_libraries(program).await;
    if !missing.is_empty() {
        let packages =
            missing
                .iter()
                .map(|library| {
                    LIBRARIES.iter().find(|(file, _)| file == library).map(|(_, package)| *package).with_context(|| {
                        format!("{} lacks the shared library {library}: install it", program.display())
                    })
                })
                .collect::<Result<Vec<_>>>()?;
        let why = format!("{} lacks {}", program.display(), missing.join(", "));
        install(&packages, &why).await?;
    }
    // Once more, now with its own words if it fails.
    let mut command = Command::new(program);
    command.arg("--version");
    output(command).await.with_context(|| format!("{} does not run", program.display()))
}

async fn missing_libraries(program: &Path) -> Vec<String> {
    let mut command = Command::new("ldd");
    command.arg(program).stderr(Stdio::null());
    let listed = output(command).await.unwrap_or_default();
    not_found(&listed)
}

/// The libraries that ldd did not find.
fn not_found(listed: &str) -> Vec<String> {
    let mut missing: Vec<_> =
        listed.lines().filter_map(|line| Some(line.trim().strip_suffix("=> not found")?.trim().to_owned())).collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Installs packages of Debian or Ubuntu, as root; otherwise says how to.
pub(crate) async fn install(packages: &[&str], why: &str) -> Result<()> {
    let mut packages = packages.to_vec();
    packages.sort_unstable();
    packages.dedup();
    let packages = packages.join(" ");
    if !is_debian() {
        bail!("{why}; install what Debian calls {packages}, and run this again");
    }
    let script = format!("apt-get update && apt-get install --yes --no-install-recommends {packages}");
    if !rustix::process::geteuid().is_root() {
        bail!("{why}; run this, and then the task again:\n    sudo sh -c '{script}'");
    }
    say(&format!("{why}; installing: {script}"));
    // To its end, whatever signal comes: a package manager is not to be cut off.
    let status = std::process::Command::new("sh")
        .args(["-c", &script])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .process_group(0)
        .status()
        .context("sh could not be started")?;
    if !status.success() {
        bail!("{why}, and {packages} could not be installed: {status}");
    }
    Ok(())
}

fn is_debian() -> bool {
    find_on_path("apt-get").is_some()
        && fs::read_to_string("/etc/os-release").is_ok_and(|text| is_debian_release(&text))
}

/// Whether /etc/os-release is that of Debian, or of a system made from it.
fn is_debian_release(text: &str) -> bool {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| matches!(*key, "ID" | "ID_LIKE"))
        .flat_map(|(_, value)| value.trim_matches('"').split_whitespace())
        .any(|name| matches!(name, "debian" | "ubuntu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_ldd_does_not_find_are_read() {
        let listed = "\tlinux-vdso.so.1 (0x00007fe43ddb0000)\n\
            \tlibcurl.so.4 => not found\n\
            \tlibssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x00007fe437357000)\n\
            \tlibcrypto.so.3 => not found\n";
        assert_eq!(not_found(listed), ["libcrypto.so.3", "libcurl.so.4"]);
    }

    #[test]
    fn debian_and_its_kin_are_told_from_others() {
        assert!(is_debian_release("NAME=\"Debian GNU/Linux\"\nID=debian\n"));
        assert!(is_debian_release("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian_release("ID=\"fedora\"\nNAME=\"not debian\"\n"));
    }

    #[test]
    fn a_lock_is_held_once_and_freed_when_dropped() {
        let path = env::temp_dir().join(format!("xtask-lock-{}", std::process::id()));
        let held = Lock::try_take(&path).unwrap();
        assert!(held.is_some());
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_take(&path).unwrap().is_some());
        remove(&path).unwrap();
    }
}
