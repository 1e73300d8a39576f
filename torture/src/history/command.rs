//! The command line of the histories.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use clap::Args;

use super::stores::{self, Kind, STORES};
use super::torment::{Dose, Figures, torment};

/// How long one store has its turn when several alternate.
const TURN: Duration = Duration::from_secs(20);

/// How long a plan that has failed is cut down.
const SHRINKING: Duration = Duration::from_secs(30);

/// Runs histories for a while, or one of them again.
#[derive(Args, Debug)]
pub struct Command {
    /// The store to run on; may be named several times. All of them otherwise.
    #[arg(long)]
    store: Vec<String>,
    /// The seed of the one history to run. On stores in memory it is the same history again.
    #[arg(long)]
    seed: Option<u64>,
    /// How many minutes to run fresh histories.
    #[arg(long, default_value_t = 1.0, conflicts_with = "seed")]
    minutes: f64,
}

/// The sum of what was run on a store.
struct Total {
    kind: Kind,
    next_seed: u64,
    first_seed: u64,
    figures: Figures,
}

impl Command {
    /// Runs it, and tells of it on `out`.
    ///
    /// # Errors
    ///
    /// If it could not be told, or a store could not be set up.
    pub fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let kinds = match self.store.as_slice() {
            [] => STORES.to_vec(),
            names => names.iter().map(|name| stores::by_name(name)).collect::<Result<_>>()?,
        };
        // Seeds that no run before had, as far as the clock knows.
        let fresh = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() << 20);
        let first_seed = self.seed.unwrap_or(fresh);
        let total = |kind| Total { kind, next_seed: first_seed, first_seed, figures: Figures::default() };
        let mut totals: Vec<_> = kinds.into_iter().map(total).collect();
        let end = Instant::now() + Duration::try_from_secs_f64(self.minutes * 60.0)?;
        let histories = if self.seed.is_some() { 1 } else { u64::MAX };
        let mut has_failed = false;
        loop {
            for total in &mut totals {
                let left = end.saturating_duration_since(Instant::now());
                let time = if self.seed.is_some() { TURN } else { left.min(TURN) };
                has_failed |=
                    total.go_on(Dose { first_seed: total.next_seed, histories, time, shrinking: SHRINKING }, out)?;
            }
            if has_failed || self.seed.is_some() || Instant::now() >= end {
                break;
            }
        }
        for total in &totals {
            total.tell(out)?;
        }
        Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Total {
    /// Whether it has failed.
    fn go_on(&mut self, dose: Dose, out: &mut impl Write) -> Result<bool> {
        let figures = torment(self.kind, dose)?;
        self.next_seed = self.next_seed.wrapping_add(figures.histories);
        self.figures.histories += figures.histories;
        self.figures.operations += figures.operations;
        self.figures.undecided += figures.undecided;
        self.figures.time += figures.time;
        if let Some(failure) = figures.failure {
            writeln!(out, "{}: {}", self.kind.name, failure.describe(self.kind.name))?;
            self.figures.failure = Some(failure);
        }
        Ok(self.figures.failure.is_some())
    }

    fn tell(&self, out: &mut impl Write) -> Result<()> {
        let Figures { histories, operations, undecided, time, failure } = &self.figures;
        let violations = usize::from(failure.is_some());
        let last = self.next_seed.saturating_sub(1);
        writeln!(
            out,
            "{}: {histories} histories with {operations} operations in {} s, seeds {} to {last}, \
             {violations} violations, {undecided} sessions undecided",
            self.kind.name,
            time.as_secs(),
            self.first_seed,
        )?;
        Ok(())
    }
}
