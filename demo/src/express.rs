//! The shop as the neighbour of an Express app: one login and one cart for both. `interop/shop` is such an app.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use cloakroom::cookie::{CookieName, SameSite};
use cloakroom::store::Store;
use cloakroom::{ExpressOptions, SessionLayer};

/// Where the app beside us keeps its user: `req.session.user = { id: … }`.
const USER: &str = "user.id";

#[derive(Args)]
pub(crate) struct Express {
    /// Shares the sessions in --store with an Express app, whose session store is connect-mongodb-session, connect-mongo,
    /// connect-mongo-object (with `stringify: false`), connect-redis, or connect-pg-simple. Needs a --secret, which is the
    /// app's own
    #[arg(long = "express", value_name = "ITS STORE", requires = "secret")]
    layout: Option<String>,

    /// The app's name for the session cookie
    #[arg(long, value_name = "NAME", default_value = "connect.sid", requires = "layout")]
    cookie: String,
}

impl Express {
    /// What the store has to know of the app; nothing if there is none beside us.
    pub(crate) fn store_options(&self) -> Vec<(&str, &str)> {
        let Some(layout) = self.layout.as_deref() else { return Vec::new() };
        let mut options = vec![("layout", layout), ("user_at", USER)];
        // Express saves what a slow request has loaded, even if we have ended it meanwhile: the tombstones are against that.
        // Redis and PostgreSQL have none.
        if layout.starts_with("connect-mongo") {
            options.push(("tombstones", "1"));
        }
        options
    }

    /// The middleware that stands in for express-session.
    pub(crate) fn sessions(&self, store: Arc<dyn Store>, secrets: &[String]) -> anyhow::Result<SessionLayer> {
        let name = CookieName::new(self.cookie.clone()).context("--cookie can't be used")?;
        let options = ExpressOptions::new(secrets)?.name(name).same_site(SameSite::Lax);
        Ok(SessionLayer::express(store, options).build()?)
    }
}
