//! The task that listens to the feed.

use std::error::Error;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Inner;
use crate::store::{Listener, News, StoreError, StoreErrorKind};

/// So many marks are sent in a bound.
const MARKS: u32 = 4;

/// Marks come back many times in this time. A connection on which none comes is dead, or half of it is.
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
    let (mut pause, mut is_away) = (RETRY.0, false);
    loop {
        let id = random();
        let heard = match inner.store.feed() {
            Some(feed) => timeout(inner.silence(), feed.listen(id)).await.unwrap_or_else(|_| Err(silent())),
            None => Err(StoreError::with_source(StoreErrorKind::Other, "the store has no feed any more")),
        };
        let error = match heard {
            Ok(listener) => {
                inner.shelves.listen_anew(true);
                let proved = || {
                    if std::mem::take(&mut is_away) {
                        tracing::info!("the store's feed is back");
                    }
                    pause = RETRY.0;
                };
                attend(&inner, id, listener, proved).await
            }
            Err(error) => error,
        };
        inner.shelves.listen_anew(false);
        // Once, and not at each attempt.
        if !std::mem::replace(&mut is_away, true) {
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

/// Listens until that fails; tells why. Each mark that comes back is told as well.
async fn attend(
    inner: &Arc<Inner>,
    id: u64,
    mut listener: Box<dyn Listener>,
    mut proved: impl FnMut() + Send,
) -> StoreError {
    let _marks = Task(tokio::spawn(send_marks(inner.clone(), id)));
    // News alone prove nothing: where two feeds are listened to as one, they may all be of the one that still works.
    let mut end = Instant::now() + inner.silence();
    loop {
        if Instant::now() >= end {
            return silent();
        }
        match timeout_at(end, listener.next()).await {
            Ok(Ok(News::Echo(mark))) => {
                inner.pulse.proved(mark);
                proved();
                end = Instant::now() + inner.silence();
            }
            Ok(Ok(news)) => inner.shelves.hear(&news),
            Ok(Err(error)) => return error,
            Err(_) => return silent(),
        }
    }
}

fn silent() -> StoreError {
    StoreError::with_source(StoreErrorKind::Timeout, "no mark comes back by the feed")
}

impl Inner {
    /// How long no mark may come back before the feed is listened to anew.
    fn silence(&self) -> Duration {
        SILENCE.max(self.pulse.bound() * MARKS)
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
