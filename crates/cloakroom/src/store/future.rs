//! The future that a store's methods return.

use std::fmt;
use std::future::{Future, Ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::StoreError;

/// What a store's method returns: the answer to come.
///
/// A store that waits for something boxes an `async` block; one that has the answer at hand says so, and then nothing is
/// allocated.
///
/// ```
/// use cloakroom::store::StoreFuture;
///
/// fn slow<'a>() -> StoreFuture<'a, bool> {
///     StoreFuture::new(async { Ok(true) })
/// }
/// fn quick<'a>() -> StoreFuture<'a, bool> {
///     StoreFuture::ready(Ok(true))
/// }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct StoreFuture<'a, T>(Answer<'a, Result<T, StoreError>>);

impl<'a, T> StoreFuture<'a, T> {
    /// The answer of a future.
    pub fn new(future: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> StoreFuture<'a, T> {
        StoreFuture(Answer::wait_for(future))
    }

    /// The answer itself.
    pub fn ready(answer: Result<T, StoreError>) -> StoreFuture<'a, T> {
        StoreFuture(Answer::ready(answer))
    }

    pub(crate) fn into_answer(self) -> Answer<'a, Result<T, StoreError>> {
        self.0
    }
}

impl<T> Future for StoreFuture<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> fmt::Debug for StoreFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreFuture(…)")
    }
}

/// What is at hand, or has to be waited for. What is at hand needs no allocation, and no room in the futures around it.
pub(crate) enum Answer<'a, T> {
    Ready(Ready<T>),
    Boxed(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
}

impl<'a, T> Answer<'a, T> {
    pub(crate) fn ready(answer: T) -> Answer<'a, T> {
        Answer::Ready(std::future::ready(answer))
    }

    pub(crate) fn wait_for(future: impl Future<Output = T> + Send + 'a) -> Answer<'a, T> {
        Answer::Boxed(Box::pin(future))
    }
}

impl<T> Future for Answer<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.get_mut() {
            Answer::Ready(answer) => Pin::new(answer).poll(cx),
            Answer::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}
