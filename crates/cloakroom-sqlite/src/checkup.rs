//! What the store's guarantees rest on: the file, who may read it, and how it is written.

use std::path::{Path, PathBuf};

use cloakroom::store::{Finding, StoreError, Verdict};
use rusqlite::Connection;

use crate::builder::Synchronous;
use crate::error::Fault;
use crate::{SqliteStore, schema};

impl SqliteStore {
    pub(crate) async fn checkup_now(&self) -> Result<Vec<Finding>, StoreError> {
        let mut findings = self.read(of_file).await?;
        findings.push(Finding::judge(
            "synchronous",
            self.synchronous() == Synchronous::Full,
            Verdict::Weak,
            format!("{}, as this URL sets it; each process sets its own", self.synchronous().word()),
            "a power cut may lose the last writes, a log-out among them; open the store without `synchronous=normal`",
        ));
        findings.extend(permissions(self.path()));
        Ok(findings)
    }
}

fn of_file(connection: &Connection) -> Result<Vec<Finding>, Fault> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    let (pages, free) = (number("PRAGMA page_count")?, number("PRAGMA freelist_count")?);
    let size = number("PRAGMA page_size")?.saturating_mul(pages);
    Ok(vec![
        Finding::new("version", Verdict::Good, format!("SQLite {}, built in", rusqlite::version())),
        Finding::judge(
            "schema",
            schema::is_ready(connection)?,
            Verdict::Bad,
            format!("version {} of the tables", number("PRAGMA user_version")?),
            "open it once with the application, which brings it up to date",
        ),
        Finding::judge(
            "journal_mode",
            mode == "wal",
            Verdict::Bad,
            mode,
            "readers and the writer wait for each other; keep the file on a local disk, where SQLite can have a log beside it",
        ),
        Finding::new("size", Verdict::Note, format!("{size} bytes, of which {free} of {pages} pages are free")),
    ])
}

#[cfg(unix)]
fn permissions(path: &Path) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt as _;

    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let files = [
        ("permissions", path.to_owned()),
        ("permissions of -wal", beside("-wal")),
        ("permissions of -shm", beside("-shm")),
    ];
    let finding = |(subject, path): (&'static str, PathBuf)| match std::fs::metadata(path) {
        Ok(file) => {
            let mode = file.permissions().mode() & 0o777;
            Some(Finding::judge(
                subject,
                mode & 0o077 == 0,
                Verdict::Bad,
                format!("{mode:04o}"),
                "others may read or change what the sessions hold: chmod 600",
            ))
        }
        // The two beside it come and go.
        Err(_) if subject != "permissions" => None,
        Err(error) => Some(Finding::new(subject, Verdict::Unknown, error.kind().to_string())),
    };
    files.into_iter().filter_map(finding).collect()
}

#[cfg(not(unix))]
fn permissions(_: &Path) -> Vec<Finding> {
    vec![Finding::new("permissions", Verdict::Unknown, "not looked at on this system")]
}
