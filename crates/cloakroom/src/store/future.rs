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
pub struct StoreFuture<'a, T>(Inner<'a, T>);

enum Inner<'a, T> {
    Ready(Ready<Result<T, StoreError>>),
    Boxed(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>),
}

impl<'a, T> StoreFuture<'a, T> {
    /// The answer of a future.
    pub fn new(future: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> StoreFuture<'a, T> {
        StoreFuture(Inner::Boxed(Box::pin(future)))
    }

    /// The answer itself.
    pub fn ready(answer: Result<T, StoreError>) -> StoreFuture<'a, T> {
        StoreFuture(Inner::Ready(std::future::ready(answer)))
    }
}

impl<T> Future for StoreFuture<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Inner::Ready(answer) => Pin::new(answer).poll(cx),
            Inner::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for StoreFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreFuture(…)")
    }
}
