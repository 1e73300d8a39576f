//! The service around another one.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::future::ResponseFuture;
use super::layer::CrossSiteLayer;

/// The service that [`CrossSiteLayer`] wraps around another one.
#[derive(Clone, Debug)]
pub struct CrossSiteService<S> {
    inner: S,
    layer: CrossSiteLayer,
}

impl<S> CrossSiteService<S> {
    pub(super) fn new(inner: S, layer: CrossSiteLayer) -> CrossSiteService<S> {
        CrossSiteService { inner, layer }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for CrossSiteService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (method, uri) = (request.method(), request.uri());
        let varies = self.layer.is_protected_read(method, uri);
        match self.layer.check(method, uri, request.headers()) {
            Ok(()) => ResponseFuture::passed(self.inner.call(request), varies),
            Err(refusal) => {
                // Neither address nor headers: both may hold secrets, and anybody may write anything into them.
                tracing::info!(reason = %refusal, %method, "a cross-site request was refused");
                ResponseFuture::refused(refusal, varies)
            }
        }
    }
}
