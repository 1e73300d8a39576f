//! What an application does while its sessions are moved, and how many sessions it begins with: for measuring the command.
//!
//! ```sh
//! cargo run --release -p cloakroom-cli --example fleet -- seed URL 100000
//! cargo run --release -p cloakroom-cli --example fleet -- serve OLD_URL NEW_URL 60
//! ```
//!
//! `serve` logs in, writes and logs out through a `MovingStore`, for so many seconds, and then looks whether each session is
//! in the new store as it must be.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey, UserId, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, MovingStore, Rotated, Store};
use cloakroom_stores::StoreUrl;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// So many at a time.
const AT_ONCE: usize = 32;
/// Each of so many visitors does one thing after the other.
const VISITORS: usize = 8;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["seed", url, count] => runtime.block_on(seed(url, count.parse()?)),
        ["serve", old, new, seconds] => runtime.block_on(serve(old, new, Duration::from_secs(seconds.parse()?))),
        _ => Err("seed URL COUNT, or serve OLD_URL NEW_URL SECONDS".into()),
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

async fn open(url: &str) -> Outcome<Arc<dyn Store>> {
    Ok(StoreUrl::parse(url)?.open().await?)
}

fn record(number: usize) -> Outcome<Record> {
    let (now, hour) = (now(), Duration::from_secs(3_600));
    let mut record = Record::new(now, now + hour, now + hour * 24);
    // Two of three are logged in, with three sessions each.
    record.user = if number % 3 == 2 { None } else { Some(UserId::new(format!("user-{}", number / 4))?) };
    let values = [("n", Value::from(1)), ("cart", Value::from_json(r#"[{"sku":"hat","n":2},{"sku":"coat","n":1}]"#)?)];
    record.data = Arc::new(values.into_iter().collect());
    Ok(record)
}

async fn seed(url: &str, count: usize) -> Outcome {
    let (store, start) = (open(url).await?, Instant::now());
    let store = &store;
    let create = |number| async move {
        match store.create(&StoreKey::generate()?, &record(number)?, now()).await? {
            Created::Done { .. } => Ok(()),
            Created::Taken => Err::<(), Box<dyn Error + Send + Sync>>("an id was drawn twice".into()),
        }
    };
    stream::iter(0..count).map(create).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    println!("made {count} sessions in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// What a visitor has seen confirmed of a session.
struct Kept {
    key: StoreKey,
    n: i64,
    is_over: bool,
}

#[derive(Default)]
struct Tally {
    log_ins: u64,
    writes: u64,
    log_outs: u64,
    errors: u64,
    longest: Duration,
    kept: Vec<Kept>,
}

async fn serve(old: &str, new: &str, time: Duration) -> Outcome {
    let store = Arc::new(MovingStore::new(open(old).await?, open(new).await?));
    let end = Instant::now() + time;
    let visitors: Vec<_> = (0..VISITORS).map(|number| tokio::spawn(visit(store.clone(), number, end))).collect();
    let (new, mut all, mut wrong) = (open(new).await?, Tally::default(), 0);
    for visitor in visitors {
        let tally = visitor.await??;
        all.log_ins += tally.log_ins;
        all.writes += tally.writes;
        all.log_outs += tally.log_outs;
        all.errors += tally.errors;
        all.longest = all.longest.max(tally.longest);
        for kept in &tally.kept {
            let found = match new.load(&kept.key, now()).await? {
                Loaded::Found(found) => found.record.data.get("n").and_then(Value::as_i64),
                Loaded::Superseded | Loaded::Missing => None,
            };
            wrong += u64::from(found != (!kept.is_over).then_some(kept.n));
        }
    }
    let Tally { log_ins, writes, log_outs, errors, longest, .. } = all;
    println!(
        "{log_ins} log-ins, {writes} writes, {log_outs} log-outs, {errors} errors, the longest call {longest:.1?}; \
         sessions that are not as they must be: {wrong}"
    );
    if wrong > 0 { Err("something was lost".into()) } else { Ok(()) }
}

async fn visit(store: Arc<MovingStore>, number: usize, end: Instant) -> Outcome<Tally> {
    let mut tally = Tally::default();
    for turn in 0_usize.. {
        if Instant::now() >= end {
            break;
        }
        let start = Instant::now();
        let kept = match session(&store, number * 1_000_000 + turn, &mut tally).await {
            Ok(kept) => kept,
            Err(error) => {
                eprintln!("{error}: {:?}", error.source());
                tally.errors += 1;
                continue;
            }
        };
        tally.longest = tally.longest.max(start.elapsed());
        tally.kept.push(kept);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(tally)
}

/// A visitor comes, logs in, writes, and in one of four cases logs out.
async fn session(store: &MovingStore, number: usize, tally: &mut Tally) -> Outcome<Kept> {
    let (first, key) = (StoreKey::generate()?, StoreKey::generate()?);
    let mut visitor = record(number)?;
    visitor.user = None;
    match store.create(&first, &visitor, now()).await? {
        Created::Done { .. } => {}
        Created::Taken => return Err("an id was drawn twice".into()),
    }
    let mut log_in = Patch::default();
    log_in.user = Some(UserId::new(format!("user-{number}"))?);
    match store.rotate(&first, &key, &log_in, &Guard::Exists, now()).await? {
        Rotated::Done { .. } => tally.log_ins += 1,
        _ => return Err("a log-in found no session".into()),
    }
    let mut add = Patch::default();
    add.add("n", 1).map_err(|error| error.to_string())?;
    match store.apply(&key, &add, &Guard::Exists, now()).await? {
        Applied::Done(_) => tally.writes += 1,
        _ => return Err("a write found no session".into()),
    }
    let is_over = number.is_multiple_of(4);
    if is_over {
        if !store.destroy(&key, now()).await? {
            return Err("a log-out found no session".into());
        }
        tally.log_outs += 1;
    }
    Ok(Kept { key, n: 2, is_over })
}
