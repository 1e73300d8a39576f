//! What can be made to fail.

use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::load::Scale;
use super::report::Report;
use super::store::Store;
use super::{clock, failover, hang_up, network, processes};

/// One fault run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Fault {
    /// The server is killed with SIGKILL, and started again. Of SQLite, the application.
    Killed,
    /// The same of a Redis with `appendfsync everysec`.
    KilledEverySecond,
    /// A mongod without a replica set is killed with SIGKILL, and started again.
    AloneKilled,
    /// The server is frozen with SIGSTOP, and thawed.
    Frozen,
    /// The disk of the server is full.
    DiskFull,
    /// The primary of three is killed with SIGKILL.
    PrimaryKilled,
    /// The primary of three is frozen until there is another one, and thawed.
    PrimaryFrozen,
    /// The primary of three steps down.
    SteppedDown,
    /// The primary of three goes on without the others for a moment, and is killed before they are back.
    CutOff,
    /// All connections are reset, several times.
    Resets,
    /// All connections are open and dead.
    HalfOpen,
    /// The network takes 300 ms longer.
    Late,
    /// The network takes 3 s longer.
    TooLate,
    /// Clients hang up in the middle.
    HangUp,
    /// The clock jumps forward and back.
    ClockJumps,
}

impl Fault {
    /// Whether there is such a run for a store.
    pub fn is_for(self, store: Store) -> bool {
        match self {
            Fault::Killed => true,
            Fault::KilledEverySecond => store == Store::Redis,
            // There is no network in between.
            Fault::Frozen | Fault::Resets | Fault::HalfOpen | Fault::Late | Fault::TooLate => store != Store::Sqlite,
            // The files of PostgreSQL's log are made in advance, and larger than any that could be limited.
            Fault::DiskFull => store != Store::Postgres,
            Fault::AloneKilled
            | Fault::PrimaryKilled
            | Fault::PrimaryFrozen
            | Fault::SteppedDown
            | Fault::CutOff
            | Fault::HangUp
            | Fault::ClockJumps => store == Store::Mongodb,
        }
    }

    /// Starts what it needs, makes it fail under load, and tells what came of it.
    ///
    /// `program`: the program `torture`, which serves the application where that is killed.
    ///
    /// # Errors
    ///
    /// If the run itself could not be carried out, or there is none for this store. Rules that were broken are told by the
    /// report.
    pub async fn run(self, store: Store, scale: Scale, program: &Path) -> Result<Report> {
        if !self.is_for(store) {
            bail!("there is no such run for {store}");
        }
        match self {
            Fault::Killed => processes::killed(store, scale, program).await,
            Fault::KilledEverySecond => processes::killed_every_second(scale).await,
            Fault::AloneKilled => processes::alone_killed("MongoDB alone: killed", "", scale).await,
            Fault::Frozen => processes::frozen(store, scale, program).await,
            Fault::DiskFull => processes::disk_full(store, scale, program).await,
            Fault::PrimaryKilled => failover::primary_killed(scale).await,
            Fault::PrimaryFrozen => failover::primary_frozen(scale).await,
            Fault::SteppedDown => failover::stepped_down(scale).await,
            Fault::CutOff => failover::cut_off("MongoDB: primary of three cut off", "", scale).await,
            Fault::Resets => network::resets(store, scale, program).await,
            Fault::HalfOpen => network::half_open(store, scale, program).await,
            Fault::Late => network::late(store, scale, program).await,
            Fault::TooLate => network::too_late(store, scale, program).await,
            Fault::HangUp => hang_up::hang_up(scale).await,
            Fault::ClockJumps => clock::jumps().await,
        }
    }

    /// [`CutOff`](Fault::CutOff) with a store that waits for one server's confirmation only: it loses what was acknowledged.
    ///
    /// # Errors
    ///
    /// As [`run`](Fault::run).
    pub async fn cut_off_with_w1(scale: Scale) -> Result<Report> {
        failover::cut_off("MongoDB, w=1: cut off", "&w=1", scale).await
    }

    /// [`AloneKilled`](Fault::AloneKilled) with a store that does not wait for the journal: it loses what was acknowledged
    /// since that was written last, which is every tenth of a second.
    ///
    /// # Errors
    ///
    /// As [`run`](Fault::run).
    pub async fn alone_killed_without_journal(scale: Scale) -> Result<Report> {
        processes::alone_killed("MongoDB, journal=false: killed", "journal=false", scale).await
    }

    /// [`Killed`](Fault::Killed) with a Redis that writes nothing down: it loses all.
    ///
    /// # Errors
    ///
    /// As [`run`](Fault::run).
    pub async fn killed_without_file(scale: Scale) -> Result<Report> {
        processes::killed_without_file(scale).await
    }
}
