//! A file of secrets: one a line, the newest first. For its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::failure::{Failure, Outcome};

/// No key file is longer.
const LONGEST: u64 = 64 * 1024;
/// A new secret has so many random bytes.
const RANDOM: usize = 32;

/// The secrets of a file, newest first.
pub(crate) fn read(path: &Path) -> Outcome<Vec<String>> {
    let failed = |error: io::Error| Failure::because("the key file", error);
    let file = File::open(path).map_err(failed)?;
    check(&file)?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    let secrets: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    if secrets.is_empty() { Err(Failure::words("the key file holds no secret")) } else { Ok(secrets) }
}

/// A new random secret.
pub(crate) fn generate() -> Outcome<String> {
    let mut bytes = [0; RANDOM];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::because("the operating system gives no random bytes", error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Makes the file, which must not be there.
pub(crate) fn make(path: &Path, secrets: &[String]) -> Outcome<()> {
    write_new(path, &text(secrets)).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::words("the key file is there already: `keys rotate` puts a new secret in front")
        }
        _ => Failure::because("the key file", error),
    })
}

/// Puts other secrets in the place of those that are there, all at once.
pub(crate) fn replace(path: &Path, secrets: &[String]) -> Outcome<()> {
    let failed = |error: io::Error| Failure::because("the key file", error);
    // A link would be replaced, and not what it points to.
    let path = fs::canonicalize(path).map_err(failed)?;
    let draft = draft_of(&path)?;
    write_new(&draft, &text(secrets)).map_err(failed)?;
    if let Err(error) = fs::rename(&draft, &path) {
        fs::remove_file(&draft).ok();
        return Err(failed(error));
    }
    Ok(())
}

/// A file beside another one, under a name that nobody has.
pub(crate) fn draft_of(path: &Path) -> Outcome<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    let random = generate()?;
    name.push(random.get(..12).unwrap_or_default());
    Ok(path.with_file_name(name))
}

/// A new file for its owner alone.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new file for its owner alone, with a text that has reached the disk.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn text(secrets: &[String]) -> String {
    secrets.iter().map(|secret| format!("{secret}\n")).collect()
}

/// The open file is looked at, and not its name: what is read is what was checked.
#[cfg(unix)]
fn check(file: &File) -> Outcome<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata().map_err(|error| Failure::because("the key file", error))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::words(
        "others may read or change the key file, and who has the key can log in as anybody: make a new one, or chmod 600 it if \
         nobody has read it",
    ))
}

#[cfg(not(unix))]
fn check(_: &File) -> Outcome<()> {
    Ok(())
}
