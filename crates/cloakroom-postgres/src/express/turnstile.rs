//! Writes of one text wait for each other: all but one would be in vain.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::record::StoreKey;
use tokio::sync::{Mutex, MutexGuard};

/// So many queues for all sessions: that two sessions share one is rare, and does no harm but that they wait for each other.
const QUEUES: usize = 1_024;

/// The longest pause before another attempt, in milliseconds.
const LONGEST_PAUSE: u64 = 50;

/// The queues of one process. Between processes, what was read decides alone.
#[derive(Clone)]
pub(super) struct Turnstiles(Arc<[Mutex<()>]>);

impl Default for Turnstiles {
    fn default() -> Turnstiles {
        Turnstiles((0..QUEUES).map(|_| Mutex::default()).collect())
    }
}

impl Turnstiles {
    /// Waits until no other write of this process is at this session.
    pub(super) async fn pass(&self, key: &StoreKey) -> MutexGuard<'_, ()> {
        let [first, second, ..] = *key.digest();
        let number = usize::from(u16::from_be_bytes([first, second]));
        self.0[number % self.0.len()].lock().await
    }
}

/// Waits for writes of others, and so that two who got into each other's way don't meet again: some milliseconds, that differ.
pub(super) async fn pause(key: &StoreKey, attempt: u32) {
    let mut byte = [0];
    // Without random bytes, one of the key's has to do.
    let dice = getrandom::fill(&mut byte).map_or(key.digest()[0], |()| byte[0]);
    let millis = 1 + u64::from(dice) % (4_u64 << attempt.min(4)).min(LONGEST_PAUSE);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
