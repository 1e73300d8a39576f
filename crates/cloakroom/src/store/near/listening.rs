//! The task that listens to the feed.

use std::error::Error;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Inner;
use crate::store::{Listener, News, StoreError, StoreErrorKind};

/// So many marks are sent in a bound.
const MARKS: u32 = 4;

/// Marks come back many times in this time. A connection on which nothing comes is dead.
const SILENCE: Duration = Duration::from_secs(5);

/// How long after a failure it is tried again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Runs the task, and ends it when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Listening(Mutex<Option<JoinHandle<()>>>);

impl Listening {
    /// Sees to it that somebody listens. A task ends with the runtime that it was begun on.
    pub(super) fn ensure(&self, is_live: bool, inner: &Arc<Inner>) {
        if is_live {
            return;
        }
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            *task = Some(runtime.spawn(run(inner.clone())));
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let task = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(task.take().map(Task));
    }
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(inner: Arc<Inner>) {
    let mut pause = RETRY.0;
    loop {
        let id = random();
        let heard = match inner.store.feed() {
            Some(feed) => feed.listen(id).await,
            None => Err(StoreError::with_source(StoreErrorKind::Other, "the store has no feed any more")),
        };
        let error = match heard {
            Ok(listener) => {
                inner.shelves.listen_anew(true);
                let error = attend(&inner, id, listener).await;
                if inner.pulse.is_live() {
                    pause = RETRY.0;
                }
                error
            }
            Err(error) => error,
        };
        inner.shelves.listen_anew(false);
        if pause == RETRY.0 {
            tracing::warn!(
                error = &error as &dyn Error,
                source = error.source(),
                "the store's feed is away: sessions are read from the store"
            );
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

/// Listens until that fails; tells why.
async fn attend(inner: &Arc<Inner>, id: u64, mut listener: Box<dyn Listener>) -> StoreError {
    let _marks = Task(tokio::spawn(send_marks(inner.clone(), id)));
    let silence = SILENCE.max(inner.pulse.bound() * MARKS);
    loop {
        match timeout(silence, listener.next()).await {
            Ok(Ok(News::Echo(mark))) => inner.pulse.proved(mark),
            Ok(Ok(news)) => inner.shelves.hear(&news),
            Ok(Err(error)) => return error,
            Err(_) => return StoreError::with_source(StoreErrorKind::Timeout, "nothing is heard of the feed"),
        }
    }
}

async fn send_marks(inner: Arc<Inner>, id: u64) {
    let mut fails = false;
    loop {
        if let Some(feed) = inner.store.feed() {
            match feed.echo(id, inner.pulse.mark()).await {
                Ok(()) => fails = false,
                Err(error) if !fails => {
                    fails = true;
                    tracing::warn!(
                        error = &error as &dyn Error,
                        source = error.source(),
                        "the store's feed can't be tried: sessions are read from the store"
                    );
                }
                Err(_) => {}
            }
        }
        // Whether somebody is in a hurry or the time is over.
        drop(timeout(inner.pulse.bound() / MARKS, inner.hurry.notified()).await);
    }
}

/// That no other listener has it is all that is asked.
fn random() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
