//! A file with the key that signs the cookies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;

/// In hexadecimal digits twice as many.
const KEY_BYTES: usize = 32;
/// No key is longer.
const LONGEST: u64 = 4_096;

/// The key in a file, for its owner alone. The first who asks makes it; of several who do so at once, all get the same.
pub(crate) fn read_or_make(path: &Path) -> anyhow::Result<String> {
    let place = || format!("the key file {}", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(path).with_context(place)?;
            File::open(path)
        }
        opened => opened,
    };
    read(&file.with_context(place)?).with_context(place)
}

fn read(file: &File) -> anyhow::Result<String> {
    check(file)?;
    let mut key = String::new();
    file.take(LONGEST).read_to_string(&mut key)?;
    let key = key.trim();
    anyhow::ensure!(key.len() >= KEY_BYTES, "it holds no key; without the file a new one is made, and all log in anew");
    Ok(key.to_owned())
}

/// The open file is looked at, and not its name: what is read is what was checked.
#[cfg(unix)]
fn check(file: &File) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let others = file.metadata()?.permissions().mode() & 0o077;
    anyhow::ensure!(
        others == 0,
        "others may read or change it, and who has the key can log in as anybody; remove it to have a new one made, or \
         chmod 600 it if nobody has read it"
    );
    Ok(())
}

#[cfg(not(unix))]
fn check(_: &File) -> anyhow::Result<()> {
    Ok(())
}

/// Makes a key, unless somebody else was faster. It gets its name when it is whole, so nobody ever reads a part of one.
fn make(path: &Path) -> io::Result<()> {
    let mut random = [0; KEY_BYTES + 8];
    getrandom::fill(&mut random)?;
    let (key, name) = random.split_at(KEY_BYTES);
    let draft = path.with_file_name(format!(".key-{}", hex(name)));
    let made = write_new(&draft, &hex(key)).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // One that is left over opens nothing. What matters is whether there is a key now.
    let removed = fs::remove_file(&draft);
    made.and(removed)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
