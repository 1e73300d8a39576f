//! The layer and its service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::config::{Config, ConfigError, SessionLayerBuilder};
use super::express::ExpressOptions;
use super::future::ResponseFuture;
use super::load::Slot;
use crate::cookie::KeyRing;
use crate::session::Sessions;
use crate::store::Store;

/// The middleware: gives each request its [`Session`](crate::Session), and keeps what the handler has changed in it.
///
/// ```
/// use axum::{Router, routing::get};
/// use cloakroom::{Session, SessionError, SessionLayer, cookie::KeyRing, store::MemoryStore};
///
/// async fn visits(session: Session) -> Result<String, SessionError> {
///     let visits = session.increment("visits", 1).await?;
///     Ok(format!("You have been here {visits} times."))
/// }
///
/// let keys = KeyRing::new("a secret of 32 bytes or more, from your secret store")?;
/// let app: Router = Router::new()
///     .route("/", get(visits))
///     .layer(SessionLayer::new(MemoryStore::new(), keys)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What answers in place of a handler that did not finish, such as a time-out or a layer that catches panics, belongs
/// *outside* of this one: then the session of that handler is left as it was. Inside, this layer sees an answer like any
/// other, and keeps what the handler had changed by then.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    config: Arc<Config>,
}

impl SessionLayer {
    /// A layer with the default settings: see [`builder`](SessionLayer::builder) for all of them.
    ///
    /// Its cookie is for HTTPS. On plain HTTP, as on a developer's machine, use
    /// [`insecure_http`](SessionLayerBuilder::insecure_http).
    ///
    /// # Errors
    ///
    /// None with the default settings; it is the builder's [`build`](SessionLayerBuilder::build).
    pub fn new(store: impl Store, keys: KeyRing) -> Result<SessionLayer, ConfigError> {
        SessionLayer::builder(store, keys).build()
    }

    /// A layer with other settings.
    ///
    /// `store` is where the sessions are kept; an `Arc` of a store, also of a `dyn Store`, is one too. `keys` sign the session
    /// cookies.
    pub fn builder(store: impl Store, keys: KeyRing) -> SessionLayerBuilder {
        SessionLayerBuilder::new(Arc::new(store), keys)
    }

    /// A layer that stands in for express-session, with the options of the Express application beside it: both then serve the same
    /// sessions. `store` is one in the layout of that application's store, such as `ExpressStore` of `cloakroom-mongodb`.
    ///
    /// The settings of the builder are those of the options, and no absolute timeout, since Express knows none; what the options
    /// don't name is as with [`builder`](SessionLayer::builder).
    ///
    /// Where a session is kept with cookie attributes of its own, as Express keeps them, its cookie is sent with these.
    pub fn express(store: impl Store, options: ExpressOptions) -> SessionLayerBuilder {
        SessionLayerBuilder::express(Arc::new(store), options)
    }

    /// Its sessions, to be seen and ended without a request: for jobs, websockets and admin pages.
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.config.settings.clone())
    }

    pub(super) fn from_config(config: Config) -> SessionLayer {
        SessionLayer { config: Arc::new(config) }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService { inner, config: self.config.clone() }
    }
}

/// The service that [`SessionLayer`] wraps around another one.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SessionService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let slot = Slot::new(self.config.clone());
        request.extensions_mut().insert(slot.clone());
        ResponseFuture::new(self.inner.call(request), slot)
    }
}
