//! What can be made to fail.

use anyhow::Result;
use clap::ValueEnum;

use super::load::Scale;
use super::report::Report;
use super::{clock, failover, hang_up, network, processes};

/// One fault run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Fault {
    /// mongod is killed with SIGKILL, and started again.
    Killed,
    /// A mongod without a replica set is killed with SIGKILL, and started again.
    AloneKilled,
    /// mongod is frozen with SIGSTOP, and thawed.
    Frozen,
    /// The disk of mongod is full.
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
    /// Starts what it needs, makes it fail under load, and tells what came of it.
    ///
    /// # Errors
    ///
    /// If the run itself could not be carried out. Rules that were broken are told by the report.
    pub async fn run(self, scale: Scale) -> Result<Report> {
        match self {
            Fault::Killed => processes::killed(scale).await,
            Fault::AloneKilled => processes::alone_killed("mongod alone killed", "", scale).await,
            Fault::Frozen => processes::frozen(scale).await,
            Fault::DiskFull => processes::disk_full(scale).await,
            Fault::PrimaryKilled => failover::primary_killed(scale).await,
            Fault::PrimaryFrozen => failover::primary_frozen(scale).await,
            Fault::SteppedDown => failover::stepped_down(scale).await,
            Fault::CutOff => failover::cut_off("primary of three cut off", "", scale).await,
            Fault::Resets => network::resets(scale).await,
            Fault::HalfOpen => network::half_open(scale).await,
            Fault::Late => network::late(scale).await,
            Fault::TooLate => network::too_late(scale).await,
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
        failover::cut_off("cut off with w=1", "&w=1", scale).await
    }

    /// [`AloneKilled`](Fault::AloneKilled) with a store that does not wait for the journal: it loses what was acknowledged
    /// since that was written last, which is every tenth of a second.
    ///
    /// # Errors
    ///
    /// As [`run`](Fault::run).
    pub async fn alone_killed_without_journal(scale: Scale) -> Result<Report> {
        processes::alone_killed("killed with journal=false", "journal=false", scale).await
    }
}
