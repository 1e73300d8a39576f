//! The memory store alone, without HTTP.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use cloakroom::record::{Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, MemoryStore, Store as _};
use cloakroom::{Timestamp, UserId};
use cloakroom_bench::figures::{Section, Table, microseconds, thousands};
use cloakroom_bench::servers::{available_memory, resident_bytes};

/// So many of the sessions are used.
const USED: usize = 20_000;

/// What a session takes, how often two threads wait for each other, and what it costs to make room.
pub(crate) fn alone(quick: bool) -> Result<Section> {
    let (sizes, calls): (&[usize], usize) =
        if quick { (&[1_000, 10_000], 20_000) } else { (&[100_000, 1_000_000, 10_000_000], 1_000_000) };
    let text = "`MemoryStore` in a process of its own, and nobody before it. A session holds a number under a short key. *Bytes* are \
                those of the resident memory, indexes too, less those before. *Waits* are the times that a call found its part of the \
                store locked, of a million calls on sessions all over the store."
        .to_owned();
    let mut section = Section::new("The memory store alone", text);
    let mut space = Table::new("What a session takes", &["sessions", "anonymous, bytes", "a user's, bytes"]);
    // Room for what is measured, before anything is.
    let keys = keys(USED)?;
    // None of them is dropped in between: who comes later would find its memory.
    let mut stores = [false, true].map(|of_users| Filled::new(usize::MAX, &keys, of_users));
    for &size in sizes {
        let mut row = vec![thousands(size as f64)];
        for filled in &mut stores {
            let is_measured = filled.fits(size)? && !(filled.of_users && size > 1_000_000);
            row.push(if is_measured { thousands(filled.to(size)?) } else { "–".to_owned() });
        }
        space.rows.push(row);
    }
    let mut contention = Table::new(
        &format!("Two threads, {} sessions", thousands(stores[0].live as f64)),
        &["", "threads", "µs a call", "calls a second", "waits"],
    );
    for (name, call) in [("read", Call::Read), ("increment", Call::Increment)] {
        for threads in [1, 2] {
            contention.rows.push(stores[0].contend(name, call, threads, calls)?);
        }
    }
    section.tables = vec![space, contention, room(sizes, calls.min(200_000))?];
    Ok(section)
}

/// What a new session costs where there is room, and where another one has to leave for it.
fn room(sizes: &[usize], calls: usize) -> Result<Table> {
    let columns = ["sessions", "with room, µs", "full, µs", "slowest, µs"];
    let mut table = Table::new("A new session", &columns);
    for &size in sizes.iter().filter(|size| **size <= 1_000_000) {
        let mut row = vec![thousands(size as f64)];
        let mut slowest = Duration::ZERO;
        for capacity in [size + calls, size] {
            let mut filled = Filled::new(capacity, &[], false);
            filled.to(size)?;
            let new = keys(calls)?;
            let record = filled.record(0)?;
            let begin = Instant::now();
            in_one_go(async {
                for key in &new {
                    let begin = Instant::now();
                    create(&filled.store, key, &record).await?;
                    slowest = slowest.max(begin.elapsed());
                }
                Ok(())
            })?;
            row.push(microseconds(micros(begin.elapsed()) / calls as f64));
        }
        row.push(microseconds(micros(slowest)));
        table.rows.push(row);
    }
    Ok(table)
}

#[derive(Clone, Copy)]
enum Call {
    Read,
    Increment,
}

/// A store with sessions.
struct Filled {
    store: MemoryStore,
    of_users: bool,
    live: usize,
    /// Of its sessions, those that are used.
    keys: Vec<StoreKey>,
    /// What a session takes.
    each: f64,
}

impl Filled {
    fn new(capacity: usize, keys: &[StoreKey], of_users: bool) -> Filled {
        Filled { store: MemoryStore::with_capacity(capacity), of_users, live: 0, keys: keys.to_vec(), each: 0.0 }
    }

    fn record(&self, number: usize) -> Result<Record> {
        let now = now();
        let mut record = Record::new(now, now + Duration::from_secs(3_600), now + Duration::from_secs(86_400));
        record.data = Arc::new([("visits", Value::from(1))].into_iter().collect());
        record.user = self.of_users.then(|| UserId::new(format!("user-{number}"))).transpose()?;
        Ok(record)
    }

    /// Makes sessions until there are so many; tells what each takes.
    fn to(&mut self, size: usize) -> Result<f64> {
        let resident = resident_bytes(std::process::id())?;
        let missing = size.saturating_sub(self.live);
        in_one_go(async {
            for number in self.live..size {
                let key = match self.keys.get(number) {
                    Some(key) => key,
                    None => &StoreKey::generate()?,
                };
                create(&self.store, key, &self.record(number)?).await?;
            }
            Ok(())
        })?;
        let grown = resident_bytes(std::process::id())?.saturating_sub(resident);
        self.each = (self.each * self.live as f64 + grown as f64) / (self.live + missing) as f64;
        self.live += missing;
        Ok(self.each)
    }

    /// Whether there is memory for so many, by what those need that are there.
    fn fits(&self, size: usize) -> Result<bool> {
        Ok(self.each * (size as f64) * 1.2 < available_memory()? as f64)
    }

    fn contend(&self, name: &str, call: Call, threads: usize, calls: usize) -> Result<Vec<String>> {
        let waits = self.store.stats().contended;
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..threads).map(|thread| scope.spawn(move || in_one_go(self.call(call, thread, calls)))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().ok().context("a thread has panicked")?)
        })?;
        let (time, all) = (begin.elapsed(), (threads * calls) as f64);
        let waits = (self.store.stats().contended - waits) as f64;
        Ok(vec![
            name.to_owned(),
            threads.to_string(),
            microseconds(micros(time) * threads as f64 / all),
            thousands(all / time.as_secs_f64()),
            thousands(waits * 1e6 / all),
        ])
    }

    async fn call(&self, call: Call, thread: usize, calls: usize) -> Result<()> {
        let mut patch = Patch::default();
        patch.add("visits", 1)?;
        for step in 0..calls {
            // Steps of a prime, each thread from elsewhere.
            let key = &self.keys[(thread * USED / 2 + step * 7_919) % self.keys.len().min(self.live)];
            match call {
                Call::Read => {
                    let loaded = self.store.load(key, now()).await?;
                    ensure!(matches!(loaded, Loaded::Found(_)), "a session was not found");
                }
                Call::Increment => {
                    let applied = self.store.apply(key, &patch, &Guard::Exists, now()).await?;
                    ensure!(matches!(applied, Applied::Done(_)), "a change was refused");
                }
            }
        }
        Ok(())
    }
}

async fn create(store: &MemoryStore, key: &StoreKey, record: &Record) -> Result<()> {
    match store.create(key, record, record.created).await? {
        Created::Done { .. } => Ok(()),
        Created::Taken => bail!("a new session was refused"),
    }
}

fn keys(count: usize) -> Result<Vec<StoreKey>> {
    Ok((0..count).map(|_| StoreKey::generate()).collect::<Result<_, _>>()?)
}

/// The store answers at once: nothing waits here.
fn in_one_go<T>(task: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().build()?.block_on(task)
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_measured() {
        let section = alone(true).unwrap();
        let rows: Vec<_> = section.tables.iter().map(|table| table.rows.len()).collect();
        assert_eq!(rows, [2, 4, 2]);
        assert!(section.tables.iter().all(|table| table.rows.iter().all(|row| row.len() == table.columns.len())));
    }
}
