//! The settings of a [`SqliteStore`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use cloakroom::store::StoreError;

use crate::SqliteStore;
use crate::error::Fault;
use crate::link::Place;
use crate::store::PATIENCE;

const DEADLINE: Duration = Duration::from_secs(2);
const WAITING: usize = 4_096;
const MOST_READERS: usize = 4;

/// The settings of a [`SqliteStore`], and what opens it.
///
/// ```no_run
/// use cloakroom_sqlite::{SqliteStore, Synchronous};
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), cloakroom::store::StoreError> {
/// let store = SqliteStore::builder("sessions.db")
///     .synchronous(Synchronous::Normal)
///     .deadline(Duration::from_secs(1))
///     .max_file_size(1 << 30)
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder opens nothing until it is told to"]
pub struct SqliteBuilder {
    path: PathBuf,
    synchronous: Synchronous,
    deadline: Duration,
    readers: usize,
    max_waiting: usize,
    max_file_size: Option<u64>,
}

/// When a write is confirmed: SQLite's `PRAGMA synchronous`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// When it is on the disk. A power cut loses nothing that was confirmed.
    #[default]
    Full,
    /// When the operating system has it. A crash of the process loses nothing, but a power cut, or a crash of the operating
    /// system, may lose the last writes that were confirmed: a log-out too. The file stays whole. Writes are faster.
    Normal,
}

impl Synchronous {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        }
    }
}

impl SqliteBuilder {
    pub(crate) fn new(path: &Path) -> SqliteBuilder {
        SqliteBuilder {
            path: path.to_owned(),
            synchronous: Synchronous::default(),
            deadline: DEADLINE,
            readers: std::thread::available_parallelism().map_or(1, usize::from).min(MOST_READERS),
            max_waiting: WAITING,
            max_file_size: None,
        }
    }

    /// When a write is confirmed; [`Synchronous::Full`] unless set.
    pub fn synchronous(self, synchronous: Synchronous) -> SqliteBuilder {
        SqliteBuilder { synchronous, ..self }
    }

    /// Waits at most so long for the answer to a call, all in all; 2 seconds unless set. Three quarters of it are for the
    /// queue and for the lock of another process, so that what was not begun is known not to have happened.
    pub fn deadline(self, deadline: Duration) -> SqliteBuilder {
        SqliteBuilder { deadline, ..self }
    }

    /// How many threads read, at least one. As many as there are processors unless set, but 4 at most.
    pub fn readers(self, readers: usize) -> SqliteBuilder {
        SqliteBuilder { readers: readers.max(1), ..self }
    }

    /// How many writes may wait for their turn, and how many reads; 4,096 of each unless set. One more is refused at once, as
    /// [`Unavailable`](cloakroom::store::StoreErrorKind::Unavailable).
    pub fn max_waiting(self, max_waiting: usize) -> SqliteBuilder {
        SqliteBuilder { max_waiting: max_waiting.max(1), ..self }
    }

    /// How many bytes the file may grow to; no limit unless set. What does not fit is refused as
    /// [`Full`](cloakroom::store::StoreErrorKind::Full). The log beside the file is not counted.
    pub fn max_file_size(self, bytes: u64) -> SqliteBuilder {
        SqliteBuilder { max_file_size: Some(bytes), ..self }
    }

    /// Opens the store; makes the file, for its owner alone, where there is none. The folder has to be there.
    ///
    /// # Errors
    ///
    /// If the file can't be made, opened or written to within the deadline, is another application's, or was written by a
    /// newer version of this crate.
    pub async fn open(self) -> Result<SqliteStore, StoreError> {
        let path = std::path::absolute(&self.path).map_err(|error| Fault::io(&error))?;
        let place = Place {
            path,
            synchronous: self.synchronous,
            most_pages: self.max_file_size.map(Place::pages),
            patience: self.deadline.mul_f64(PATIENCE),
        };
        SqliteStore::start(place, self.readers, self.max_waiting, self.deadline).await
    }
}
