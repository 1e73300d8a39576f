//! What was seen of a history, from the outside: each call of the library with its beginning, its end and its answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloakroom::{Clock, Timestamp};
use tokio::time::Instant;

/// All that was seen.
#[derive(Debug, Default)]
pub struct History {
    /// The requests, in the order in which they were sent.
    pub exchanges: Vec<Exchange>,
    /// When expired sessions were collected, and when the clock went forward: for who reads the history.
    pub events: Vec<(Span, String)>,
    /// A session's handle stays when its id is rotated.
    pub keeps_handles: bool,
    /// Some requests never ended.
    pub stuck: bool,
    /// How much older a load may be than what other servers have done.
    pub lag: Duration,
    /// When each beginning and each end was, since the start.
    pub moments: Vec<Duration>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Who sent it; none sent what the audit at the end sends.
    pub client: Option<usize>,
    /// The server that it was sent to.
    pub node: usize,
    /// The ticket that it carried, by the order in which tickets were first seen.
    pub ticket: Option<usize>,
    /// What the handler did.
    pub steps: Vec<Step>,
    /// The commit, if the handler came to its end.
    pub commit: Option<Commit>,
    /// What the client was answered; nothing if it hung up.
    pub response: Option<Response>,
}

/// When something was: between two of the numbers that each beginning and each end takes, and what the clock told then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The number of its beginning.
    pub start: u64,
    /// The number of its end; the largest there is if it may still go on.
    pub end: u64,
    /// The time at its beginning.
    pub from: Timestamp,
    /// The time at its end.
    pub to: Timestamp,
}

/// One call of a handler that asks the store.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub span: Span,
    /// What.
    pub call: Call,
}

/// A call, and what it led to.
#[derive(Clone, Debug)]
pub enum Call {
    /// The session was loaded; none if that failed.
    Load(Option<Loaded>),
    /// What was pending was written, and more with it.
    Write(Write, Answer),
    /// A session was ended from another one.
    Revoke(Revoke, Answer),
}

/// What a load gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Loaded {
    /// A session.
    Found(Snapshot),
    /// None.
    Empty,
}

/// A session as a handler found it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Its data.
    pub data: BTreeMap<String, Datum>,
    /// Its user.
    pub user: Option<String>,
    /// Its public name.
    pub handle: String,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Datum {
    /// Of a number.
    Number(i64),
    /// Of a text, or of a list, whose parts are separated by spaces.
    Text(String),
}

/// The last step of the handler is over, and what was pending is written.
#[derive(Clone, Debug)]
pub struct Commit {
    /// From the end of the handler to the response.
    pub span: Span,
    /// What was pending.
    pub write: Write,
    /// The handler's answer was an error of the session.
    pub handler_failed: bool,
}

/// What is written in one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Write {
    /// First, the session that was loaded is ended.
    pub ends: bool,
    /// There is a session to write to; else one is made, where there is anything to keep.
    pub lives: bool,
    /// It gets a new id.
    pub rotates: bool,
    /// A user who logs in: the session's ends begin anew.
    pub user: Option<String>,
    /// The changes of keys, in their order.
    pub changes: Vec<Change>,
}

/// A change of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Sets it.
    Set(String, String),
    /// Removes it.
    Unset(String),
    /// Adds to it. Where the new number is told, it is the answer.
    Add(String, i64),
    /// Adds to a list. The whole list is the answer.
    Append(String, String),
    /// Removes all.
    Clear,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is done, and if its last change asked for the new value, that is known.
    Done(Option<Datum>),
    /// It is refused, for the session is gone.
    Refused,
    /// It may be done or not.
    Unknown,
    /// An error that nothing can explain.
    Unexpected(String),
}

/// A session was ended from another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Revoke {
    /// The user whose it is.
    pub user: String,
    /// Its public name; all others if there is none.
    pub handle: Option<String>,
    /// The public name of the session that asks.
    pub own: String,
}

/// What a client was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// What it said of the ticket.
    pub ticket: Ticket,
}

/// What a response says of the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// Nothing.
    Stays,
    /// There is a new one.
    New(usize),
    /// There is none any more.
    Removed,
}

impl Write {
    /// Whether a session is made for it, where there is none.
    pub fn keeps_something(&self) -> bool {
        let mut kept = std::collections::BTreeSet::new();
        for change in &self.changes {
            match change {
                Change::Set(key, _) | Change::Add(key, _) | Change::Append(key, _) => drop(kept.insert(key)),
                Change::Unset(key) => drop(kept.remove(key)),
                Change::Clear => kept.clear(),
            }
        }
        self.user.is_some() || !kept.is_empty()
    }

    /// Whether it changes more than the times of a touch.
    pub fn is_more_than_a_touch(&self) -> bool {
        self.rotates || self.user.is_some() || !self.changes.is_empty()
    }
}

/// Counts beginnings and ends, and looks at the clock.
#[derive(Clone, Debug)]
pub struct Meter {
    start: Instant,
    moments: Arc<Mutex<Vec<Duration>>>,
    /// The clock of the layer.
    pub clock: Clock,
}

impl Meter {
    /// A meter with the layer's clock.
    pub fn new(clock: Clock) -> Meter {
        Meter { start: Instant::now(), moments: Arc::default(), clock }
    }

    /// Something begins. Until it ends, it may go on for ever.
    pub fn begin(&self) -> Span {
        let from = self.clock.now();
        let start = self.count();
        Span { start, end: u64::MAX, from, to: Timestamp::from_millis(i64::MAX) }
    }

    /// It ends.
    pub fn end(&self, span: &mut Span) {
        span.end = self.count();
        span.to = self.clock.now();
    }

    /// When each beginning and each end was.
    pub fn moments(&self) -> Vec<Duration> {
        self.lock().clone()
    }

    fn count(&self) -> u64 {
        let mut moments = self.lock();
        moments.push(self.start.elapsed());
        moments.len() as u64 - 1
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Duration>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
