//! How soon a log-out on one server is seen on another, where both keep copies; and what a read from a copy costs.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use cloakroom::Timestamp;
use cloakroom::record::{Record, StoreKey, Value};
use cloakroom::store::{Created, Loaded, MemoryStore, NearCache, Store};
use cloakroom_mongodb::MongoStore;
use cloakroom_postgres::PostgresStore;
use cloakroom_redis::RedisStore;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// How long after a look at the session the next one begins.
const STEP: Duration = Duration::from_millis(1);

/// How many reads the cost of one is measured by.
const READS: u32 = 500_000;

/// Longer than any feed may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures two servers, each with a runtime, connections and a near cache of its own.
#[derive(Args, Debug)]
pub struct Command {
    /// The address of what they share: `mongodb://…`, `redis://…` or `postgres://…`.
    store: String,
    /// How many sessions are ended.
    #[arg(long, default_value_t = 1_000)]
    rounds: usize,
}

/// One server.
struct Server {
    runtime: Runtime,
    cache: Arc<NearCache>,
}

impl Command {
    /// Runs it, and tells of it on `out`.
    ///
    /// # Errors
    ///
    /// If the store can't be reached, or what was ended is never seen to be.
    pub fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let (one, two) = (Server::start(&self.store)?, Server::start(&self.store)?);
        let mut delays = Vec::with_capacity(self.rounds);
        for _ in 0..self.rounds {
            delays.push(round(&one, &two)?);
        }
        delays.sort_unstable();
        let at = |percent: usize| delays.get((delays.len() * percent / 100).min(delays.len() - 1)).copied();
        let millis = |delay: Option<Duration>| delay.unwrap_or_default().as_secs_f64() * 1_000.0;
        writeln!(
            out,
            "a log-out, for how long after its confirmation on one server loads on the other still begin that show the session: \
             p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms, of {} rounds (a look each {STEP:?})",
            millis(at(50)),
            millis(at(99)),
            millis(delays.last().copied()),
            delays.len(),
        )?;
        let (copy, memory) = two.runtime.block_on(read_costs(&two.cache))?;
        writeln!(out, "a read: {copy:?} from a copy, {memory:?} from a memory store")?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Server {
    fn start(address: &str) -> Result<Server> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let store = runtime.block_on(open(address))?;
        Ok(Server { runtime, cache: Arc::new(NearCache::new(store)?) })
    }
}

async fn open(address: &str) -> Result<Arc<dyn Store>> {
    let (scheme, _) = address.split_once(':').context("the store is an address")?;
    Ok(match scheme {
        "mongodb" | "mongodb+srv" => Arc::new(MongoStore::connect(address).await?.with_deadline(PATIENCE)),
        "redis" | "rediss" | "unix" => Arc::new(RedisStore::connect(address).await?.with_deadline(PATIENCE)),
        "postgres" | "postgresql" => {
            Arc::new(PostgresStore::connect(address).await?.with_deadline(PATIENCE).with_feed())
        }
        _ => bail!("there is no store at {scheme}"),
    })
}

/// A session that the one server has begun and ends, and the other has a copy of. Gives how long loads show it that begin after
/// its end was confirmed, which must not be longer than the bound.
fn round(one: &Server, two: &Server) -> Result<Duration> {
    let key = StoreKey::generate()?;
    one.runtime.block_on(begin(&*one.cache, &key))?;
    two.runtime.block_on(copy(&two.cache, &key))?;
    let ended = one.runtime.spawn({
        let (cache, key) = (one.cache.clone(), key.clone());
        async move {
            let was_there = cache.destroy(&key, now()).await?;
            anyhow::Ok((was_there, Instant::now()))
        }
    });
    two.runtime.block_on(async {
        let start = Instant::now();
        let mut shown = start;
        loop {
            let begun = Instant::now();
            if !matches!(two.cache.load(&key, now()).await?, Loaded::Found(_)) {
                break;
            }
            shown = begun;
            ensure!(start.elapsed() < PATIENCE, "a session that was ended is still seen");
            sleep(STEP).await;
        }
        let (was_there, confirmed) = ended.await??;
        ensure!(was_there, "the session was not there");
        let delay = shown.saturating_duration_since(confirmed);
        ensure!(delay <= NearCache::DEFAULT_BOUND, "a session was shown {delay:?} after its end, beyond the bound");
        Ok(delay)
    })
}

async fn begin(store: &dyn Store, key: &StoreKey) -> Result<()> {
    let hour = Duration::from_secs(60 * 60);
    let mut record = Record::new(now(), now() + hour, now() + hour);
    record.data = Arc::new([("n", Value::from(1))].into_iter().collect());
    ensure!(matches!(store.create(key, &record, now()).await?, Created::Done { .. }), "the key is taken");
    Ok(())
}

/// Loads a session until that is answered from memory.
async fn copy(cache: &NearCache, key: &StoreKey) -> Result<()> {
    let start = Instant::now();
    loop {
        let before = cache.stats().hits;
        ensure!(matches!(cache.load(key, now()).await?, Loaded::Found(_)), "a new session is missing");
        if cache.stats().hits > before {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "nothing is served from memory: {:?}", cache.stats());
        sleep(STEP).await;
    }
}

/// What a read costs from a copy, and from a memory store.
async fn read_costs(cache: &NearCache) -> Result<(Duration, Duration)> {
    let (key, memory) = (StoreKey::generate()?, MemoryStore::new());
    begin(cache, &key).await?;
    begin(&memory, &key).await?;
    copy(cache, &key).await?;
    Ok((cost(cache, &key).await?, cost(&memory, &key).await?))
}

async fn cost(store: &dyn Store, key: &StoreKey) -> Result<Duration> {
    let (start, now) = (Instant::now(), now());
    for _ in 0..READS {
        ensure!(matches!(store.load(key, now).await?, Loaded::Found(_)), "the session is missing");
    }
    Ok(start.elapsed() / READS)
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
