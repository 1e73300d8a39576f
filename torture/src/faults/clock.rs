//! A clock that jumps: two servers of one application, one of which is ahead of the other.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use cloakroom::store::Store;
use cloakroom::{Clock, Timestamp};
use cloakroom_mongodb::MongoStore;
use tokio::time::Instant;

use super::app::{App, layer};
use super::browser::{Answer, get, post};
use super::ledger::{Ledger, Outcome};
use super::replica_set::ReplicaSet;
use super::report::Report;

/// The default idle timeout.
const IDLE: Duration = Duration::from_secs(60 * 60);

/// A clock jumps forward, and back again.
///
/// Forward it ends sessions, and none is answered with an error. Backward it shortens no session that lives, and brings none
/// back that was destroyed, rotated away or swept.
pub(super) async fn jumps() -> Result<Report> {
    let set = ReplicaSet::start(1).await?;
    let began = Instant::now();
    let store = MongoStore::connect(&set.uri("jumps")).await?;
    let jumping = Jumping::new(store)?;
    jumping.backward_shortens_nothing().await?;
    jumping.forward_ends().await?;
    jumping.backward_revives_nothing().await?;
    let ledger = jumping.ledger;
    Ok(Report::of("MongoDB: clock jumps".to_owned(), &ledger, began, None).with(ledger.violations()))
}

/// One store, and the application before and after a jump of the clock.
struct Jumping {
    store: MongoStore,
    ledger: Ledger,
    behind: App,
    ahead: App,
    clock_ahead: Clock,
}

impl Jumping {
    fn new(store: MongoStore) -> Result<Jumping> {
        let start = Timestamp::from(SystemTime::now());
        let clock_ahead = Clock::manual(start);
        let app = |clock: Clock| -> Result<App> {
            Ok(App::Here(cloakroom_bench::router(layer(store.clone())?.insecure_http().clock(clock).build()?)))
        };
        let (behind, ahead) = (app(Clock::manual(start))?, app(clock_ahead.clone())?);
        Ok(Jumping { store, ledger: Ledger::default(), behind, ahead, clock_ahead })
    }

    /// A session that was touched by a clock ahead keeps its end when it is written by one behind.
    async fn backward_shortens_nothing(&self) -> Result<()> {
        let cookie = self.born(&self.behind).await?;
        self.clock_ahead.advance(IDLE / 2);
        self.note("a touch", &post(&self.ahead, "/incr", Some(&cookie)).await?);
        self.note("a write after the jump back", &post(&self.behind, "/incr", Some(&cookie)).await?);
        // Three quarters of the idle time after the touch: past the end that the clock behind knows of.
        self.clock_ahead.advance(IDLE * 3 / 4);
        self.expect("a session after the jump back", &get(&self.ahead, "/read", Some(&cookie)).await?, "2");
        Ok(())
    }

    /// A session that was not used for too long is empty, and what is written then begins another.
    async fn forward_ends(&self) -> Result<()> {
        let cookie = self.born(&self.ahead).await?;
        self.clock_ahead.advance(IDLE + Duration::from_secs(1));
        self.expect("a session after its end", &get(&self.ahead, "/dump", Some(&cookie)).await?, "{}");
        let answer = post(&self.ahead, "/set/new/yes", Some(&cookie)).await?;
        self.note("a write after the end", &answer);
        let new = answer.cookie.context("a session that had ended was written to")?;
        self.expect("a new session", &get(&self.ahead, "/dump", Some(&new)).await?, r#"{"new":"yes"}"#);
        Ok(())
    }

    /// What has left the store, or its id, does not come back with the time.
    async fn backward_revives_nothing(&self) -> Result<()> {
        let destroyed = self.born(&self.behind).await?;
        self.note("a log-out", &post(&self.behind, "/logout", Some(&destroyed)).await?);
        let rotated = self.born(&self.behind).await?;
        self.note("a log-in", &post(&self.behind, "/login/ada", Some(&rotated)).await?);
        let swept = self.born(&self.behind).await?;
        while self.store.sweep(100, self.clock_ahead.now()).await? > 0 {}
        for (what, cookie) in [("destroyed", destroyed), ("rotated away", rotated), ("swept", swept)] {
            for app in [&self.ahead, &self.behind] {
                let answer = get(app, "/dump", Some(&cookie)).await?;
                self.expect(&format!("a session that was {what}"), &answer, "{}");
            }
        }
        Ok(())
    }

    async fn born(&self, app: &App) -> Result<String> {
        let answer = post(app, "/set/secret/yes", None).await?;
        self.note("a new session", &answer);
        answer.cookie.context("a new session got no cookie")
    }

    fn note(&self, what: &str, answer: &Answer) {
        if self.ledger.note(what, answer) != Outcome::Acknowledged {
            self.ledger.violated(format!("{what} was answered {}", answer.shown()));
        }
    }

    fn expect(&self, what: &str, answer: &Answer, body: &str) {
        self.note(what, answer);
        if answer.body != body {
            self.ledger.violated(format!("{what} reads {:?}, not {body:?}", answer.body));
        }
    }
}
