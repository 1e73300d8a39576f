//! Clients that keep sending while something fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::app::App;
use super::browser::get;
use super::lasting::{Client, Dead, Lasting};
use super::ledger::Ledger;
use super::report::Report;
use super::server::LOOK_AGAIN;

/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(4);

/// For so many acknowledged requests as a run waits for, at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much is sent in a run.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The sessions that live through the run.
    pub sessions: usize,
    /// The clients of each of them.
    pub clients: usize,
    /// Acknowledged requests before the fault, and after it.
    pub requests: u64,
    /// How long a fault lasts, where that is a matter of choice.
    pub fault: Duration,
}

impl Scale {
    /// For a test.
    pub const SHORT: Scale = Scale { sessions: 3, clients: 2, requests: 150, fault: Duration::from_millis(3_000) };
    /// For a long run.
    pub const LONG: Scale = Scale { sessions: 8, clients: 3, requests: 1_500, fault: Duration::from_millis(8_000) };
}

/// Clients at work.
#[derive(Debug)]
pub(super) struct Load {
    url: String,
    scale: Scale,
    ledger: Arc<Ledger>,
    lasting: Vec<Arc<Lasting>>,
    dead: Arc<Dead>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<()>>>,
}

impl Load {
    /// Starts them against the application over the store of a URL, or at one of `http://`; waits until much is acknowledged.
    pub(super) async fn start(url: String, scale: Scale) -> Result<Load> {
        let app = App::at(&url).await?;
        let mut load = Load {
            url,
            scale,
            ledger: Arc::default(),
            lasting: Vec::new(),
            dead: Arc::default(),
            stop: Arc::default(),
            clients: Vec::new(),
        };
        for name in 0..scale.sessions {
            let session = Arc::new(Lasting::create(&app, name).await?);
            load.lasting.push(session.clone());
            for number in 0..scale.clients {
                let worker = load.worker(&app);
                load.clients.push(tokio::spawn(worker.use_session(session.clone(), Client::new(number))));
            }
        }
        let worker = load.worker(&app);
        load.clients.push(tokio::spawn(worker.end_sessions(load.dead.clone())));
        let worker = load.worker(&app);
        load.clients.push(tokio::spawn(worker.touch_nothing()));
        load.acknowledge(scale.requests).await?;
        Ok(load)
    }

    fn worker(&self, app: &App) -> Worker {
        Worker { app: app.clone(), ledger: self.ledger.clone(), stop: self.stop.clone() }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was acknowledged in a time before an instant may be lost: the server promises no more. To be told while it is away.
    pub(super) fn forgive(&self, fell: Instant, time: Duration) {
        if time.is_zero() {
            return;
        }
        let since = fell - time;
        self.lasting.iter().for_each(|session| session.forgive(since));
        self.dead.forgive(since);
    }

    /// Waits until so many more requests are acknowledged.
    pub(super) async fn acknowledge(&self, requests: u64) -> Result<()> {
        let enough = self.ledger.acknowledged() + requests;
        let deadline = Instant::now() + PATIENCE;
        while self.ledger.acknowledged() < enough {
            if Instant::now() > deadline {
                let (acknowledged, unknown) = (self.ledger.acknowledged(), self.ledger.unknown());
                bail!("the store does not come back: {acknowledged} acknowledged, {unknown} times 503");
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Goes on for a while after the fault, stops, and compares what is stored with what was acknowledged.
    ///
    /// `fell`: when the fault began. `back`: when the server accepted writes again; none if it never ceased to.
    pub(super) async fn finish(mut self, fault: String, fell: Instant, back: Option<Instant>) -> Result<Report> {
        self.acknowledge(self.scale.requests).await?;
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.await.context("a client panicked")??;
        }
        // The account of the run ends here; looking at what is left of it comes on top.
        let mut report = Report::of(fault, &self.ledger, fell, back);
        let app = App::at(&self.url).await?;
        for session in &self.lasting {
            report.lost += session.verify(&app, &self.ledger).await?;
        }
        self.dead.verify(&app, &self.ledger).await?;
        Ok(report.with(self.ledger.violations()))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.clients.iter().for_each(JoinHandle::abort);
    }
}

/// What each client has.
struct Worker {
    app: App,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    async fn use_session(self, session: Arc<Lasting>, mut client: Client) -> Result<()> {
        while self.goes_on().await {
            session.step(&self.app, &mut client, &self.ledger).await?;
        }
        Ok(())
    }

    async fn end_sessions(self, dead: Arc<Dead>) -> Result<()> {
        while self.goes_on().await {
            dead.step(&self.app, &self.ledger).await?;
        }
        Ok(())
    }

    async fn touch_nothing(self) -> Result<()> {
        while self.goes_on().await {
            self.ledger.note_untouched(&get(&self.app, "/", None).await?);
        }
        Ok(())
    }

    async fn goes_on(&self) -> bool {
        sleep(PAUSE).await;
        !self.stop.load(Ordering::Relaxed)
    }
}
