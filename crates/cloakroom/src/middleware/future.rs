//! The way of a response: the handler, then the commit, and only then the headers leave.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::answer;
use super::load::Slot;
use crate::session::{Closing, CookieDue, Session, SessionError};

pin_project! {
    /// The response of a [`SessionService`](super::SessionService).
    ///
    /// Dropped while the handler runs, it changes nothing. Dropped while the commit runs, it lets that go on (feature
    /// `tokio`): the handler has finished, and what it did is kept though the client has hung up.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        handler: F,
        slot: Slot,
        // The handler was not ready at once.
        has_waited: bool,
        has_answered: bool,
        commit: Option<Box<Commit<B>>>,
    }

    impl<F, B> PinnedDrop for ResponseFuture<F, B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            match this.commit.take() {
                Some(commit) => finish_detached(commit.writing),
                None if !*this.has_answered => this.slot.close(),
                None => {}
            }
        }
    }
}

/// A commit that waits for the store, and the response that waits for the commit.
struct Commit<B> {
    response: Response<B>,
    session: Session,
    writing: Writing,
}

type Writing = Pin<Box<dyn Future<Output = Result<CookieDue, SessionError>> + Send>>;

impl<F, B> ResponseFuture<F, B> {
    pub(super) fn new(handler: F, slot: Slot) -> ResponseFuture<F, B> {
        ResponseFuture { handler, slot, has_waited: false, has_answered: false, commit: None }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(mut commit) = this.commit.take() {
            let Poll::Ready(committed) = commit.writing.as_mut().poll(cx) else {
                *this.commit = Some(commit);
                return Poll::Pending;
            };
            let Commit { response, session, .. } = *commit;
            return Poll::Ready(Ok(answer::after_commit(this.slot.config(), &session, committed, response)));
        }
        let Poll::Ready(answer) = this.handler.poll(cx) else {
            *this.has_waited = true;
            return Poll::Pending;
        };
        *this.has_answered = true;
        let mut response = match answer {
            Ok(response) => response,
            Err(error) => {
                this.slot.close();
                return Poll::Ready(Err(error));
            }
        };
        let Some(session) = this.slot.leave() else { return Poll::Ready(Ok(response)) };
        match session.begin_closing(*this.has_waited) {
            Closing::Nothing => {
                answer::untouched(response.headers_mut());
                return Poll::Ready(Ok(response));
            }
            Closing::Ticket => {
                let due = Ok(session.cookie_due());
                return Poll::Ready(Ok(answer::after_commit(this.slot.config(), session, due, response)));
            }
            Closing::Write => {}
        }
        let mut writing: Writing = Box::pin(session.clone().commit());
        match writing.as_mut().poll(cx) {
            Poll::Ready(committed) => {
                Poll::Ready(Ok(answer::after_commit(this.slot.config(), session, committed, response)))
            }
            Poll::Pending => {
                *this.commit = Some(Box::new(Commit { response, session: session.clone(), writing }));
                Poll::Pending
            }
        }
    }
}

#[cfg(feature = "tokio")]
fn finish_detached(writing: Writing) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        tracing::error!("a client is gone, and without a tokio runtime its session is not written");
        return;
    };
    runtime.spawn(async move {
        if let Err(error) = writing.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a session could not be written, and the client is gone"
            );
        }
    });
}

/// Without a runtime there is nobody to go on with it.
#[cfg(not(feature = "tokio"))]
fn finish_detached(_: Writing) {}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(…)")
    }
}
