//! `torture faults`.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum as _};

use super::fault::Fault;
use super::load::Scale;
use super::report::Report;
use super::store::Store;

/// Makes real servers fail under load, again and again, and checks each answer.
#[derive(Debug, Args)]
pub struct Command {
    /// How often each fault is made.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Go on for so many minutes, however many rounds that takes.
    #[arg(long)]
    minutes: Option<f64>,
    /// The load of the tests, in place of the larger one.
    #[arg(long)]
    short: bool,
    /// The stores; all of them, if none is named.
    #[arg(long = "store")]
    stores: Vec<Store>,
    /// Show what MongoDB loses with w=1 and with journal=false, and Redis with appendonly=no, and do nothing else.
    #[arg(long)]
    weak: bool,
    /// Only these faults, of the stores that have them.
    faults: Vec<Fault>,
}

impl Command {
    /// Runs the faults one after the other, and prints one line for each.
    ///
    /// # Errors
    ///
    /// If a run could not be carried out, or nothing can be printed.
    pub fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let faults = if self.faults.is_empty() { Fault::value_variants() } else { &self.faults };
        let stores = if self.stores.is_empty() { Store::value_variants() } else { &self.stores };
        // Each fault of all stores before the next one: a short time, too, sees all stores.
        let pairs = faults.iter().flat_map(|fault| stores.iter().map(|store| (*store, *fault)));
        let runs: Vec<(Store, Fault)> = pairs.filter(|(store, fault)| fault.is_for(*store)).collect();
        if runs.is_empty() {
            bail!("none of these stores has such a fault");
        }
        let program = std::env::current_exe()?;
        let scale = if self.short { Scale::SHORT } else { Scale::LONG };
        if self.weak {
            for report in runtime.block_on(weak(scale))? {
                print(out, &report)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let time = self.minutes.map(|minutes| Duration::try_from_secs_f64(minutes * 60.0)).transpose()?;
        let end = time.map(|time| Instant::now() + time);
        let most = if end.is_some() { usize::MAX } else { usize::try_from(self.rounds)? * runs.len() };
        let (mut survived, mut failed) = (0, 0);
        for (store, fault) in runs.iter().cycle().take(most) {
            if end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
            let report = runtime.block_on(fault.run(*store, scale, &program))?;
            print(out, &report)?;
            if report.violations().is_empty() { survived += 1 } else { failed += 1 }
        }
        writeln!(out, "{survived} faults survived, {failed} not")?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn weak(scale: Scale) -> Result<[Report; 3]> {
    Ok([
        Fault::cut_off_with_w1(scale).await?,
        Fault::alone_killed_without_journal(scale).await?,
        Fault::killed_without_file(scale).await?,
    ])
}

fn print(out: &mut impl Write, report: &Report) -> Result<()> {
    writeln!(out, "{report}")?;
    for violation in report.violations() {
        writeln!(out, "    {violation}")?;
    }
    Ok(out.flush()?)
}
