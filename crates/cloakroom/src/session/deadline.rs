//! Bounded waiting. Without the feature `tokio` there is no timer, and the store's own deadline is the only one.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

/// The deadline has passed.
#[derive(Debug)]
pub(crate) struct Elapsed;

/// How long a request may still wait for its store. What the handler does meanwhile does not count.
#[derive(Debug)]
pub(crate) struct Patience {
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "there is no timer"))]
    all: Duration,
    /// In microseconds; [`EACH`] once it is each wait for itself that counts.
    used: AtomicU64,
}

/// There is no response any more that waits for what comes.
const EACH: u64 = u64::MAX;

impl Patience {
    pub(crate) fn new(all: Duration) -> Patience {
        Patience { all, used: AtomicU64::new(0) }
    }

    /// The response has left: from now on each wait has all of the time.
    pub(crate) fn begin_anew_each_time(&self) {
        self.used.store(EACH, Ordering::Relaxed);
    }

    /// Waits for a future, but not for longer than is left. The future stays where it is: those of writes are large.
    pub(crate) async fn wait_for<F: Future>(&self, mut future: Pin<&mut F>) -> Result<F::Output, Elapsed> {
        // A store that answers at once costs no timer, nor the room for one.
        let first = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        match first {
            Poll::Ready(answer) => Ok(answer),
            Poll::Pending => Box::pin(self.wait(future)).await,
        }
    }

    #[cfg(feature = "tokio")]
    async fn wait<F: Future>(&self, future: Pin<&mut F>) -> Result<F::Output, Elapsed> {
        let start = tokio::time::Instant::now();
        let used = self.used.load(Ordering::Relaxed);
        let left = if used == EACH { self.all } else { self.all.saturating_sub(Duration::from_micros(used)) };
        let answer = tokio::time::timeout(left, future).await.map_err(|_| Elapsed);
        let waited = u64::try_from(start.elapsed().as_micros()).unwrap_or(EACH);
        let add = |used: u64| (used != EACH).then(|| used.saturating_add(waited).min(EACH - 1));
        // Nothing is added where nothing is counted any more.
        let _counted = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        answer
    }

    #[cfg(not(feature = "tokio"))]
    async fn wait<F: Future>(&self, future: Pin<&mut F>) -> Result<F::Output, Elapsed> {
        Ok(future.await)
    }
}

/// Steps aside for a random moment, so that those who collided do not collide again. Shorter with each attempt, so that
/// nobody who has tried for long is overtaken by newcomers again and again.
pub(super) async fn back_off(attempt: u32) {
    use std::hash::{BuildHasher, Hasher};

    let longest = 16_u64 >> attempt.min(4);
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let moment = Duration::from_micros(random % (longest * 1_000));
    pause(moment).await;
}

#[cfg(feature = "tokio")]
pub(super) async fn pause(moment: Duration) {
    tokio::time::sleep(moment).await;
}

#[cfg(not(feature = "tokio"))]
pub(super) async fn pause(_: Duration) {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
