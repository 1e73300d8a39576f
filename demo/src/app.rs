//! The routes and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use cloakroom::SessionLayer;
use cloakroom::cookie::KeyRing;
use cloakroom::cross_site::CrossSiteLayer;

use crate::accounts::Accounts;
use crate::errors::AppError;
use crate::pages::sessions::{self, Office};
use crate::pages::{account, cart, confirm, goods, log_in, theme};
use crate::{assets, errors, headers};

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) accounts: Arc<Accounts>,
    /// The keys of the session tickets sign the shop's own cookies too: each kind of cookie gets a key of its own.
    pub(crate) keys: KeyRing,
    /// Whether forms have to bring a token.
    pub(crate) tokens: Tokens,
}

/// Whether forms have to bring a token of their session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tokens {
    Needed,
    /// The pages of an Express app beside us send us forms, and know of no tokens: where forms come from has to do.
    Unknown,
}

/// No form of the shop is larger.
const LARGEST_FORM: usize = 8 * 1024;

/// The whole shop. The last layer is the outermost: it sees the request first and the response last.
pub(crate) fn router(shop: Shop, layer: SessionLayer, office: Office) -> Router {
    Router::new()
        .route("/", get(goods::list))
        .route("/products/{id}", get(goods::product))
        .route("/cart", get(cart::show))
        .route("/cart/add", post(cart::add))
        .route("/cart/change", post(cart::change))
        .route("/cart/order", post(cart::order))
        .route("/order", get(cart::ordered))
        .route("/log-in", get(log_in::form).post(log_in::log_in))
        .route("/log-out", post(log_in::log_out))
        .route("/account", get(account::show))
        .route("/confirm", get(confirm::form).post(confirm::confirm))
        .nest("/account/devices", sessions::devices(&shop))
        .nest("/admin/sessions", sessions::admin(&shop, office))
        .route("/theme", post(theme::choose))
        .route("/style.css", get(assets::style))
        .route("/icon.svg", get(assets::icon))
        .fallback(async || AppError::NotFound)
        .layer(layer)
        // Outside of the sessions: what other sites send shall cost the store nothing.
        .layer(CrossSiteLayer::new())
        // Outside of both, since either may answer without a page.
        .layer(from_fn(errors::as_pages))
        .layer(from_fn(headers::secure))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .with_state(shop)
}
