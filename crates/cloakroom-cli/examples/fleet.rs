//! What an application does while its sessions are moved, and how many sessions it begins with: for measuring the command.
//!
//! ```sh
//! cargo run --release -p cloakroom-cli --example fleet -- seed URL 100000
//! cargo run --release -p cloakroom-cli --example fleet -- serve OLD_URL NEW_URL 60 100000
//! ```
//!
//! `serve` first puts so many sessions into the old store, as `seed` does, and says when it has: then the move may begin. Through a
//! `MovingStore` its visitors come back to these for so many seconds, read, write, log in again and log out; others come anew. Then it
//! looks whether each session, those that nobody came back to among them, is as it must be.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use cloakroom::Timestamp;
use cloakroom::record::{Expiry, Patch, Record, StoreKey, UserId, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, MovingStore, Rotated, Store};
use cloakroom_stores::StoreUrl;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// So many at a time.
const AT_ONCE: usize = 32;
/// Each of so many visitors does one thing after the other.
const VISITORS: usize = 8;
const HOUR: Duration = Duration::from_secs(3_600);
/// No common divisor with any count that somebody would choose: so a visitor comes back to each of the sessions, here and there.
const STRIDE: usize = 7_919;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["seed", url, count] => runtime.block_on(async { seed(&*open(url).await?, count.parse()?).await.map(drop) }),
        ["serve", old, new, seconds, count] => {
            runtime.block_on(serve(old, new, Duration::from_secs(seconds.parse()?), count.parse()?))
        }
        _ => Err("seed URL COUNT, or serve OLD_URL NEW_URL SECONDS COUNT".into()),
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

async fn open(url: &str) -> Outcome<Arc<dyn Store>> {
    // What is looked at here is not how soon a busy machine answers.
    Ok(StoreUrl::parse(url)?.with_deadline(Duration::from_secs(30)).open().await?)
}

fn record(number: usize) -> Outcome<Record> {
    let now = now();
    let mut record = Record::new(now, now + HOUR, now + HOUR * 24);
    // Two of three are logged in, with three sessions each.
    record.user = if number % 3 == 2 { None } else { Some(UserId::new(format!("user-{}", number / 4))?) };
    let values = [("n", Value::from(1)), ("cart", Value::from_json(r#"[{"sku":"hat","n":2},{"sku":"coat","n":1}]"#)?)];
    record.data = Arc::new(values.into_iter().collect());
    Ok(record)
}

/// Makes sessions, and tells their keys.
async fn seed(store: &dyn Store, count: usize) -> Outcome<Vec<StoreKey>> {
    let start = Instant::now();
    let create = |number| async move {
        let key = StoreKey::generate()?;
        begin(store, &key, &record(number)?).await.map(|()| key)
    };
    let keys = stream::iter(0..count).map(create).buffer_unordered(AT_ONCE).try_collect().await?;
    println!("made {count} sessions in {:.1} s", start.elapsed().as_secs_f64());
    Ok(keys)
}

async fn begin(store: &dyn Store, key: &StoreKey, record: &Record) -> Outcome {
    match store.create(key, record, now()).await? {
        Created::Done { .. } => Ok(()),
        Created::Taken => Err("an id was drawn twice".into()),
    }
}

/// What a visitor has seen confirmed of a session.
struct Kept {
    key: StoreKey,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It lives, and `n` is this.
    Lives(i64),
    Over,
    /// A call has failed: it happened or not.
    Unknown,
}

#[derive(Default)]
struct Tally {
    returns: u64,
    log_ins: u64,
    writes: u64,
    log_outs: u64,
    errors: u64,
    /// Times at which a session was not as it had been left.
    wrong: u64,
    longest: Duration,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.returns += other.returns;
        self.log_ins += other.log_ins;
        self.writes += other.writes;
        self.log_outs += other.log_outs;
        self.errors += other.errors;
        self.wrong += other.wrong;
        self.longest = self.longest.max(other.longest);
    }
}

async fn serve(old: &str, new: &str, time: Duration, count: usize) -> Outcome {
    let (old, new) = (open(old).await?, open(new).await?);
    let seeded = seed(&*old, count).await?;
    let store = Arc::new(MovingStore::new(old.clone(), new.clone()));
    let end = Instant::now() + time;
    let mut shares: Vec<Vec<Kept>> = (0..VISITORS).map(|_| Vec::new()).collect();
    for (number, key) in seeded.into_iter().enumerate() {
        shares[number % VISITORS].push(Kept { key, state: State::Lives(1) });
    }
    let visitors: Vec<_> = shares
        .into_iter()
        .enumerate()
        .map(|(number, own)| tokio::spawn(visit(store.clone(), number, own, end)))
        .collect();
    let (mut all, mut kept) = (Tally::default(), Vec::new());
    for visitor in visitors {
        let (tally, own) = visitor.await?;
        all.add(&tally);
        kept.extend(own);
    }
    let in_new = stream::iter(&kept).map(|kept| look(&*store, &*new, kept)).buffer_unordered(AT_ONCE);
    let looks: Vec<Look> = in_new.try_collect().await?;
    let of = |kind| looks.iter().filter(|look| **look == kind).count();
    let Tally { returns, log_ins, writes, log_outs, errors, wrong, longest } = all;
    println!(
        "{returns} returns to sessions of the old store, {log_ins} log-ins, {writes} writes, {log_outs} log-outs, {errors} errors, the \
         longest visit {longest:.1?}; sessions that were not as they had been left: {wrong}"
    );
    println!(
        "in the end: {} as they must be ({} of them still in the old store), {} wrong, {} not known for an error",
        of(Look::InNew) + of(Look::InOld) + of(Look::Over),
        of(Look::InOld),
        of(Look::Wrong),
        of(Look::Unknown)
    );
    if wrong > 0 || of(Look::Wrong) > 0 { Err("something was lost".into()) } else { Ok(()) }
}

#[derive(Clone, Copy, PartialEq)]
enum Look {
    InNew,
    InOld,
    Over,
    Unknown,
    Wrong,
}

/// Whether a session is what was last confirmed of it.
async fn look(store: &MovingStore, new: &dyn Store, kept: &Kept) -> Outcome<Look> {
    let found = found(store, &kept.key).await?;
    Ok(match (kept.state, found) {
        (State::Unknown, _) => Look::Unknown,
        (State::Over, None) => Look::Over,
        (State::Lives(n), Some(there)) if n == there => match new.load(&kept.key, now()).await? {
            Loaded::Found(_) => Look::InNew,
            Loaded::Superseded | Loaded::Missing => Look::InOld,
        },
        _ => Look::Wrong,
    })
}

async fn found(store: &dyn Store, key: &StoreKey) -> Outcome<Option<i64>> {
    Ok(match store.load(key, now()).await? {
        Loaded::Found(found) => found.record.data.get("n").and_then(Value::as_i64),
        Loaded::Superseded | Loaded::Missing => None,
    })
}

/// One visitor, to the end: half of the time with sessions that were there before, and half with new ones.
async fn visit(store: Arc<MovingStore>, number: usize, mut own: Vec<Kept>, end: Instant) -> (Tally, Vec<Kept>) {
    let (mut tally, seeded) = (Tally::default(), own.len());
    for turn in 0_usize.. {
        if Instant::now() >= end {
            break;
        }
        let start = Instant::now();
        let visited = if turn.is_multiple_of(2) && seeded > 0 {
            come_back(&store, &mut own[turn / 2 * STRIDE % seeded], turn / 2, &mut tally).await
        } else {
            come_anew(&store, number * 1_000_000 + turn, &mut tally).await.map(|kept| own.push(kept))
        };
        if let Err(error) = visited {
            eprintln!("{error}: {:?}", error.source());
            tally.errors += 1;
        }
        tally.longest = tally.longest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (tally, own)
}

/// A visitor whose session was there before reads, and then writes, stays a moment, logs in again or logs out.
async fn come_back(store: &MovingStore, kept: &mut Kept, turn: usize, tally: &mut Tally) -> Outcome {
    let before = kept.state;
    if before == State::Unknown {
        return Ok(());
    }
    tally.returns += 1;
    let there = found(store, &kept.key).await?;
    let expected = if let State::Lives(n) = before { Some(n) } else { None };
    if there != expected {
        tally.wrong += 1;
        // Told once.
        kept.state = State::Unknown;
        return Ok(());
    }
    let Some(n) = expected else { return Ok(()) };
    kept.state = State::Unknown;
    let mut add = Patch::default();
    add.add("n", 1).map_err(|error| error.to_string())?;
    let is_done = match turn % 8 {
        0 => {
            tally.log_outs += 1;
            let was_there = store.destroy(&kept.key, now()).await?;
            kept.state = State::Over;
            was_there
        }
        1 => {
            let key = StoreKey::generate()?;
            let rotated = store.rotate(&kept.key, &key, &add, &Guard::Exists, now()).await?;
            tally.log_ins += 1;
            *kept = Kept { key, state: State::Lives(n + 1) };
            matches!(rotated, Rotated::Done { .. })
        }
        2 => {
            let mut touch = Patch::default();
            touch.expiry = Expiry::AtLeast(now() + HOUR);
            let applied = store.apply(&kept.key, &touch, &Guard::Exists, now()).await?;
            kept.state = State::Lives(n);
            matches!(applied, Applied::Done(_))
        }
        _ => {
            let applied = store.apply(&kept.key, &add, &Guard::Exists, now()).await?;
            tally.writes += 1;
            kept.state = State::Lives(n + 1);
            matches!(applied, Applied::Done(_))
        }
    };
    tally.wrong += u64::from(!is_done);
    Ok(())
}

/// A new visitor comes, logs in, writes, and in one of four cases logs out.
async fn come_anew(store: &MovingStore, number: usize, tally: &mut Tally) -> Outcome<Kept> {
    let (first, key) = (StoreKey::generate()?, StoreKey::generate()?);
    let mut visitor = record(number)?;
    visitor.user = None;
    begin(store, &first, &visitor).await?;
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
    let is_over = number % 8 == 1;
    if is_over {
        if !store.destroy(&key, now()).await? {
            return Err("a log-out found no session".into());
        }
        tally.log_outs += 1;
    }
    Ok(Kept { key, state: if is_over { State::Over } else { State::Lives(2) } })
}
