//! What the store does in a second, and how long a call takes, on the disk of the folder that is named:
//!
//! `cargo run --release -p cloakroom-sqlite --example measure -- FOLDER [SESSIONS]`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use cloakroom::record::{Data, Patch, Record, StoreKey, Value};
use cloakroom::store::{Created, Guard, Store as _};
use cloakroom::{Timestamp, UserId};
use cloakroom_sqlite::{SqliteStore, Synchronous};
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const FOR: Duration = Duration::from_secs(3);
const HOUR: Duration = Duration::from_secs(3_600);
const FEW: usize = 1_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name a folder on the disk to measure")?;
    let many = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let file = Path::new(&folder).join("measure.db");
    if file.exists() {
        return Err(format!("{} is there already", file.display()).into());
    }
    let measured = measure(&file, many).await;
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{end}", file.display())).ok();
    }
    measured
}

async fn measure(file: &Path, many: usize) -> Outcome<()> {
    let mut keys = Vec::with_capacity(many);
    for count in [FEW, many] {
        let begin = Instant::now();
        fill(file, &mut keys, count, HOUR).await?;
        let bytes = std::fs::metadata(file)?.len();
        println!("{count} sessions, {} bytes each, filled in {:?}", bytes / count as u64, begin.elapsed());
        for synchronous in [Synchronous::Full, Synchronous::Normal] {
            let builder = SqliteStore::builder(file).synchronous(synchronous).deadline(Duration::from_secs(10));
            let store = builder.open().await?;
            println!("  synchronous = {synchronous:?}");
            let all = Arc::new(keys.clone());
            for clients in [1, 64] {
                report("load", clients, &run(&store, &all, clients, Call::Load, until(FOR)).await?);
                report("set", clients, &run(&store, &all, clients, Call::Set, until(FOR)).await?);
                report("add", clients, &run(&store, &all, clients, Call::Add, until(FOR)).await?);
                report("create", clients, &run(&store, &all, clients, Call::Create, until(FOR)).await?);
            }
            report("load of 2 and set of 2", 4, &mixed(&store, &all, until(FOR)).await?);
            store.close().await;
        }
    }
    sweep(file, keys, many / 2).await
}

/// Loads and sets while half as many sessions as there are have ended, and are removed.
async fn sweep(file: &Path, mut keys: Vec<StoreKey>, ended: usize) -> Outcome<()> {
    let lasting = Arc::new(keys.clone());
    let all = keys.len();
    fill(file, &mut keys, all + ended, Duration::from_secs(1)).await?;
    let later = now() + Duration::from_secs(5);
    let store = SqliteStore::builder(file).deadline(Duration::from_secs(10)).open().await?;
    println!("{ended} of {} sessions have ended", keys.len());
    report("load, before", 2, &run(&store, &lasting, 2, Call::Load, until(FOR)).await?);
    report("set, before", 2, &run(&store, &lasting, 2, Call::Set, until(FOR)).await?);
    let sweeping = Arc::new(AtomicBool::new(true));
    let sweeper = tokio::spawn({
        let (store, sweeping) = (store.clone(), sweeping.clone());
        async move {
            let (begin, mut removed) = (Instant::now(), 0);
            while let Ok(count @ 1..) = store.sweep(1_000, later).await {
                removed += count;
            }
            sweeping.store(false, Ordering::Relaxed);
            (removed, begin.elapsed())
        }
    });
    let going = |sweeping: Arc<AtomicBool>| move || sweeping.load(Ordering::Relaxed);
    let (loads, sets) = tokio::join!(
        run(&store, &lasting, 2, Call::Load, going(sweeping.clone())),
        run(&store, &lasting, 2, Call::Set, going(sweeping.clone())),
    );
    report("load, meanwhile", 2, &loads?);
    report("set, meanwhile", 2, &sets?);
    let (removed, time) = sweeper.await?;
    println!("  {removed} removed in {time:?}");
    store.close().await;
    println!("  the file has {} MB then", std::fs::metadata(file)?.len() / 1_000_000);
    Ok(())
}

#[derive(Clone, Copy)]
enum Call {
    Load,
    Set,
    Add,
    Create,
}

/// How long each call took, and all of them together.
struct Times(Vec<Duration>, Duration);

fn until(time: Duration) -> impl Fn() -> bool + Clone + Send + 'static {
    let end = Instant::now() + time;
    move || Instant::now() < end
}

async fn run(
    store: &SqliteStore,
    keys: &Arc<Vec<StoreKey>>,
    clients: usize,
    call: Call,
    goes_on: impl Fn() -> bool + Clone + Send + 'static,
) -> Outcome<Times> {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let (store, keys, goes_on) = (store.clone(), keys.clone(), goes_on.clone());
        tasks.spawn(async move {
            // Each client goes through the keys in steps of a large prime, from a place of its own.
            let (mut times, mut at) = (Vec::new(), client * keys.len() / clients.max(1));
            while goes_on() {
                at = (at + 7_919) % keys.len();
                let begin = Instant::now();
                once(&store, &keys[at], call).await?;
                times.push(begin.elapsed());
            }
            Outcome::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(of_client) = tasks.join_next().await {
        times.extend(of_client??);
    }
    times.sort_unstable();
    Ok(Times(times, begin.elapsed()))
}

async fn mixed(
    store: &SqliteStore,
    keys: &Arc<Vec<StoreKey>>,
    goes_on: impl Fn() -> bool + Clone + Send + 'static,
) -> Outcome<Times> {
    let (loads, sets) =
        tokio::join!(run(store, keys, 2, Call::Load, goes_on.clone()), run(store, keys, 2, Call::Set, goes_on));
    report("load, beside sets", 2, &loads?);
    sets
}

async fn once(store: &SqliteStore, key: &StoreKey, call: Call) -> Outcome<()> {
    let mut patch = Patch::default();
    match call {
        Call::Load => return Ok(store.load(key, now()).await.map(drop)?),
        Call::Create => {
            let created = store.create(&StoreKey::generate()?, &record(now(), FOR * 10)?, now()).await?;
            return if matches!(created, Created::Done { .. }) { Ok(()) } else { Err("taken".into()) };
        }
        Call::Set => patch.set("theme", Value::serialize("dark")?),
        Call::Add => patch.add("visits", 1)?,
    }
    Ok(store.apply(key, &patch, &Guard::Exists, now()).await.map(drop)?)
}

/// Makes new sessions until there are so many keys.
async fn fill(file: &Path, keys: &mut Vec<StoreKey>, count: usize, time: Duration) -> Outcome<()> {
    let builder = SqliteStore::builder(file).synchronous(Synchronous::Normal).deadline(Duration::from_secs(60));
    let store = builder.open().await?;
    let begin = now();
    while keys.len() < count {
        // Slower than it is: new sessions would take along those that have ended meanwhile, which are to be swept.
        let at = begin + now().since(begin) / 10;
        let mut tasks = JoinSet::new();
        for _ in 0..(count - keys.len()).min(1_000) {
            let (store, key, record) = (store.clone(), StoreKey::generate()?, record(at, time)?);
            tasks.spawn(async move { store.create(&key, &record, at).await.map(|_| key) });
        }
        while let Some(created) = tasks.join_next().await {
            keys.push(created??);
        }
    }
    store.close().await;
    Ok(())
}

/// A session of a shop: a user, a cart, some small values.
fn record(at: Timestamp, time: Duration) -> Outcome<Record> {
    let mut record = Record::new(at, at + time, at + time * 24);
    let text = |text: &str| Value::from_json(text);
    let data: Data = [
        ("cart", text(r#"[{"id":4711,"count":2},{"id":815,"count":1}]"#)?),
        ("csrf", text(r#""dGhpcyBpcyBhIHRva2VuIG9mIHNvbWUgbGVuZ3Ro""#)?),
        ("theme", text(r#""light""#)?),
        ("visits", Value::from(1)),
    ]
    .into_iter()
    .collect();
    record.data = Arc::new(data);
    record.user = Some(UserId::new(format!("user-{}", &StoreKey::generate()?.plain()[..6]))?);
    Ok(record)
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn report(what: &str, clients: usize, Times(times, all): &Times) {
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or_default();
    let rate = times.len() as f64 / all.as_secs_f64();
    println!(
        "  {what} by {clients}: {rate:.0}/s, half within {:?}, 99 % within {:?}, the longest {:?}",
        at(0.5),
        at(0.99),
        times.last().copied().unwrap_or_default(),
    );
}
