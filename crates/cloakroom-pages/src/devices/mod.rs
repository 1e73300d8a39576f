//! A user's devices: where they are logged in, and a way to end each of these log-ins.

mod handlers;
mod texts;
mod view;

pub use texts::DevicesTexts;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::request::Parts;
use axum::routing::{get, post};
use cloakroom::cross_site::CrossSiteLayer;

use crate::browser::{BrowserName, Describe};
use crate::gate::{Gate, StepUp};
use crate::layout::{Content, Layout};
use crate::style::{STYLE_PATH, style};

/// A page where users see their sessions, name them and end them, without JavaScript.
///
/// [`router`](DevicesPage::router) is mounted wherever the application likes, inside of its `SessionLayer`:
///
/// ```
/// use axum::Router;
/// use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
/// use cloakroom_pages::DevicesPage;
/// use std::time::Duration;
///
/// let sessions = SessionLayer::builder(MemoryStore::new(), KeyRing::generate()?).keep_user_agent().build()?;
/// let devices = DevicesPage::new().log_in_at("/log-in").step_up(Duration::from_secs(600), "/confirm");
/// let app: Router = Router::new().nest("/account/devices", devices.router()).layer(sessions);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each user sees and ends only their own. All that it changes is a POST with a form token behind the cross-site layer, and is
/// answered by 303 back to the page, wherever it is mounted. The page is `no-store`.
///
/// The name of a browser is there if the layer keeps its user agent, and where it was if it keeps the address:
/// `SessionLayerBuilder::keep_user_agent` and `keep_address`.
#[derive(Clone)]
pub struct DevicesPage {
    gate: Gate,
    layout: Layout,
    texts: Arc<TextsFor>,
    describe: Arc<Describe>,
}

type TextsFor = dyn Fn(&Parts) -> Arc<DevicesTexts> + Send + Sync;

impl DevicesPage {
    /// A page in English that asks nobody to confirm anything, and answers 401 to who is not logged in.
    pub fn new() -> DevicesPage {
        let english = Arc::new(DevicesTexts::default());
        DevicesPage {
            gate: Gate::default(),
            layout: Layout::default(),
            texts: Arc::new(move |_| english.clone()),
            describe: Arc::new(BrowserName::parse),
        }
    }

    /// Where to send who is not logged in: a path, to which `?next=` and the page's own path are added.
    #[must_use]
    pub fn log_in_at(mut self, path: impl Into<String>) -> DevicesPage {
        self.gate.log_in = Some(path.into());
        self
    }

    /// Asks users to confirm who they are before they end sessions, if they last did so longer ago than `max_age`.
    ///
    /// `path` is the application's own page for that, such as "your password, please"; `?next=` and the path of this page are
    /// added. When it was right it calls [`Session::reauthenticated`](cloakroom::Session::reauthenticated) and leads back.
    #[must_use]
    pub fn step_up(mut self, max_age: Duration, path: impl Into<String>) -> DevicesPage {
        self.gate.step_up = Some(StepUp { max_age, path: path.into() });
        self
    }

    /// Says it in other words, or in another language.
    #[must_use]
    pub fn texts(self, texts: DevicesTexts) -> DevicesPage {
        let texts = Arc::new(texts);
        self.texts_by(move |_| texts.clone())
    }

    /// Says it in a language that depends on the request.
    #[must_use]
    pub fn texts_by(mut self, texts: impl Fn(&Parts) -> Arc<DevicesTexts> + Send + Sync + 'static) -> DevicesPage {
        self.texts = Arc::new(texts);
        self
    }

    /// Puts the application's own page around the content, which is a `section` with an `h1`. Without this it is a plain page of
    /// its own, with a `Content-Security-Policy`.
    ///
    /// ```
    /// use cloakroom_pages::DevicesPage;
    ///
    /// let page = DevicesPage::new().layout(|content| {
    ///     Ok(format!(
    ///         "<!doctype html><html lang={}><title>Our shop</title><link rel=stylesheet href={}>{}",
    ///         content.language, content.style, content.html
    ///     ))
    /// });
    /// ```
    #[must_use]
    pub fn layout(
        mut self,
        draw: impl Fn(&Content<'_>) -> Result<String, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> DevicesPage {
        self.layout = Layout::new(draw);
        self
    }

    /// Names browsers by another way than the built-in one ([`BrowserName::parse`]). The argument is the browser's own word, of
    /// at most 256 bytes: believe nothing of it.
    #[must_use]
    pub fn describe_browsers(
        mut self,
        describe: impl Fn(&str) -> Option<BrowserName> + Send + Sync + 'static,
    ) -> DevicesPage {
        self.describe = Arc::new(describe);
        self
    }

    /// Decides otherwise than by default which requests come from another site.
    #[must_use]
    pub fn cross_site(mut self, layer: CrossSiteLayer) -> DevicesPage {
        self.gate.cross_site = layer;
        self
    }

    /// The page and its forms, to be nested in the application's router.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let cross_site = self.gate.cross_site.clone();
        Router::new()
            .route("/", get(handlers::show))
            .route("/label", post(handlers::label))
            .route("/end", post(handlers::end))
            .route("/end-others", post(handlers::end_others))
            .route(STYLE_PATH, get(style))
            .layer(cross_site)
            .with_state(self)
    }
}

impl Default for DevicesPage {
    fn default() -> DevicesPage {
        DevicesPage::new()
    }
}

impl fmt::Debug for DevicesPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevicesPage").field("gate", &self.gate).field("layout", &self.layout).finish_non_exhaustive()
    }
}
