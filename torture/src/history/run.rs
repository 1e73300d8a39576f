//! Runs a plan against a store, through the real middleware.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::header::SET_COOKIE;
use cloakroom::cookie::KeyRing;
use cloakroom::store::Store as _;
use cloakroom::testing::Browser;
use cloakroom::{Clock, SessionLayer, Timestamp};
use tower::{Layer as _, Service as _, service_fn};

use super::executor::{self, Stuck, Task};
use super::jitter::{Jittered, Shaken};
use super::nodes::Nodes;
use super::plan::{ABSOLUTE, Client, IDLE, Plan, Request, Turn};
use super::record::{Call, Exchange, History, Loaded, Meter, Response, Ticket};
use super::rng::Rng;
use super::service::{Job, Log, Pace, handle};

const COOKIE: &str = "__Host-sid";

/// How long a write may take. Where time passes, the machine may be slow, and what takes too long proves nothing.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Runs a plan so that it decides everything: whose turn it is, and what time it is. The same plan gives the same
/// history. For stores that answer without waiting for anything outside of the process.
///
/// # Errors
///
/// If the application can't be set up.
pub fn in_turns(plan: &Plan, nodes: Nodes) -> Result<History> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let world = World::new(plan, nodes, Pace::Turns)?;
        let turns = Rng::new(plan.schedule ^ 1);
        let first = executor::run_seeded(vec![world.clone().open(plan.clone())], turns.clone()).await;
        let ended = match first {
            Ok(()) => executor::run_seeded(world.tasks(plan), turns).await,
            stuck => stuck,
        };
        world.calm_down();
        let audited = match ended {
            Ok(()) => executor::run_seeded(vec![world.clone().audit()], Rng::new(0)).await,
            stuck => stuck,
        };
        Ok(world.history(audited))
    })
}

/// Runs a plan in real time, on the runtime that is there. How it is interleaved is up to the machine.
///
/// # Errors
///
/// If the application can't be set up, or a client panics.
pub async fn in_time(plan: &Plan, nodes: Nodes) -> Result<History> {
    let world = World::new(plan, nodes, Pace::Time)?;
    world.clone().open(plan.clone()).await;
    let mut clients = tokio::task::JoinSet::new();
    for task in world.tasks(plan) {
        clients.spawn(task);
    }
    while let Some(ended) = clients.join_next().await {
        ended.context("a client panicked")?;
    }
    world.calm_down();
    world.clone().audit().await;
    Ok(world.history(Ok(())))
}

/// All that the clients of a history share.
struct World {
    /// One for each server.
    layers: Vec<SessionLayer>,
    stores: Vec<Shaken>,
    lag: Duration,
    meter: Meter,
    pace: Pace,
    jars: Vec<Mutex<Jar>>,
    /// Each ticket that any response has issued.
    tickets: Mutex<Vec<String>>,
    exchanges: Mutex<Vec<Exchange>>,
    events: Mutex<Vec<(super::record::Span, String)>>,
    seen: Arc<Mutex<BTreeMap<usize, String>>>,
}

#[derive(Default)]
struct Jar {
    browser: Browser,
    /// The tickets that it has had, the last one among them.
    had: Vec<String>,
}

impl World {
    fn new(plan: &Plan, nodes: Nodes, pace: Pace) -> Result<Arc<World>> {
        // Far enough ahead for a server that collects garbage by its own clock to take nothing that is needed yet.
        let hour = Duration::from_secs(60 * 60);
        let clock = Clock::manual(Timestamp::from(SystemTime::now()) + hour);
        let (keys, mut rng) = (KeyRing::generate()?, Rng::new(plan.schedule));
        let (mut layers, mut stores) = (Vec::new(), Vec::new());
        for store in nodes.stores {
            // The first has the seed itself: a seed is the same history, whatever stores there are beside.
            let own = if stores.is_empty() { Rng::new(plan.schedule) } else { rng.fork() };
            let store = Arc::new(Jittered::new(store, own, plan.failures));
            let layer = SessionLayer::builder(store.clone(), keys.clone())
                .idle_timeout(IDLE)
                .absolute_timeout(ABSOLUTE)
                .deadline(DEADLINE)
                .clock(clock.clone())
                .build()?;
            layers.push(layer);
            stores.push(store);
        }
        Ok(Arc::new(World {
            layers,
            stores,
            lag: nodes.lag,
            meter: Meter::new(clock),
            pace,
            jars: plan.jars.iter().map(|_| Mutex::default()).collect(),
            tickets: Mutex::default(),
            exchanges: Mutex::default(),
            events: Mutex::default(),
            seen: Arc::default(),
        }))
    }

    fn calm_down(&self) {
        self.stores.iter().for_each(|store| store.calm_down());
    }

    /// The first requests, one after the other.
    fn open(self: Arc<World>, plan: Plan) -> Task {
        Box::pin(async move {
            for (jar, request) in plan.jars.iter().enumerate() {
                if let Some(request) = request {
                    self.send(jar, jar, request).await;
                }
            }
        })
    }

    fn tasks(self: &Arc<World>, plan: &Plan) -> Vec<Task> {
        let clients = plan.clients.iter().cloned().enumerate();
        clients.map(|(number, client)| Box::pin(self.clone().live(number, client)) as Task).collect()
    }

    async fn live(self: Arc<World>, number: usize, client: Client) {
        for turn in client.turns {
            match turn {
                Turn::Request(request) => self.send(number, client.jar, &request).await,
                Turn::Advance(by) => {
                    let mut span = self.meter.begin();
                    self.meter.clock.advance(by);
                    self.meter.end(&mut span);
                    lock(&self.events).push((span, format!("the clock goes forward by {} s", by.as_secs())));
                }
                Turn::Sweep => {
                    let mut span = self.meter.begin();
                    let store = &self.stores[number % self.stores.len()];
                    let swept = store.sweep(100, self.meter.clock.now()).await;
                    self.meter.end(&mut span);
                    let told = swept.map_or_else(|error| error.to_string(), |count| format!("{count} are removed"));
                    lock(&self.events).push((span, format!("expired sessions are collected: {told}")));
                }
            }
        }
    }

    /// At the end, when nobody else does anything: what is there under each ticket that there ever was?
    fn audit(self: Arc<World>) -> Task {
        Box::pin(async move {
            // What is older than that is wrong.
            tokio::time::sleep(self.lag).await;
            let tickets = lock(&self.tickets).clone();
            // Twice, so that what comes late is told from what never comes; and on each server.
            for round in 0..self.layers.len().max(2) {
                for ticket in &tickets {
                    let mut browser = Browser::new();
                    browser.set_cookie(COOKIE, ticket);
                    self.exchange(None, round, usize::MAX, browser, &Request::default()).await;
                }
            }
        })
    }

    async fn send(&self, client: usize, jar: usize, request: &Request) {
        let browser = {
            let jar = lock(&self.jars[jar]);
            let mut browser = jar.browser.clone();
            let before = jar.had.len().checked_sub(2).and_then(|last| jar.had.get(last));
            if let Some(before) = before.filter(|_| request.outdated) {
                browser.set_cookie(COOKIE, before);
            }
            browser
        };
        self.exchange(Some(client), client, jar, browser, request).await;
    }

    async fn exchange(&self, client: Option<usize>, sender: usize, jar: usize, browser: Browser, request: &Request) {
        let node = sender % self.layers.len();
        let number = {
            let mut exchanges = lock(&self.exchanges);
            let ticket = browser.cookie(COOKIE).map(|ticket| self.ticket(ticket));
            exchanges.push(Exchange { client, node, ticket, steps: Vec::new(), commit: None, response: None });
            exchanges.len() - 1
        };
        let log = Log::default();
        let job = Job {
            number,
            actions: request.actions.clone(),
            meter: self.meter.clone(),
            pace: self.pace,
            jar,
            seen: self.seen.clone(),
            log: log.clone(),
        };
        let mut http = HttpRequest::new(Body::empty());
        if let Some(cookies) = browser.cookie_header("/") {
            http.headers_mut().insert(axum::http::header::COOKIE, cookies);
        }
        http.extensions_mut().insert(job);
        let mut service = self.layers[node].layer(service_fn(handle));
        let call = Box::pin(service.call(http));
        let answered = Patient { call, steps: request.hangs_up.unwrap_or(usize::MAX) }.await;

        let mut entries = log.lock().clone();
        let response = answered.map(|answered| {
            let Ok(answered) = answered;
            if let Some(commit) = &mut entries.commit {
                self.meter.end(&mut commit.span);
            }
            let ticket = self.receive(jar, answered.headers());
            Response { status: answered.status().as_u16(), ticket }
        });
        let exchange = &mut lock(&self.exchanges)[number];
        exchange.steps = entries.steps;
        exchange.commit = entries.commit;
        exchange.response = response;
    }

    /// What a response says of the ticket; the jar keeps it.
    fn receive(&self, jar: usize, headers: &axum::http::HeaderMap) -> Ticket {
        if !headers.contains_key(SET_COOKIE) {
            return Ticket::Stays;
        }
        let mut alone = Browser::new();
        alone.receive(headers);
        let issued = alone.cookie(COOKIE);
        if let Some(jar) = self.jars.get(jar) {
            let mut jar = lock(jar);
            jar.browser.receive(headers);
            jar.had.extend(issued.map(str::to_owned));
        }
        issued.map_or(Ticket::Removed, |ticket| Ticket::New(self.ticket(ticket)))
    }

    /// The number of a ticket, by the order in which they were first seen.
    fn ticket(&self, ticket: &str) -> usize {
        let mut tickets = lock(&self.tickets);
        let known = tickets.iter().position(|each| each == ticket);
        known.unwrap_or_else(|| {
            tickets.push(ticket.to_owned());
            tickets.len() - 1
        })
    }

    fn history(&self, ended: Result<(), Stuck>) -> History {
        let mut exchanges = lock(&self.exchanges).clone();
        // What may still go on has not gone on beyond the end of all.
        let over = self.meter.clock.now();
        for exchange in &mut exchanges {
            let steps = exchange.steps.iter_mut().map(|step| &mut step.span);
            steps
                .chain(exchange.commit.as_mut().map(|commit| &mut commit.span))
                .for_each(|span| span.to = span.to.min(over));
        }
        name_handles(&mut exchanges);
        History {
            exchanges,
            events: lock(&self.events).clone(),
            keeps_handles: self.stores.iter().all(|store| store.capabilities().rotates_in_place),
            stuck: ended.is_err(),
            lag: self.lag,
            moments: self.meter.moments(),
        }
    }
}

/// Handles are random. In their place come numbers, in the order in which they were first seen, so that a seed is told in
/// the same words each time.
fn name_handles(exchanges: &mut [Exchange]) {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut rename = |handle: &mut String| {
        let next = format!("s{}", names.len());
        *handle = names.entry(std::mem::take(handle)).or_insert(next).clone();
    };
    for step in exchanges.iter_mut().flat_map(|exchange| &mut exchange.steps) {
        match &mut step.call {
            Call::Load(Some(Loaded::Found(found))) => rename(&mut found.handle),
            Call::Revoke(revoke, _) => {
                rename(&mut revoke.own);
                revoke.handle.iter_mut().for_each(&mut rename);
            }
            Call::Load(_) | Call::Write(..) => {}
        }
    }
}

/// A client that hangs up after so many steps, and else waits for the answer.
struct Patient<F> {
    call: Pin<Box<F>>,
    steps: usize,
}

impl<F: Future> Future for Patient<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.steps == 0 {
            return Poll::Ready(None);
        }
        self.steps -= 1;
        self.call.as_mut().poll(cx).map(Some)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
