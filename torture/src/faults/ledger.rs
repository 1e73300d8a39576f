//! What was asked and what was answered, and the rules that hold between them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use cloakroom::SessionErrorKind;
use tokio::time::Instant;

use super::browser::Answer;

/// Within which every request has to be answered, at default settings.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);

/// Within which a request has to be answered that does not touch its session. It waits for nothing, so this is for a machine
/// that has other things to do.
pub const UNTOUCHED_WITHIN: Duration = Duration::from_millis(500);

/// More broken rules tell no more.
const MOST_VIOLATIONS: usize = 20;

/// The account of one run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    requests: AtomicU64,
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    contended: AtomicU64,
    slowest: AtomicU64,
    slowest_untouched: AtomicU64,
    /// When each good answer of a request ended that needed the store.
    good: Mutex<Vec<Instant>>,
    /// When each 503 ended that was not for contention.
    refused: Mutex<Vec<Instant>>,
    violations: Mutex<Vec<String>>,
}

impl Ledger {
    /// Notes the answer of a request that needs the store, and tells what it means.
    pub(super) fn note(&self, what: &str, answer: &Answer) -> Outcome {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.slowest.fetch_max(micros(answer.took()), Ordering::Relaxed);
        if answer.took() > ANSWER_WITHIN {
            self.violated(format!("{what} took {:?} and was answered {}", answer.took(), answer.shown()));
        }
        let outcome = match answer.status {
            Some(StatusCode::OK) => Outcome::Acknowledged,
            // Where the application itself is killed, nobody answers.
            None | Some(StatusCode::SERVICE_UNAVAILABLE) => Outcome::Unknown,
            Some(StatusCode::CONFLICT) => Outcome::Gone,
            Some(status) => {
                self.violated(format!("{what} was answered {status}"));
                Outcome::Unknown
            }
        };
        match outcome {
            Outcome::Acknowledged => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                lock(&self.good).push(answer.ended);
            }
            Outcome::Unknown => {
                self.unknown.fetch_add(1, Ordering::Relaxed);
                if answer.reason == Some(SessionErrorKind::Contention) {
                    self.contended.fetch_add(1, Ordering::Relaxed);
                } else {
                    lock(&self.refused).push(answer.ended);
                }
            }
            Outcome::Gone => {}
        }
        if outcome != Outcome::Acknowledged && answer.cookie.is_some() {
            self.violated(format!("{what} was answered {} with a Set-Cookie", answer.shown()));
        }
        outcome
    }

    /// Notes the answer of a request that does not touch its session.
    pub(super) fn note_untouched(&self, answer: &Answer) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        // Where the application itself is killed, nobody answers.
        if answer.status.is_none() {
            return;
        }
        self.slowest_untouched.fetch_max(micros(answer.took()), Ordering::Relaxed);
        if !answer.is_ok() || answer.took() > UNTOUCHED_WITHIN {
            self.violated(format!("a request without a session took {:?}: {}", answer.took(), answer.shown()));
        }
    }

    /// A rule was broken.
    pub(super) fn violated(&self, how: String) {
        let mut violations = lock(&self.violations);
        if violations.len() < MOST_VIOLATIONS {
            violations.push(how);
        }
    }

    /// What was acknowledged is not what is stored: told however much else is.
    pub(super) fn lost(&self, what: String) {
        lock(&self.violations).push(what);
    }

    pub(super) fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(super) fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// How many of the unknown ones the store is not to blame for: other clients of the session were always faster.
    pub(super) fn contended(&self) -> u64 {
        self.contended.load(Ordering::Relaxed)
    }

    pub(super) fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest.load(Ordering::Relaxed))
    }

    pub(super) fn slowest_untouched(&self) -> Duration {
        Duration::from_micros(self.slowest_untouched.load(Ordering::Relaxed))
    }

    /// When the first good answer came after an instant.
    pub(super) fn first_good_after(&self, instant: Instant) -> Option<Instant> {
        lock(&self.good).iter().copied().filter(|ended| *ended >= instant).min()
    }

    /// When the last 503 came after an instant, those for contention apart.
    pub(super) fn last_refused_after(&self, instant: Instant) -> Option<Instant> {
        lock(&self.refused).iter().copied().filter(|ended| *ended >= instant).max()
    }
}

/// What an answer tells the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 200: it is stored.
    Acknowledged,
    /// 503, or no answer: nobody knows.
    Unknown,
    /// 409: the session is gone.
    Gone,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A ledger is worth reading even after the task that wrote it has panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
