//! Everybody's sessions, for who runs the service.

mod chart;
mod guard;
mod handlers;
mod view;

pub use guard::Guard;

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use cloakroom::Sessions;
use cloakroom::cross_site::CrossSiteLayer;

use crate::gate::{Gate, StepUp};
use crate::history::History;
use crate::layout::{Content, Layout};
use crate::style::{STYLE_PATH, style};

/// A page where administrators see how many sessions there are, find a user's, and end one or all of them, without JavaScript.
///
/// It shows everybody's sessions and ends them, so it is not built without a [`Guard`] that says who may see it. It stands inside
/// of the application's `SessionLayer` as well: its forms carry a token of the administrator's own session.
///
/// ```
/// use axum::Router;
/// use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
/// use cloakroom_pages::{AdminPage, Guard, History};
/// use std::time::Duration;
///
/// let history = History::new(Duration::from_secs(60), 60);
/// let store = history.count(MemoryStore::new());
/// let layer = SessionLayer::new(store, KeyRing::generate()?)?;
///
/// let admin = AdminPage::new(layer.sessions(), Guard::users(["ada"])).history(history.clone()).log_in_at("/log-in");
/// let app: Router = Router::new().nest("/admin/sessions", admin.router()).layer(layer.clone());
/// // In a service: tokio::spawn(history.watch(layer.sessions()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # With ten million sessions
///
/// The list of all sessions goes on behind the last handle of the page before, and never counts from the beginning, so that each
/// page costs the store the same. All sessions are counted up to 10,000, and beyond that it says "more than 10,000". A user's
/// sessions are listed if they are 1,000 at most; else only their number is shown, and all of them can be ended.
#[derive(Clone, Debug)]
pub struct AdminPage {
    sessions: Sessions,
    guard: Guard,
    gate: Gate,
    layout: Layout,
    history: Option<History>,
    ends_everything: bool,
}

impl AdminPage {
    /// A page over the sessions of a layer, for those whom the guard lets in. Others get 404, or 401 if they are not logged in.
    pub fn new(sessions: Sessions, guard: Guard) -> AdminPage {
        AdminPage {
            sessions,
            guard,
            gate: Gate::default(),
            layout: Layout::default(),
            history: None,
            ends_everything: false,
        }
    }

    /// Shows charts of how many sessions began, ended and lived.
    #[must_use]
    pub fn history(mut self, history: History) -> AdminPage {
        self.history = Some(history);
        self
    }

    /// Offers to end everybody's sessions at once. The layer needs `global_revocation`.
    #[must_use]
    pub fn end_everything(mut self) -> AdminPage {
        self.ends_everything = true;
        self
    }

    /// Where to send who is not logged in: a path, to which `?next=` and the page's own path are added.
    #[must_use]
    pub fn log_in_at(mut self, path: impl Into<String>) -> AdminPage {
        self.gate.log_in = Some(path.into());
        self
    }

    /// Asks administrators to confirm who they are before they end sessions, as
    /// [`DevicesPage::step_up`](crate::DevicesPage::step_up) does. With [`Guard::outside`] nobody is logged in, and nobody could.
    #[must_use]
    pub fn step_up(mut self, max_age: Duration, path: impl Into<String>) -> AdminPage {
        self.gate.step_up = Some(StepUp { max_age, path: path.into() });
        self
    }

    /// Puts the application's own page around the content, as [`DevicesPage::layout`](crate::DevicesPage::layout) does.
    #[must_use]
    pub fn layout(
        mut self,
        draw: impl Fn(&Content<'_>) -> Result<String, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> AdminPage {
        self.layout = Layout::new(draw);
        self
    }

    /// Decides otherwise than by default which requests come from another site.
    #[must_use]
    pub fn cross_site(mut self, layer: CrossSiteLayer) -> AdminPage {
        self.gate.cross_site = layer;
        self
    }

    /// The pages and their forms, to be nested in the application's router.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let cross_site = self.gate.cross_site.clone();
        Router::new()
            .route("/", get(handlers::overview))
            .route("/all", get(handlers::all))
            .route("/user", get(handlers::user))
            .route("/end", post(handlers::end))
            .route("/end-all", post(handlers::end_all))
            .route("/end-everything", post(handlers::end_everything))
            .route(STYLE_PATH, get(style))
            .layer(cross_site)
            .with_state(self)
    }
}
