//! The response: the inner service's, or a refusal.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use pin_project_lite::pin_project;

use super::decision::Refusal;

/// What the decision about a read depends on.
const DEPENDS_ON: HeaderValue = HeaderValue::from_static("sec-fetch-site, origin");

pin_project! {
    /// The response of a [`CrossSiteService`](super::CrossSiteService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        outcome: Outcome<F>,
        varies: bool,
    }
}

pin_project! {
    #[project = OutcomeProjection]
    enum Outcome<F> {
        Passed { #[pin] inner: F },
        Refused { refusal: Refusal },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn passed(inner: F, varies: bool) -> ResponseFuture<F> {
        ResponseFuture { outcome: Outcome::Passed { inner }, varies }
    }

    pub(super) fn refused(refusal: Refusal, varies: bool) -> ResponseFuture<F> {
        ResponseFuture { outcome: Outcome::Refused { refusal }, varies }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match this.outcome.project() {
            OutcomeProjection::Passed { inner } => ready!(inner.poll(cx))?,
            OutcomeProjection::Refused { refusal } => forbidden(*refusal),
        };
        if *this.varies {
            vary(response.headers_mut());
        }
        Poll::Ready(Ok(response))
    }
}

fn forbidden<B: Default>(refusal: Refusal) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(refusal);
    response
}

/// What one site may read, no cache hands to another.
fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, DEPENDS_ON);
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(…)")
    }
}
