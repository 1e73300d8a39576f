//! What encryption costs, in time and in bytes, beside the memory store alone:
//!
//! `cargo run --release -p cloakroom-encrypted --example measure`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{Guard, Loaded, MemoryStore, Store};
use cloakroom_encrypted::{DataKeys, EncryptedStore};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 2_000;
const BATCHES: usize = 9;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let bare = Arc::new(MemoryStore::new());
    let encrypted = EncryptedStore::new(bare.clone(), DataKeys::new([1; 32])?);
    for (values, length) in [(1, 10), (10, 10), (10, 100), (10, 1_000), (1, 60_000)] {
        let record = record(values, length)?;
        let [plain, sealed] = [StoreKey::generate()?, StoreKey::generate()?];
        bare.create(&plain, &record, now()).await?;
        encrypted.create(&sealed, &record, now()).await?;
        println!("{values} values of {length} bytes");
        println!("  stored: {} bytes, and encrypted {}", record.data.size(), size(&*bare, &sealed).await?);
        for call in [Call::Load, Call::Set, Call::Add, Call::Rotate] {
            let (without, with) = (
                time(&*bare, plain.clone(), call, length).await?,
                time(&encrypted, sealed.clone(), call, length).await?,
            );
            println!("  {call:?}: {:.2} µs, and encrypted {:.2} µs", micros(without), micros(with));
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Load,
    Set,
    Add,
    Rotate,
}

/// How long a call takes: the median of some batches.
async fn time(store: &dyn Store, mut key: StoreKey, call: Call, length: usize) -> Outcome<Duration> {
    let mut patch = Patch::default();
    match call {
        Call::Set => patch.set("value 0", text(length)?),
        Call::Add => patch.add("number", 1)?,
        Call::Load | Call::Rotate => {}
    }
    let mut times = Vec::new();
    for _ in 0..BATCHES {
        let begin = Instant::now();
        for _ in 0..ROUNDS / BATCHES {
            match call {
                Call::Load => drop(store.load(&key, now()).await?),
                Call::Set | Call::Add => drop(store.apply(&key, &patch, &Guard::Exists, now()).await?),
                Call::Rotate => {
                    let new = StoreKey::generate()?;
                    store.rotate(&key, &new, &patch, &Guard::Exists, now()).await?;
                    key = new;
                }
            }
        }
        times.push(begin.elapsed() / (ROUNDS / BATCHES) as u32);
    }
    times.sort_unstable();
    Ok(times[BATCHES / 2])
}

async fn size(store: &dyn Store, key: &StoreKey) -> Outcome<usize> {
    match store.load(key, now()).await? {
        Loaded::Found(found) => Ok(found.record.data.size()),
        Loaded::Superseded | Loaded::Missing => Err("the record is gone".into()),
    }
}

fn record(values: usize, length: usize) -> Outcome<Record> {
    let mut record = Record::new(now(), Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MAX));
    let data: Outcome<_> = (0..values).map(|at| Ok((format!("value {at}"), text(length)?))).collect();
    record.data = Arc::new(data?);
    Ok(record)
}

/// A text that has this length as JSON.
fn text(length: usize) -> Outcome<Value> {
    Ok(Value::serialize(&"x".repeat(length - 2))?)
}

fn now() -> Timestamp {
    Timestamp::from_millis(0)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
