//! The calls that are measured, and how long they took.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};
use cloakroom::Timestamp;
use cloakroom::record::{Patch, StoreKey, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, Store};
use tokio::task::JoinSet;

use crate::fill::{a_user, record};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Call {
    /// A request that reads.
    Load,
    /// A request that sets a key without reading.
    Set,
    /// `increment`.
    Add,
    /// A visitor's first write.
    Create,
    /// A log-in: a new id, a user, a later end.
    LogIn,
}

impl Call {
    pub(crate) const ALL: [Call; 5] = [Call::Load, Call::Set, Call::Add, Call::LogIn, Call::Create];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Call::Load => "read",
            Call::Set => "set",
            Call::Add => "increment",
            Call::Create => "new session",
            Call::LogIn => "log-in",
        }
    }
}

/// How long each call took, the quickest first, and all of them together.
pub(crate) struct Times {
    each: Vec<Duration>,
    all: Duration,
}

impl Times {
    pub(crate) const NONE: Times = Times { each: Vec::new(), all: Duration::ZERO };

    pub(crate) fn rate(&self) -> f64 {
        self.each.len() as f64 / self.all.as_secs_f64().max(1e-9)
    }

    /// How long the given part of the calls took at most.
    pub(crate) fn within(&self, part: f64) -> Duration {
        self.each.get((self.each.len() as f64 * part) as usize).copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/s, half within {:?}, 99 % within {:?}", self.rate(), self.within(0.5), self.within(0.99))
    }
}

/// What the calls have left behind.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) created: Vec<StoreKey>,
    /// The place of a key, and what it is now.
    pub(crate) rotated: Vec<(usize, StoreKey)>,
}

/// One call after the other by each of so many clients, while it goes on.
pub(crate) async fn run(
    store: &Arc<dyn Store>,
    keys: &Arc<Vec<StoreKey>>,
    clients: usize,
    call: Call,
    goes_on: impl Fn() -> bool + Clone + Send + 'static,
) -> Result<(Times, Made)> {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        tasks.spawn(one_client(store.clone(), keys.clone(), client, clients, call, goes_on.clone()));
    }
    let (mut each, mut made) = (Vec::new(), Made::default());
    while let Some(of_client) = tasks.join_next().await {
        let (times, its) = of_client??;
        each.extend(times);
        made.created.extend(its.created);
        made.rotated.extend(its.rotated);
    }
    each.sort_unstable();
    Ok((Times { each, all: begin.elapsed() }, made))
}

async fn one_client(
    store: Arc<dyn Store>,
    keys: Arc<Vec<StoreKey>>,
    client: usize,
    clients: usize,
    call: Call,
    goes_on: impl Fn() -> bool + Send + 'static,
) -> Result<(Vec<Duration>, Made)> {
    // Its own keys, so that two never rotate the same one, in steps of a large prime: none is near the one before.
    let own = keys.len() / clients;
    let (mut times, mut made, mut step) = (Vec::new(), Made::default(), 0_usize);
    let mut rotated = std::collections::HashMap::new();
    while goes_on() {
        step += 1;
        // Who never waits would let nobody else have a turn.
        if step.is_multiple_of(64) {
            tokio::task::yield_now().await;
        }
        let at = client * own + step.wrapping_mul(7_919) % own;
        let key = rotated.get(&at).unwrap_or(&keys[at]);
        let begin = Instant::now();
        match call {
            Call::Load => load(&*store, key).await?,
            Call::Set => set(&*store, key).await?,
            Call::Add => add(&*store, key).await?,
            Call::Create => made.created.push(create(&*store).await?),
            Call::LogIn => {
                let new = log_in(&*store, key).await?;
                rotated.insert(at, new);
            }
        }
        times.push(begin.elapsed());
    }
    made.rotated.extend(rotated);
    Ok((times, made))
}

async fn load(store: &dyn Store, key: &StoreKey) -> Result<()> {
    match store.load(key, now()).await? {
        Loaded::Found(_) => Ok(()),
        Loaded::Superseded | Loaded::Missing => bail!("a session was not found"),
    }
}

async fn set(store: &dyn Store, key: &StoreKey) -> Result<()> {
    let mut patch = Patch::default();
    patch.set("theme", Value::serialize("dark")?);
    applied(store.apply(key, &patch, &Guard::Exists, now()).await?)
}

async fn add(store: &dyn Store, key: &StoreKey) -> Result<()> {
    let mut patch = Patch::default();
    patch.add("visits", 1)?;
    applied(store.apply(key, &patch, &Guard::Exists, now()).await?)
}

fn applied(applied: Applied) -> Result<()> {
    match applied {
        Applied::Done(_) => Ok(()),
        Applied::Gone | Applied::Conflict | Applied::WrongType => bail!("a change was refused"),
    }
}

async fn create(store: &dyn Store) -> Result<StoreKey> {
    let key = StoreKey::generate()?;
    match store.create(&key, &record(now(), Duration::from_secs(3_600))?, now()).await? {
        Created::Done { .. } => Ok(key),
        Created::Taken => bail!("a new session was refused"),
    }
}

async fn log_in(store: &dyn Store, key: &StoreKey) -> Result<StoreKey> {
    let new = StoreKey::generate()?;
    let mut patch = Patch::default();
    patch.user = Some(a_user()?);
    match store.rotate(key, &new, &patch, &Guard::Exists, now()).await? {
        Rotated::Done { .. } => Ok(new),
        Rotated::Gone | Rotated::Conflict | Rotated::Taken | Rotated::WrongType => bail!("a log-in was refused"),
    }
}

pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}
