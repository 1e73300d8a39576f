//! [`SqliteStore`]: each method of the contract as one call of a thread.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Export, Finding, Guard, Loaded, Rotated, Store, StoreError,
    StoreErrorKind, StoreFuture,
};
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use crate::builder::{SqliteBuilder, Synchronous};
use crate::error::Fault;
use crate::job::Call;
use crate::link::Place;
use crate::queue::{Queue, Refused};
use crate::thread::{self, Jobs, Queues};
use crate::write;

/// Others shall not wait for long while what has ended is removed.
const SWEPT_AT_ONCE: usize = 100;
/// The part of the deadline in which a call has to begin. What was not begun is then told to be so, and not to be unknown.
pub(crate) const PATIENCE: f64 = 0.75;
/// What is removed where there is no room for a new session.
const REMOVED_FOR_ROOM: usize = 1_000;

/// Keeps sessions in an SQLite file.
///
/// Clones share the file's threads, one that writes and some that read; they end when the last clone is dropped. Several
/// stores, and several processes of one machine, may use one file at a time.
///
/// ```no_run
/// use cloakroom_sqlite::SqliteStore;
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), cloakroom::store::StoreError> {
/// let store = SqliteStore::open("/var/lib/shop/sessions.db").await?.with_deadline(Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
    deadline: Duration,
}

/// What ends with the last clone.
struct Shared {
    path: PathBuf,
    synchronous: Synchronous,
    queues: Arc<Queues>,
    ended: watch::Receiver<()>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queues.reads.close();
        self.queues.writes.close();
    }
}

impl SqliteStore {
    /// Opens the store in a file, which is made if it is not there; [`builder`](SqliteStore::builder) has settings.
    ///
    /// # Errors
    ///
    /// As [`SqliteBuilder::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        SqliteStore::builder(path).open().await
    }

    /// The settings of a store in a file.
    pub fn builder(path: impl AsRef<Path>) -> SqliteBuilder {
        SqliteBuilder::new(path.as_ref())
    }

    /// Waits at most so long for the answer to a call, all in all; 2 seconds unless set.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> SqliteStore {
        SqliteStore { deadline, ..self }
    }

    /// Does what was asked so far, ends the threads and closes the file; returns when that is done. Later calls of other clones
    /// are refused as [`Unavailable`](StoreErrorKind::Unavailable).
    pub async fn close(self) {
        let mut ended = self.shared.ended.clone();
        self.shared.queues.reads.close();
        self.shared.queues.writes.close();
        while ended.changed().await.is_ok() {}
    }

    pub(crate) async fn start(
        place: Place,
        readers: usize,
        max_waiting: usize,
        deadline: Duration,
    ) -> Result<SqliteStore, StoreError> {
        let queues = Arc::new(Queues { reads: Queue::new(max_waiting), writes: Queue::new(max_waiting) });
        let (ends, ended) = watch::channel(());
        let (ready, started) = oneshot::channel();
        let (path, synchronous) = (place.path.clone(), place.synchronous);
        let shared = Arc::new(Shared { path, synchronous, queues: queues.clone(), ended });
        thread::start(place, readers, queues, ends, ready).map_err(|error| Fault::io(&error))?;
        match tokio::time::timeout(deadline, started).await {
            Ok(Ok(started)) => started?,
            Ok(Err(_)) => return Err(Fault::closed().into()),
            Err(_) => return Err(Fault::timeout(deadline).into()),
        }
        Ok(SqliteStore { shared, deadline })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.shared.path
    }

    pub(crate) fn synchronous(&self) -> Synchronous {
        self.shared.synchronous
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(&self.shared.queues.reads, Instant::now(), work).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(&self.shared.queues.writes, Instant::now(), work).await
    }

    /// Has a thread do it, within what is left of the deadline since `start`.
    async fn ask<T: Send + 'static>(
        &self,
        queue: &Jobs,
        start: Instant,
        work: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (call, answer) = Call::new(start + self.deadline.mul_f64(PATIENCE), work);
        queue.push(Box::new(call)).map_err(|refused| match refused {
            Refused::Full => Fault::late(),
            Refused::Closed => Fault::closed(),
        })?;
        match tokio::time::timeout(self.deadline.saturating_sub(start.elapsed()), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Fault::closed().into()),
            Err(_) => Err(Fault::timeout(self.deadline).into()),
        }
    }

    async fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let (start, key, record) = (Instant::now(), *key.digest(), record.clone());
        let writes = &self.shared.queues.writes;
        let create = move |connection: &Connection| write::create(connection, &key, &record, now);
        match self.ask(writes, start, create.clone()).await {
            // A write that finds no room is taken back, and with it what it has removed.
            Err(error) if error.kind() == StoreErrorKind::Full => {
                let remove = move |connection: &Connection| write::remove_garbage(connection, REMOVED_FOR_ROOM, now);
                match self.ask(writes, start, remove).await {
                    Ok(1..) => self.ask(writes, start, create).await,
                    _ => Err(error),
                }
            }
            created => created,
        }
    }

    async fn sweep_now(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let (start, mut removed) = (Instant::now(), 0);
        while removed < limit {
            let most = (limit - removed).min(SWEPT_AT_ONCE);
            let sweep = move |connection: &Connection| write::sweep(connection, most, now);
            let begin = Instant::now();
            match self.ask(&self.shared.queues.writes, start, sweep).await {
                Ok(count) => {
                    removed += count;
                    if count < most {
                        break;
                    }
                }
                Err(error) if removed == 0 => return Err(error),
                // What is removed is removed.
                Err(_) => break,
            }
            // Half of the time is the others'.
            let pause = begin.elapsed();
            if start.elapsed() + pause > self.deadline.mul_f64(PATIENCE) {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Ok(removed)
    }
}

impl Store for SqliteStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        let key = *key.digest();
        StoreFuture::new(self.read(move |connection| write::load(connection, &key, now)))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(self.create_now(key, record, now))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        let (key, patch, guard) = (*key.digest(), patch.clone(), guard.clone());
        StoreFuture::new(self.write(move |connection| write::apply(connection, &key, &patch, &guard, now)))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        let (old, new, patch, guard) = (*old.digest(), *new.digest(), patch.clone(), guard.clone());
        StoreFuture::new(self.write(move |connection| write::rotate(connection, &old, &new, &patch, &guard, now)))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        let key = *key.digest();
        StoreFuture::new(self.write(move |connection| write::destroy(connection, &key, now)))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::new(self.sweep_now(limit, now))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::least().rotating_in_place().remembering_previous_key()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    fn export(&self) -> Option<&dyn Export> {
        Some(self)
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        StoreFuture::new(self.checkup_now())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SqliteStore");
        debug.field("path", &self.shared.path).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
