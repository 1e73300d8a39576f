//! Runs history after history, until one fails or there was enough of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

use super::check::{Report, check};
use super::nodes::Nodes;
use super::plan::Plan;
use super::print;
use super::record::History;
use super::run;
use super::shrink::shrink;
use super::stores::{Kind, Source};
use super::violation::Finding;

/// How often a smaller plan is tried before it counts as fine.
const ATTEMPTS: usize = 8;

/// How many histories run at a time where they wait for a server. Each has a store of its own for so long: they have
/// clocks of their own, and what is expired to one must not be swept away from another.
pub const AT_A_TIME: usize = 24;

/// Which histories to run.
#[derive(Clone, Copy, Debug)]
pub struct Dose {
    /// The seed of the first one. Each has the seed after that of the one before.
    pub first_seed: u64,
    /// How many, at most.
    pub histories: u64,
    /// For how long, at most.
    pub time: Duration,
    /// For how long the plan of one that is wrong is cut down, at most.
    pub shrinking: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Figures {
    /// How many histories were run.
    pub histories: u64,
    /// How many operations they had.
    pub operations: usize,
    /// How many sessions could not be decided about.
    pub undecided: usize,
    /// How long it took.
    pub time: Duration,
    /// What was found.
    pub failure: Option<Failure>,
}

/// A history that is wrong.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong with it.
    pub finding: Finding,
    /// The seed that it was drawn from.
    pub seed: u64,
    /// What was left of its plan.
    pub plan: Plan,
    /// What happened.
    pub history: History,
    /// How long it took to find it, before it was cut down.
    pub found_after: Duration,
}

/// Runs histories on stores that a seed decides everything of.
///
/// # Errors
///
/// If the application can't be set up.
pub fn in_turns(dose: Dose, nodes: impl Fn() -> Result<Nodes>) -> Result<Figures> {
    let (start, mut figures) = (Instant::now(), Figures::default());
    for seed in dose.seeds() {
        if start.elapsed() >= dose.time {
            break;
        }
        let plan = Plan::draw(seed);
        let history = run::in_turns(&plan, nodes()?)?;
        let report = check(&history);
        figures.count(&report);
        if let Some(finding) = report.finding {
            let found_after = start.elapsed();
            let again = |plan: &Plan| wrong(run::in_turns(plan, nodes().ok()?).ok()?);
            let (plan, (finding, history)) = shrink(plan, (finding, history), ATTEMPTS, dose.shrinking, again);
            figures.failure = Some(Failure { finding, seed, plan, history, found_after });
            break;
        }
    }
    figures.time = start.elapsed();
    Ok(figures)
}

/// Runs histories in real time, several at once.
///
/// # Errors
///
/// If the application can't be set up, or a client panics.
pub fn in_time(dose: Dose, runtime: &Runtime, nodes: impl Fn(usize) -> Result<Nodes>) -> Result<Figures> {
    let (start, mut figures) = (Instant::now(), Figures::default());
    let mut seeds = dose.seeds();
    let mut running = tokio::task::JoinSet::new();
    let mut free: Vec<usize> = (0..AT_A_TIME).collect();
    let failed = runtime.block_on(async {
        loop {
            while start.elapsed() < dose.time {
                let Some(place) = free.pop() else { break };
                let Some(seed) = seeds.next() else { break };
                let (plan, nodes) = (Plan::draw(seed), nodes(place)?);
                running.spawn(async move {
                    let history = run::in_time(&plan, nodes).await?;
                    let report = check(&history);
                    anyhow::Ok((place, seed, plan, history, report))
                });
            }
            let Some(ended) = running.join_next().await else { return anyhow::Ok(None) };
            let (place, seed, plan, history, mut report) = ended.context("a history panicked")??;
            free.push(place);
            figures.count(&report);
            if let Some(finding) = report.finding.take() {
                running.abort_all();
                while running.join_next().await.is_some() {}
                return Ok(Some((seed, plan, history, finding)));
            }
        }
    })?;
    if let Some((seed, plan, history, finding)) = failed {
        let found_after = start.elapsed();
        let again = |plan: &Plan| wrong(runtime.block_on(run::in_time(plan, nodes(0).ok()?)).ok()?);
        let (plan, (finding, history)) = shrink(plan, (finding, history), ATTEMPTS, dose.shrinking, again);
        figures.failure = Some(Failure { finding, seed, plan, history, found_after });
    }
    figures.time = start.elapsed();
    Ok(figures)
}

/// Runs histories on a kind of store.
///
/// # Errors
///
/// If the store or the application can't be set up.
pub fn torment(kind: Kind, dose: Dose) -> Result<Figures> {
    if kind.in_turns {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let source = runtime.block_on(Source::open(kind))?;
        return in_turns(dose, || source.nodes(0));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let source = runtime.block_on(Source::open(kind))?;
    let figures = in_time(dose, &runtime, |place| source.nodes(place));
    runtime.block_on(source.close())?;
    figures
}

fn wrong(history: History) -> Option<(Finding, History)> {
    check(&history).finding.map(|finding| (finding, history))
}

impl Dose {
    fn seeds(self) -> impl Iterator<Item = u64> {
        (0..self.histories).map(move |number| self.first_seed.wrapping_add(number))
    }
}

impl Figures {
    fn count(&mut self, report: &Report) {
        self.histories += 1;
        self.operations += report.operations;
        self.undecided += report.undecided;
    }
}

impl Failure {
    /// All that helps to find the reason: the seed, how to run it again, and what happened.
    pub fn describe(&self, store: &str) -> String {
        let (turns, actions) = self.plan.size();
        format!(
            "{}\n\nfound after {:.1} s, at seed {}: cargo xtask torture -- history --store {store} --seed {}\n\
             cut down to {turns} turns and {actions} actions:\n\n{}",
            self.finding,
            self.found_after.as_secs_f64(),
            self.seed,
            self.seed,
            print::history(&self.history)
        )
    }
}
