//! What each store does in a second, how long a call takes, and what a session takes of space: with a few sessions and with
//! many, and while many are being swept.
//!
//! `store-figures [--many SESSIONS] [--seconds EACH] URL…` prints tables in Markdown. A store that is measured is emptied first.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]

mod calls;
mod fill;
mod size;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cloakroom::record::StoreKey;
use cloakroom::store::{MemoryStore, Store};
use cloakroom_stores::StoreUrl;

use crate::calls::{Call, Times, now, run};
use crate::size::Probe;
use crate::table::{Figures, Measured, Swept};

/// As many as a small application has.
const FEW: usize = 1_000;
/// Nothing ends by itself while it is measured.
const LASTING: Duration = Duration::from_secs(6 * 3_600);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let mut measured = Vec::new();
    for url in &arguments.urls {
        let kind = url.parse::<StoreUrl>()?.kind();
        measured.push(of_store(url, &arguments).await.with_context(|| format!("{kind} could not be measured"))?);
    }
    print!("{}", table::all(&measured, arguments.many));
    Ok(())
}

struct Arguments {
    many: usize,
    each: Duration,
    urls: Vec<String>,
}

impl Arguments {
    fn read(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
        let mut arguments = Arguments { many: 1_000_000, each: Duration::from_secs(3), urls: Vec::new() };
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--many" => arguments.many = given.next().context("--many SESSIONS")?.parse()?,
                "--seconds" => {
                    arguments.each = Duration::try_from_secs_f64(given.next().context("--seconds EACH")?.parse()?)?
                }
                url if !url.starts_with('-') => arguments.urls.push(argument),
                other => bail!("{other}? It takes --many SESSIONS, --seconds EACH, and the URLs of stores"),
            }
        }
        if arguments.urls.is_empty() || arguments.many < FEW {
            bail!("name the URLs of stores, and {FEW} sessions or more");
        }
        Ok(arguments)
    }
}

async fn of_store(url: &str, arguments: &Arguments) -> Result<Measured> {
    let parsed: StoreUrl = url.parse()?;
    let probe = Probe::new(&parsed, url).await?;
    probe.empty().await?;
    let bytes = space(&parsed, &probe, arguments.many).await?;
    let store = open(&parsed, arguments.many).await?;
    let mut keys = Vec::new();
    let few = figures(&store, &mut keys, FEW, arguments, parsed.kind()).await?;
    let many = figures(&store, &mut keys, arguments.many, arguments, parsed.kind()).await?;
    let swept = sweep(&store, &keys, arguments, parsed.kind()).await?;
    drop(store);
    probe.empty().await?;
    Ok(Measured { kind: parsed.kind(), few, many, bytes, swept })
}

async fn open(url: &StoreUrl, many: usize) -> Result<Arc<dyn Store>> {
    // In memory there is room for as many as an application asks for. New ones come and go while they are measured.
    if url.kind() == "memory" {
        return Ok(Arc::new(MemoryStore::with_capacity(many * 8)));
    }
    Ok(url.open().await?)
}

/// What a session takes, in bytes: nothing else is in the store, and nobody keeps its key.
async fn space(url: &StoreUrl, probe: &Probe, many: usize) -> Result<u64> {
    let store = open(url, many).await?;
    let before = probe.bytes().await?;
    for _ in 0..10 {
        fill::up_to(&store, &mut Vec::new(), many / 10, LASTING).await?;
    }
    let bytes = probe.bytes().await?.saturating_sub(before) / many as u64;
    drop(store);
    probe.empty().await?;
    Ok(bytes)
}

/// Fills the store up to so many sessions, and measures every call.
async fn figures(
    store: &Arc<dyn Store>,
    keys: &mut Vec<StoreKey>,
    count: usize,
    arguments: &Arguments,
    kind: &str,
) -> Result<Figures> {
    let begin = Instant::now();
    fill::up_to(store, keys, count, LASTING).await?;
    eprintln!("{kind}: {count} sessions, filled in {:.1} s", begin.elapsed().as_secs_f64());
    let mut figures = Figures::default();
    for clients in [1, CLIENTS] {
        for call in Call::ALL {
            let shared = Arc::new(std::mem::take(keys));
            let end = Instant::now() + arguments.each;
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

/// When those end that are to be swept.
const SHORT: Duration = Duration::from_secs(3_600);

/// So many at once, to see what a store does beside one call after the other.
const CLIENTS: usize = 32;

/// Loads and sets of sessions that live on, before and while half as many as there are have ended and are removed.
async fn sweep(store: &Arc<dyn Store>, keys: &[StoreKey], arguments: &Arguments, kind: &str) -> Result<Swept> {
    let lasting = Arc::new(keys.to_vec());
    let mut ended = Vec::new();
    // Over by the clock that the sweep is told, and not before.
    fill::up_to(store, &mut ended, arguments.many / 2, SHORT).await?;
    eprintln!("{kind}: {} more are there, which are to end", ended.len());
    let until = |end: Instant| move || Instant::now() < end;
    let end = Instant::now() + arguments.each * 2;
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
