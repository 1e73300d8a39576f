//! The shop's own folder: the sessions, and the key that signs their tickets.

use std::fs::{self, DirBuilder};
use std::path::PathBuf;

use anyhow::Context as _;

use crate::key_file;

const NAME: &str = "cloakroom-shop";

/// The folder, which is there.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes it, for its owner alone, where the platform has the data of applications.
    pub(crate) fn make() -> anyhow::Result<Folder> {
        let data = data_folder(std::env::var_os(DATA).map(PathBuf::from), std::env::home_dir());
        Folder::make_at(data.context("the environment tells neither a home nor a data folder")?.join(NAME))
    }

    fn make_at(path: PathBuf) -> anyhow::Result<Folder> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).with_context(|| format!("the folder {} can't be made", path.display()))?;
        let folder = Folder(path);
        folder.check()?;
        Ok(folder)
    }

    /// Who may write in it could put another key there.
    #[cfg(unix)]
    fn check(&self) -> anyhow::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.0.display();
        let mode = fs::metadata(&self.0).with_context(|| format!("the folder {path}"))?.permissions().mode();
        anyhow::ensure!(mode & 0o022 == 0, "others may write in the folder {path}; chmod 700 is what it needs");
        Ok(())
    }

    /// What is in a user's profile is the user's alone there.
    #[cfg(not(unix))]
    fn check(&self) -> anyhow::Result<()> {
        fs::metadata(&self.0).with_context(|| format!("the folder {}", self.0.display())).map(drop)
    }

    pub(crate) fn sessions(&self) -> PathBuf {
        self.0.join("sessions.db")
    }

    /// The key, which is made if it is not there.
    pub(crate) fn key(&self) -> anyhow::Result<String> {
        key_file::read_or_make(&self.0.join("key"))
    }
}

/// The variable that names the folder of applications' data, where there is one.
const DATA: &str = if cfg!(windows) { "LOCALAPPDATA" } else { "XDG_DATA_HOME" };

/// Where applications keep their data: on Windows what the variable says, on macOS a folder in the home, and elsewhere the
/// XDG Base Directory Specification decides, to which a relative path is none.
fn data_folder(variable: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let home = home.filter(|path| path.is_absolute());
    if cfg!(target_os = "macos") {
        return home.map(|home| home.join("Library/Application Support"));
    }
    let in_home = if cfg!(windows) { "AppData/Local" } else { ".local/share" };
    variable.filter(|path| path.is_absolute()).or_else(|| home.map(|home| home.join(in_home)))
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    use super::*;

    #[test]
    fn the_platform_says_where_it_is() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(data_folder(path("/data"), path("/home/ada")), path("/data"));
        for none in [None, path(""), path("data")] {
            assert_eq!(data_folder(none.clone(), path("/home/ada")), path("/home/ada/.local/share"));
            assert_eq!(data_folder(none, path("")), None);
        }
    }
}
