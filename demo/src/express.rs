//! The shop as the neighbour of an Express app: one login and one cart for both. `interop/shop` is such an app.

use anyhow::Context as _;
use clap::Args;
use cloakroom::cookie::{CookieName, SameSite};
use cloakroom::{ExpressOptions, SessionLayer};
use cloakroom_mongodb::{ExpressLayout, MongoStore};

/// Where the app beside us keeps its user: `req.session.user = { id: … }`.
const USER: &str = "user.id";

#[derive(Debug, Args)]
pub(crate) struct Express {
    /// Shares the sessions in --store with an Express app, whose session store is connect-mongodb-session, connect-mongo, or
    /// connect-mongo-object (with `stringify: false`). Needs a --secret, which is the app's own
    #[arg(long = "express", value_name = "ITS STORE", requires = "secret")]
    layout: Option<String>,

    /// The app's name for the session cookie
    #[arg(long, value_name = "NAME", default_value = "connect.sid", requires = "layout")]
    cookie: String,
}

impl Express {
    /// The middleware that stands in for express-session; none if there is no app beside us.
    pub(crate) async fn sessions(&self, uri: &str, secrets: &[String]) -> anyhow::Result<Option<SessionLayer>> {
        let Some(name) = &self.layout else { return Ok(None) };
        let layout =
            ExpressLayout::by_name(name).with_context(|| format!("--express: the store {name} is not known"))?;
        // Express saves what a slow request has loaded, even if we have ended it meanwhile: the tombstones are against that.
        let store = MongoStore::connect(uri).await?.with_layout(layout.user_at(USER).tombstones());
        let name = CookieName::new(self.cookie.clone()).context("--cookie can't be used")?;
        let options = ExpressOptions::new(secrets)?.name(name).same_site(SameSite::Lax);
        Ok(Some(SessionLayer::express(store, options).build()?))
    }
}
