//! What each store does in a second, how long a call takes, and what a session takes of space, with few sessions and with many,
//! and while many are swept: the part `stores` of `cargo xtask bench`.
//!
//! A store that is measured is emptied first. MongoDB, Redis and PostgreSQL are those of the tests; `STORES` names others, or fewer, as
//! URLs with spaces between, and `SESSIONS` how many are many. The figures of stores that `STORES` leaves out stay as they were, if they
//! are of the same day and machine.
#![allow(clippy::print_stderr, reason = "it takes long, and says how far it is")]

mod calls;
mod fill;
mod size;
mod tables;

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cloakroom::record::StoreKey;
use cloakroom::store::Store;
use cloakroom_bench::figures::{Arguments, Made, Part, Section};
use cloakroom_stores::StoreUrl;

use crate::calls::{Call, Times, now, run};
use crate::size::Probe;
use crate::tables::{Figures, Measured, Swept};

/// As many as a small application has.
const FEW: usize = 1_000;

/// So many at once, to see what a store does beside one call after the other.
const CLIENTS: usize = 32;

/// Nothing ends by itself while it is measured.
const LASTING: Duration = Duration::from_secs(6 * 3_600);

/// When those end that are to be swept.
const SHORT: Duration = Duration::from_secs(3_600);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let made = Made::now(arguments.quick);
    let plan = Plan::read(arguments.quick)?;
    let folder = Folder::make()?;
    let earlier = earlier(&arguments.out, &made)?;
    let mut measured = Vec::new();
    for url in urls(&folder, plan.many)? {
        let kind = url.parse::<StoreUrl>()?.kind();
        measured.push(of_store(&url, &plan).await.with_context(|| format!("{kind} could not be measured"))?);
        // Each time, so that what took long is there though the next store fails.
        let mut section = tables::section(&measured, plan.many);
        if let Some(earlier) = &earlier {
            complete(&mut section, earlier);
        }
        Part { made: made.clone().ended(), sections: vec![section] }.write(&arguments.out)?;
    }
    Ok(())
}

/// The figures that are there already, if those of some stores are to be made anew beside them.
fn earlier(out: &Path, made: &Made) -> Result<Option<Part>> {
    if env::var_os("STORES").is_none() || !out.is_file() {
        return Ok(None);
    }
    let earlier = Part::read(out)?;
    let of = |made: &Made| (made.date.clone(), made.machine.clone(), made.quick);
    Ok((of(&earlier.made) == of(made)).then_some(earlier))
}

fn complete(section: &mut Section, earlier: &Part) {
    let known: Vec<_> = earlier.sections.iter().flat_map(|section| &section.tables).collect();
    for table in &mut section.tables {
        if let Some(known) = known.iter().find(|known| known.title == table.title) {
            table.complete_from(known);
        }
    }
}

/// How much is measured.
struct Plan {
    many: usize,
    each: Duration,
}

impl Plan {
    fn read(quick: bool) -> Result<Plan> {
        let (many, each) = if quick { (5_000, 100) } else { (1_000_000, 2_000) };
        let many = match env::var("SESSIONS") {
            Ok(number) => number.parse().context("SESSIONS is a number")?,
            Err(_) => many,
        };
        ensure!(many >= FEW, "many sessions are {FEW} or more");
        Ok(Plan { many, each: Duration::from_millis(each) })
    }
}

/// The stores to measure.
fn urls(folder: &Folder, many: usize) -> Result<Vec<String>> {
    if let Ok(urls) = env::var("STORES") {
        return Ok(urls.split_whitespace().map(str::to_owned).collect());
    }
    let of_tests =
        |name: &str| env::var(name).with_context(|| format!("{name} is not set: run `cargo xtask bench stores`"));
    Ok(vec![
        // New sessions come and go while they are measured.
        format!("memory:?capacity={}", many * 8),
        format!("sqlite:{}", folder.0.join("sessions.db").display()),
        of_tests("CLOAKROOM_TEST_MONGODB")?,
        of_tests("CLOAKROOM_TEST_REDIS")?,
        of_tests("CLOAKROOM_TEST_POSTGRES")?,
    ])
}

/// A folder for the file of SQLite, on the disk that the program is on.
struct Folder(std::path::PathBuf);

impl Folder {
    fn make() -> Result<Folder> {
        let program = env::current_exe()?;
        let beside = program.parent().context("a program is in a folder")?;
        let folder = beside.join(format!("store-figures-{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
        Ok(Folder(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} is left: {error}", self.0.display());
        }
    }
}

async fn of_store(url: &str, plan: &Plan) -> Result<Measured> {
    let parsed: StoreUrl = url.parse()?;
    let kind = parsed.kind();
    let probe = Probe::new(&parsed, url).await?;
    probe.empty().await?;
    let kept_here = if kind == "memory" { Some(in_memory(&parsed, &probe, plan.many).await?) } else { None };
    let (store, before) = (parsed.open().await?, probe.bytes().await?);
    let mut keys = Vec::new();
    fill(&store, &mut keys, FEW, kind).await?;
    let few = figures(&store, &mut keys, plan, kind).await?;
    fill(&store, &mut keys, plan.many, kind).await?;
    let in_all = probe.bytes().await?.saturating_sub(before);
    let bytes = kept_here.unwrap_or(in_all) / plan.many as u64;
    let many = figures(&store, &mut keys, plan, kind).await?;
    let swept = sweep(&store, &keys, plan, kind).await?;
    drop(store);
    probe.empty().await?;
    Ok(Measured { kind, few, many, bytes, swept })
}

/// What the sessions alone take of this process's memory: nobody here keeps their keys.
async fn in_memory(url: &StoreUrl, probe: &Probe, many: usize) -> Result<u64> {
    let store = url.open().await?;
    let before = probe.bytes().await?;
    for part in 1..=10 {
        fill::up_to(&store, &mut Vec::new(), many * part / 10 - many * (part - 1) / 10, LASTING).await?;
    }
    Ok(probe.bytes().await?.saturating_sub(before))
}

async fn fill(store: &Arc<dyn Store>, keys: &mut Vec<StoreKey>, count: usize, kind: &str) -> Result<()> {
    let begin = Instant::now();
    fill::up_to(store, keys, count, LASTING).await?;
    eprintln!("{kind}: {count} sessions, filled in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}

/// Every call, alone and with others, on the sessions of these keys.
async fn figures(store: &Arc<dyn Store>, keys: &mut Vec<StoreKey>, plan: &Plan, kind: &str) -> Result<Figures> {
    let mut figures = Figures::default();
    for clients in [1, CLIENTS] {
        for call in Call::ALL {
            let shared = Arc::new(std::mem::take(keys));
            let end = Instant::now() + plan.each;
            let (times, made) = run(store, &shared, clients, call, move || Instant::now() < end).await?;
            *keys = Arc::try_unwrap(shared).ok().context("a client still runs")?;
            // What was made on the way is taken away again: the next call finds as many as this one did.
            for (at, key) in made.rotated {
                keys[at] = key;
            }
            fill::remove(store, made.created).await?;
            eprintln!("{kind}: {call:?} by {clients}: {times}");
            figures.add(call, clients, times);
        }
    }
    Ok(figures)
}

/// Loads and sets of sessions that live on, before and while half as many as there are have ended and are removed.
async fn sweep(store: &Arc<dyn Store>, keys: &[StoreKey], plan: &Plan, kind: &str) -> Result<Swept> {
    let lasting = Arc::new(keys.to_vec());
    let mut ended = Vec::new();
    // Over by the clock that the sweep is told, and not before.
    fill::up_to(store, &mut ended, plan.many / 2, SHORT).await?;
    eprintln!("{kind}: {} more are there, which are to end", ended.len());
    let until = |end: Instant| move || Instant::now() < end;
    let end = Instant::now() + plan.each * 2;
    let (loads, sets) = tokio::try_join!(
        run(store, &lasting, 2, Call::Load, until(end)),
        run(store, &lasting, 2, Call::Set, until(end)),
    )?;
    let sweeping = Arc::new(AtomicBool::new(true));
    let sweeper = tokio::spawn({
        let (store, sweeping) = (store.clone(), sweeping.clone());
        async move {
            let (begin, mut removed, later) = (Instant::now(), 0, now() + SHORT * 2);
            let outcome = loop {
                match store.sweep(1_000, later).await {
                    Ok(0) => break Ok(()),
                    Ok(count) => removed += count,
                    Err(error) => break Err(error),
                }
            };
            sweeping.store(false, Ordering::Relaxed);
            outcome.map(|()| (removed, begin.elapsed()))
        }
    });
    let (loads_then, sets_then) = tokio::try_join!(
        run(store, &lasting, 2, Call::Load, going(&sweeping)),
        run(store, &lasting, 2, Call::Set, going(&sweeping)),
    )?;
    let (removed, time) = sweeper.await??;
    eprintln!("{kind}: {removed} removed in {:.1} s", time.as_secs_f64());
    let (before, meanwhile): ([Times; 2], [Times; 2]) = ([loads.0, sets.0], [loads_then.0, sets_then.0]);
    Ok(Swept { removed, time, before, meanwhile })
}

fn going(sweeping: &Arc<AtomicBool>) -> impl Fn() -> bool + Clone + Send + 'static {
    let sweeping = sweeping.clone();
    move || sweeping.load(Ordering::Relaxed)
}
