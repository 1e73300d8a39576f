//! The layer and its settings.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri};
use tower_layer::Layer;

use super::decision::{Refusal, Rules, is_read, is_websocket};
use super::origin::Origin;
use super::service::CrossSiteService;

/// The middleware: answers 403 to what another site has sent. [The module](super) tells how it decides.
///
/// The answer has no body, and carries the [`Refusal`] as an extension: a layer around this one can put a page into it.
///
/// ```
/// use axum::{Router, body::Body, http::Response, middleware::map_response, routing::post};
/// use cloakroom::cross_site::{CrossSiteLayer, Refusal};
///
/// async fn explained(response: Response<Body>) -> Response<Body> {
///     match response.extensions().get::<Refusal>() {
///         Some(_) => response.map(|_| "That form came from elsewhere.".into()),
///         None => response,
///     }
/// }
///
/// let app: Router = Router::new()
///     .route("/order", post(async || "ordered"))
///     .layer(CrossSiteLayer::new())
///     .layer(map_response(explained));
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct CrossSiteLayer {
    settings: Arc<Settings>,
}

#[derive(Clone, Default)]
struct Settings {
    rules: Rules,
    exempt: Option<Arc<Predicate>>,
    protected: Option<Arc<Predicate>>,
}

type Predicate = dyn Fn(&Method, &Uri) -> bool + Send + Sync;

impl CrossSiteLayer {
    /// A layer that trusts no origin but the site's own.
    pub fn new() -> CrossSiteLayer {
        CrossSiteLayer::default()
    }

    /// Lets the pages of this origin do all that the site's own may. For several, call it several times.
    pub fn trust(mut self, origin: Origin) -> CrossSiteLayer {
        self.settings().rules.trusted.push(origin);
        self
    }

    /// Refuses what tells nothing of where it comes from, too (default: it passes).
    ///
    /// That is what clients send that are no browsers, and old browsers: Firefox before 70 sent no `Origin` with its forms.
    /// Without this, `SameSite` and form tokens are all that stands before those.
    pub fn refuse_unknown(mut self) -> CrossSiteLayer {
        self.settings().rules.refuse_unknown = true;
        self
    }

    /// Treats GET, HEAD and OPTIONS like a post where the function says so: for what should not be reached by a link from
    /// elsewhere, such as an export that costs much (default: nothing).
    ///
    /// Browsers tell where a GET comes from over HTTPS and on localhost only. So on plain HTTP these requests pass like any
    /// others that tell nothing.
    ///
    /// ```
    /// use cloakroom::cross_site::CrossSiteLayer;
    ///
    /// let layer = CrossSiteLayer::new().protect_reads(|_, uri| uri.path().starts_with("/export/"));
    /// ```
    pub fn protect_reads(
        mut self,
        is_protected: impl Fn(&Method, &Uri) -> bool + Send + Sync + 'static,
    ) -> CrossSiteLayer {
        self.settings().protected = Some(Arc::new(is_protected));
        self
    }

    /// Lets requests pass where the function says so, wherever they come from: for what others are meant to call, such as a
    /// webhook (default: none). They need a defence of their own, such as a signature. The address is the one that the layer
    /// sees: within a nested router of axum it has lost its first part.
    ///
    /// ```
    /// use cloakroom::cross_site::CrossSiteLayer;
    ///
    /// let layer = CrossSiteLayer::new().exempt(|_, uri| uri.path() == "/webhooks/payment");
    /// ```
    pub fn exempt(mut self, is_exempt: impl Fn(&Method, &Uri) -> bool + Send + Sync + 'static) -> CrossSiteLayer {
        self.settings().exempt = Some(Arc::new(is_exempt));
        self
    }

    /// Decides about a request by its head, as the middleware does: for services that are no tower layers.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let is_open = is_read(method) && !is_websocket(headers) && !self.is_protected(method, uri);
        if is_open {
            return Ok(());
        }
        let is_exempt = || self.settings.exempt.as_ref().is_some_and(|is_exempt| is_exempt(method, uri));
        self.settings.rules.decide(uri, headers).or_else(|refused| if is_exempt() { Ok(()) } else { Err(refused) })
    }

    /// Whether the answer to a read depends on where it comes from, so that caches have to know.
    pub(super) fn is_protected_read(&self, method: &Method, uri: &Uri) -> bool {
        is_read(method) && self.is_protected(method, uri)
    }

    fn is_protected(&self, method: &Method, uri: &Uri) -> bool {
        self.settings.protected.as_ref().is_some_and(|is_protected| is_protected(method, uri))
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}

impl<S> Layer<S> for CrossSiteLayer {
    type Service = CrossSiteService<S>;

    fn layer(&self, inner: S) -> CrossSiteService<S> {
        CrossSiteService::new(inner, self.clone())
    }
}

/// Functions can't be shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("rules", &self.rules)
            .field("exempt", &self.exempt.is_some())
            .field("protected", &self.protected.is_some())
            .finish()
    }
}
