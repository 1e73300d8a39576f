//! Bounded waiting. Without the feature `tokio` there is no timer, and the store's own deadline is the only one.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The deadline has passed.
#[derive(Debug)]
pub(crate) struct Elapsed;

/// Waits for a future, but not for longer than `limit`. The future stays where it is: those of writes are large.
#[cfg(feature = "tokio")]
pub(crate) async fn within<F: Future>(limit: Duration, mut future: Pin<&mut F>) -> Result<F::Output, Elapsed> {
    // A store that answers at once costs no timer, nor the room for one.
    let first = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await;
    match first {
        std::task::Poll::Ready(answer) => Ok(answer),
        std::task::Poll::Pending => Box::pin(tokio::time::timeout(limit, future)).await.map_err(|_| Elapsed),
    }
}

/// Waits for a future.
#[cfg(not(feature = "tokio"))]
pub(crate) async fn within<F: Future>(_: Duration, future: Pin<&mut F>) -> Result<F::Output, Elapsed> {
    Ok(future.await)
}

/// Steps aside for a random moment, so that those who collided do not collide again. Shorter with each attempt, so that
/// nobody who has tried for long is overtaken by newcomers again and again.
pub(crate) async fn back_off(attempt: u32) {
    use std::hash::{BuildHasher, Hasher};

    let longest = 16_u64 >> attempt.min(4);
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let moment = Duration::from_micros(random % (longest * 1_000));
    pause(moment).await;
}

#[cfg(feature = "tokio")]
async fn pause(moment: Duration) {
    tokio::time::sleep(moment).await;
}

#[cfg(not(feature = "tokio"))]
async fn pause(_: Duration) {
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
