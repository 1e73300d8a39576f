//! A thread's connection to the file: how it is opened, and when it is opened again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cloakroom::store::StoreErrorKind;
use rusqlite::{Connection, OpenFlags};

use crate::builder::Synchronous;
use crate::error::Fault;
use crate::schema;

/// How often it is looked whether another process has given the lock back.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_micros(500);

const PAGE: u64 = 4_096;
/// Pages that the writer keeps at hand, in KiB. Those of a reader are forgotten with each commit, so that the default does.
const WRITER_CACHE: i64 = 16_384;
/// After a burst, the log shrinks to this.
const LOG_AT_REST: i64 = 16 * 1024 * 1024;
const STATEMENTS: usize = 64;

/// The file, and how it is used.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Absolute, so that nothing in it means anything else to SQLite.
    pub(crate) path: PathBuf,
    pub(crate) synchronous: Synchronous,
    pub(crate) most_pages: Option<u64>,
    /// How long a lock of another process is waited for.
    pub(crate) patience: Duration,
}

impl Place {
    pub(crate) fn pages(bytes: u64) -> u64 {
        (bytes / PAGE).max(1)
    }
}

/// Which thread's it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
}

/// A connection, or the way to a new one.
pub(crate) struct Link {
    place: Place,
    role: Role,
    open: Option<Open>,
}

struct Open {
    connection: Connection,
    file: Identity,
}

impl Link {
    pub(crate) fn new(place: Place, role: Role) -> Link {
        Link { place, role, open: None }
    }

    /// Makes the file if there is none, and its tables. Only a store that is being opened does so: a file that is lost later is
    /// an error, and not a store without sessions.
    pub(crate) fn create(&mut self) -> Result<(), Fault> {
        make_file(&self.place.path)?;
        let connection = retry(self.place.patience, || {
            let connection = connect(&self.place, self.role)?;
            if !schema::is_ready(&connection)? {
                // Only a file that is empty yet takes this; and it must come before the first table.
                connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            }
            keep_log(&connection)?;
            schema::migrate(&connection)?;
            Ok(connection)
        })?;
        self.open = Some(Open { connection, file: identity(&self.place.path)? });
        Ok(())
    }

    /// The connection to the file that is there now.
    pub(crate) fn get(&mut self) -> Result<&Connection, Fault> {
        // What is written to a file that has no name any more, or read from it, is none of the store's.
        if self.open.is_some() && self.is_lost() {
            self.close();
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.reopen()?,
        };
        Ok(&self.open.insert(open).connection)
    }

    /// Whether the file is not the one any more that the connection is to.
    pub(crate) fn is_lost(&self) -> bool {
        let there = identity(&self.place.path).ok();
        self.open.as_ref().is_none_or(|open| there != Some(open.file))
    }

    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    fn reopen(&self) -> Result<Open, Fault> {
        let file = identity(&self.place.path)?;
        let connection = connect(&self.place, self.role)?;
        if !schema::is_ready(&connection)? {
            return Err(Fault::new(StoreErrorKind::Unavailable, "the file holds no sessions"));
        }
        Ok(Open { connection, file })
    }
}

fn connect(place: &Place, role: Role) -> Result<Connection, Fault> {
    let access = match role {
        Role::Writer => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Role::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    // No other thread has this connection.
    let connection = Connection::open_with_flags(&place.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    match role {
        // It waits for locks by itself, and lets go meanwhile of whom it would be too late for.
        Role::Writer => {
            connection.busy_timeout(Duration::ZERO)?;
            connection.pragma_update(None, "cache_size", -WRITER_CACHE)?;
            connection.pragma_update(None, "synchronous", place.synchronous.word())?;
            connection.pragma_update_and_check(None, "journal_size_limit", LOG_AT_REST, |_| Ok(()))?;
            if let Some(pages) = place.most_pages {
                connection.pragma_update_and_check(
                    None,
                    "max_page_count",
                    pages.min(i64::MAX as u64).cast_signed(),
                    |_| Ok(()),
                )?;
            }
        }
        // A reader waits only where another process has crashed, or leaves as the last one.
        Role::Reader => connection.busy_timeout(place.patience)?,
    }
    Ok(connection)
}

/// With a log beside the file, readers do not wait for the writer.
fn keep_log(connection: &Connection) -> Result<(), Fault> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode == "wal" {
        Ok(())
    } else {
        Err(Fault::new(StoreErrorKind::Other, "the file system does not allow a write-ahead log"))
    }
}

/// Tries again while another process has the lock.
fn retry<T>(patience: Duration, mut attempt: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let until = Instant::now() + patience;
    loop {
        match attempt() {
            Err(fault) if fault.is_busy() && Instant::now() < until => std::thread::sleep(LOOK_AGAIN),
            outcome => return outcome,
        }
    }
}

/// Makes an empty file, unless there is one. It is its owner's alone, and what SQLite lays beside it has the same permissions.
fn make_file(path: &Path) -> Result<(), Fault> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        // It must not be opened here: to close it again would give up the locks that this process has on it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Fault::io(&error)),
    }
}

/// What tells a file from another one that has its name later.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> Result<Identity, Fault> {
    use std::os::unix::fs::MetadataExt as _;
    match fs::metadata(path) {
        Ok(file) => Ok((file.dev(), file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::gone()),
        Err(error) => Err(Fault::io(&error)),
    }
}

/// Elsewhere a file that is open can't be removed.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(path: &Path) -> Result<Identity, Fault> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::gone()),
        Err(error) => Err(Fault::io(&error)),
    }
}
