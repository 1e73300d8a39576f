//! Where those wait for each other who update the same session at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::record::StoreKey;

/// The queues of a layer's sessions: one for each whose updates have got into each other's way, for as long as they do.
///
/// Without it each would try again until nobody else was quicker, and of many the unluckiest would not get its turn before its
/// deadline. Servers do not know of each other's queues, so what is left is what they do to each other.
#[derive(Debug, Default)]
pub(crate) struct Queues(Mutex<HashMap<StoreKey, Arc<tokio::sync::Mutex<()>>>>);

/// A place at the head of a queue.
pub(super) struct Turn<'a> {
    queues: &'a Queues,
    key: StoreKey,
    queue: Arc<tokio::sync::Mutex<()>>,
    head: Option<OwnedMutexGuard<()>>,
}

impl Queues {
    /// The session's queue to wait in, if there is one.
    pub(super) fn join(&self, key: &StoreKey) -> Option<impl Future<Output = Turn<'_>>> {
        let queue = self.all().get(key).cloned()?;
        Some(self.wait(key, queue))
    }

    /// Waits in the session's queue, which begins if there was none.
    pub(super) async fn enter(&self, key: &StoreKey) -> Turn<'_> {
        let queue = self.all().entry(key.clone()).or_default().clone();
        self.wait(key, queue).await
    }

    async fn wait(&self, key: &StoreKey, queue: Arc<tokio::sync::Mutex<()>>) -> Turn<'_> {
        // Made before the wait, so that who gives up waiting leaves the queue as well.
        let mut turn = Turn { queues: self, key: key.clone(), queue: queue.clone(), head: None };
        turn.head = Some(queue.lock_owned().await);
        turn
    }

    fn all(&self) -> MutexGuard<'_, HashMap<StoreKey, Arc<tokio::sync::Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.head = None;
        let mut all = self.queues.all();
        // Nobody else joins while the lock is held: what is left are the queue's own place and this one.
        if Arc::strong_count(&self.queue) == 2 {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_queue_is_there_for_as_long_as_somebody_is_in_it() {
        let (queues, key) = (Queues::default(), StoreKey::generate().unwrap());
        assert!(queues.join(&key).is_none());
        let first = queues.enter(&key).await;
        let mut second = Box::pin(queues.join(&key).unwrap());
        let third = Box::pin(queues.enter(&key));
        assert!(futures_now(&mut second).is_none(), "the first has its turn");
        drop(third);
        drop(first);
        let second = second.await;
        assert_eq!(queues.all().len(), 1);
        drop(second);
        assert!(queues.all().is_empty());
    }

    fn futures_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
