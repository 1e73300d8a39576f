//! The application under test: the routes of the reference server under a layer with its default settings, over a store
//! with its own.

use anyhow::{Context as _, Result};
use axum::Router;
use cloakroom::cookie::KeyRing;
use cloakroom::store::Store;
use cloakroom::{SessionLayer, SessionLayerBuilder};
use cloakroom_stores::StoreUrl;

const SECRET: &str = "the fault runs' own secret: 32 bytes at least";

/// Where it runs.
#[derive(Clone, Debug)]
pub(super) enum App {
    /// In this process.
    Here(Router),
    /// In a process of its own, at `host:port`.
    There(String),
}

impl App {
    /// The application over the store of a URL, in this process; with `http://`, the one that is served there.
    pub(super) async fn at(url: &str) -> Result<App> {
        match url.strip_prefix("http://") {
            Some(address) => Ok(App::There(address.to_owned())),
            None => Ok(App::Here(router(url).await?)),
        }
    }
}

/// The application over the store of a URL.
pub(super) async fn router(url: &str) -> Result<Router> {
    let store = StoreUrl::parse(url)?.open().await.context("the store can't be set up")?;
    Ok(cloakroom_bench::router(layer(store)?.insecure_http().build()?))
}

/// A layer's builder with the key that all of the fault runs share.
pub(super) fn layer(store: impl Store) -> Result<SessionLayerBuilder> {
    Ok(SessionLayer::builder(store, KeyRing::new(SECRET)?))
}
