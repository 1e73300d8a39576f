//! Writes of one text that got into each other's way stand in a queue, and only then.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::record::StoreKey;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// So many queues for all sessions: two that share one wait for each other, and that is all.
const QUEUES: usize = 64;

/// The longest pause before another attempt, in milliseconds.
const LONGEST_PAUSE: u64 = 50;

/// The queues of one process. Between processes, what was read decides alone.
#[derive(Clone)]
pub(super) struct Turnstiles(Arc<[Arc<Mutex<()>>]>);

impl Default for Turnstiles {
    fn default() -> Turnstiles {
        Turnstiles((0..QUEUES).map(|_| Arc::default()).collect())
    }
}

impl Turnstiles {
    /// One write's place, which is not in the queue yet.
    pub(super) fn turn(&self, key: &StoreKey) -> Turn {
        let [first, second, ..] = *key.digest();
        let queue = self.0[usize::from(first) % self.0.len()].clone();
        Turn { queue, held: None, attempt: 0, dice: second.into() }
    }
}

pub(super) struct Turn {
    queue: Arc<Mutex<()>>,
    held: Option<OwnedMutexGuard<()>>,
    attempt: u64,
    dice: u64,
}

impl Turn {
    /// Waits before another attempt: first for those of this process, then for those of others.
    pub(super) async fn wait(&mut self) {
        if self.held.is_none() {
            self.held = Some(self.queue.clone().lock_owned().await);
            return;
        }
        self.attempt += 1;
        tokio::time::sleep(Duration::from_millis(self.pause())).await;
    }

    /// So that two who got into each other's way don't meet again: some milliseconds, that differ.
    fn pause(&mut self) -> u64 {
        let mut byte = [0];
        // Without random bytes, those of the key have to do.
        self.dice = getrandom::fill(&mut byte).map_or(self.dice.wrapping_mul(31) + 7, |()| byte[0].into());
        1 + self.dice % (4 << self.attempt.min(4)).min(LONGEST_PAUSE)
    }
}
