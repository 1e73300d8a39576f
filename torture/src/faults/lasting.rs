//! A session that lives through a run: what its clients wrote, and what must be found of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::app::App;
use super::browser::{self, Answer, get, post};
use super::ledger::{Ledger, Outcome, lock};
use super::server::LOOK_AGAIN;

/// For the store to make what it needs in a new database, on a machine that has other things to do.
const SETTING_UP: Duration = Duration::from_secs(30);

/// One session, used by several clients at once.
#[derive(Debug)]
pub(super) struct Lasting {
    name: usize,
    cookie: String,
    /// Increments that were sent, that were acknowledged, and whose outcome nobody knows.
    begun: AtomicI64,
    acknowledged: AtomicI64,
    unknown: AtomicI64,
    /// When each of the acknowledged ones was, and how many of them may be lost all the same.
    answered: Mutex<Vec<Instant>>,
    forgiven: AtomicI64,
    keys: Mutex<BTreeMap<String, Written>>,
}

/// What one client wrote to a key that is its own.
#[derive(Clone, Debug, Default)]
struct Written {
    acknowledged: Option<u64>,
    /// A write after that whose outcome is unknown. It may still happen, so the key is not written again.
    unknown: Option<u64>,
    /// When the last one was acknowledged, and whether that may be lost all the same.
    answered: Option<Instant>,
    is_forgiven: bool,
}

/// One client of a session: it sends one request after the other.
#[derive(Debug)]
pub(super) struct Client {
    number: usize,
    step: u64,
    generation: u64,
}

impl Lasting {
    /// Creates it; the database has to be there. The first one waits for the store's tables and indexes.
    pub(super) async fn create(app: &App, name: usize) -> Result<Lasting> {
        let deadline = Instant::now() + SETTING_UP;
        let answer = loop {
            let answer = post(app, &format!("/set/name/{name}"), None).await?;
            if answer.is_ok() {
                break answer;
            }
            if Instant::now() > deadline {
                bail!("a session could not be created before the run: {}", answer.shown());
            }
            sleep(LOOK_AGAIN).await;
        };
        let cookie = answer.cookie.context("a new session got no cookie")?;
        Ok(Lasting {
            name,
            cookie,
            begun: AtomicI64::new(0),
            acknowledged: AtomicI64::new(0),
            unknown: AtomicI64::new(0),
            answered: Mutex::default(),
            forgiven: AtomicI64::new(0),
            keys: Mutex::default(),
        })
    }

    /// Sends the client's next request, and notes what comes of it.
    pub(super) async fn step(&self, app: &App, client: &mut Client, ledger: &Ledger) -> Result<()> {
        client.step += 1;
        match client.step % 6 {
            0 | 1 => self.count(app, "/incr", ledger).await,
            2 => self.count(app, "/ext/slow-incr", ledger).await,
            3 => self.count(app, "/update", ledger).await,
            4 => self.read(app, ledger).await,
            _ => self.set(app, client, ledger).await,
        }
    }

    async fn count(&self, app: &App, path: &str, ledger: &Ledger) -> Result<()> {
        let before = self.kept();
        self.begun.fetch_add(1, Ordering::SeqCst);
        let answer = post(app, path, Some(&self.cookie)).await?;
        match self.note(path, &answer, ledger) {
            Outcome::Acknowledged => {
                lock(&self.answered).push(answer.ended);
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
                // What `add` tells before the commit is a guess; the others tell the true number.
                if path != "/ext/slow-incr" {
                    self.check_number(path, &answer, before + 1, ledger);
                }
            }
            Outcome::Unknown | Outcome::Gone => drop(self.unknown.fetch_add(1, Ordering::SeqCst)),
        }
        Ok(())
    }

    async fn read(&self, app: &App, ledger: &Ledger) -> Result<()> {
        let before = self.kept();
        let answer = get(app, "/read", Some(&self.cookie)).await?;
        if self.note("/read", &answer, ledger) == Outcome::Acknowledged {
            self.check_number("/read", &answer, before, ledger);
        }
        Ok(())
    }

    async fn set(&self, app: &App, client: &mut Client, ledger: &Ledger) -> Result<()> {
        let key = format!("c{}g{}", client.number, client.generation);
        let value = client.step;
        let answer = post(app, &format!("/set/{key}/{value}"), Some(&self.cookie)).await?;
        let outcome = self.note("/set", &answer, ledger);
        let mut keys = lock(&self.keys);
        let written = keys.entry(key).or_default();
        match outcome {
            Outcome::Acknowledged => {
                (written.acknowledged, written.answered) = (Some(value), Some(answer.ended));
                written.is_forgiven = false;
            }
            Outcome::Unknown | Outcome::Gone => {
                written.unknown = Some(value);
                client.generation += 1;
            }
        }
        Ok(())
    }

    /// A session that nobody ends is never gone, and never replaced.
    fn note(&self, what: &str, answer: &Answer, ledger: &Ledger) -> Outcome {
        let outcome = ledger.note(what, answer);
        if outcome == Outcome::Gone {
            ledger.violated(format!("{what}: session {}, which nobody ended, is gone", self.name));
        }
        if outcome == Outcome::Acknowledged && answer.cookie.is_some() {
            ledger.violated(format!("{what}: session {} was replaced by another", self.name));
        }
        outcome
    }

    fn check_number(&self, what: &str, answer: &Answer, at_least: i64, ledger: &Ledger) {
        let at_most = self.begun.load(Ordering::SeqCst);
        match answer.body.parse::<i64>() {
            Ok(number) if (at_least..=at_most).contains(&number) => {}
            _ => ledger.violated(format!(
                "{what}: session {} counts {:?}, which is not from {at_least} to {at_most}",
                self.name, answer.body
            )),
        }
    }

    /// What was acknowledged from an instant on may be lost: the server promises no more.
    pub(super) fn forgive(&self, since: Instant) {
        let late = lock(&self.answered).iter().filter(|answered| **answered >= since).count();
        self.forgiven.store(i64::try_from(late).unwrap_or(i64::MAX), Ordering::SeqCst);
        for written in lock(&self.keys).values_mut() {
            written.is_forgiven = written.answered.is_some_and(|answered| answered >= since);
        }
    }

    /// How many increments have to be there.
    fn kept(&self) -> i64 {
        self.acknowledged.load(Ordering::SeqCst) - self.forgiven.load(Ordering::SeqCst)
    }

    /// Compares what is stored with what was acknowledged; tells how many increments are lost.
    pub(super) async fn verify(&self, app: &App, ledger: &Ledger) -> Result<u64> {
        let answer = get(app, "/dump", Some(&self.cookie)).await?;
        if !answer.is_ok() {
            bail!("session {} can't be read after the run: {}", self.name, answer.shown());
        }
        let stored: BTreeMap<String, Value> = serde_json::from_str(&answer.body).context("no JSON object")?;
        let number = |key: &str| stored.get(key).and_then(Value::as_i64);
        let (acknowledged, unknown) = (self.acknowledged.load(Ordering::SeqCst), self.unknown.load(Ordering::SeqCst));
        let n = number("n").unwrap_or(0);
        if !(self.kept()..=acknowledged + unknown).contains(&n) {
            ledger.lost(format!(
                "session {}: {acknowledged} increments were acknowledged, {unknown} are unknown, {n} are stored",
                self.name
            ));
        }
        for (key, written) in lock(&self.keys).iter() {
            let found = stored.get(key).and_then(Value::as_str).and_then(|text| text.parse::<u64>().ok());
            let is_fine = found == written.acknowledged || (found.is_some() && found == written.unknown);
            if !is_fine && !written.is_forgiven {
                ledger.lost(format!("session {}: {key} is {found:?}, and was written {written:?}", self.name));
            }
        }
        Ok(u64::try_from(acknowledged - n).unwrap_or(0))
    }
}

impl Client {
    pub(super) fn new(number: usize) -> Client {
        Client { number, step: number as u64, generation: 0 }
    }
}

/// Sessions that were ended: none of their tickets may ever lead to data again.
#[derive(Debug, Default)]
pub(super) struct Dead(Mutex<Vec<(String, Instant)>>);

impl Dead {
    /// Lets one session be born, log in and log out, and looks at one that has ended before.
    pub(super) async fn step(&self, app: &App, ledger: &Ledger) -> Result<()> {
        let ended = lock(&self.0).last().cloned();
        if let Some((ticket, _)) = ended {
            self.look(app, &ticket, ledger).await?;
        }
        let mut tickets = Vec::new();
        for path in ["/set/secret/yes", "/login/ada", "/logout"] {
            let answer = browser::post(app, path, tickets.last().map(String::as_str)).await?;
            // After an unknown outcome the ticket may be dead or not, so the next request may find the session gone.
            if ledger.note(path, &answer) != Outcome::Acknowledged {
                return Ok(());
            }
            match answer.cookie {
                Some(cookie) => tickets.push(cookie),
                None => ledger.violated(format!("{path} set no cookie")),
            }
        }
        // The last one takes the cookie away.
        tickets.pop();
        let now = Instant::now();
        lock(&self.0).extend(tickets.into_iter().map(|ticket| (ticket, now)));
        Ok(())
    }

    /// Those that were ended from an instant on may be back: the server promises no more.
    pub(super) fn forgive(&self, since: Instant) {
        lock(&self.0).retain(|(_, ended)| *ended < since);
    }

    async fn look(&self, app: &App, ticket: &str, ledger: &Ledger) -> Result<()> {
        let answer = get(app, "/dump", Some(ticket)).await?;
        if ledger.note("/dump", &answer) == Outcome::Acknowledged && answer.body != "{}" {
            ledger.violated(format!("a session that was ended is back: {}", answer.body));
        }
        Ok(())
    }

    /// Looks at all of them.
    pub(super) async fn verify(&self, app: &App, ledger: &Ledger) -> Result<()> {
        let tickets = lock(&self.0).clone();
        for (ticket, _) in tickets {
            self.look(app, &ticket, ledger).await?;
        }
        Ok(())
    }
}
