//! `mongodb://…` and `mongodb+srv://…`.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Store, StoreError};
use cloakroom_mongodb::{ExpressLayout, MongoStore, WebCrypto};

use crate::StoreUrlError;
use crate::near::Near;
use crate::options::Options;

pub(crate) const KIND: &str = "MongoDB";

const LAYOUTS: &str = "`connect-mongodb-session`, `connect-mongo` and `connect-mongo-object`";

/// A server, by a connection string without what only we understand.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MongodbAt {
    uri: String,
    collection: Option<String>,
    layout: Option<ExpressLayout>,
    near: Option<Near>,
}

impl MongodbAt {
    pub(crate) fn read(url: &str, more: &[(&str, &str)]) -> Result<MongodbAt, StoreUrlError> {
        let (uri, mut options) = Options::take_from(url, KIND, more)?;
        let collection = options.take("collection");
        let layout = options.layout(ExpressLayout::by_name, LAYOUTS)?;
        let layout = layout.map(|layout| set_up(layout, &mut options)).transpose()?;
        let near = Near::take_from(&mut options)?;
        options.finish()?;
        Ok(MongodbAt { uri, collection, layout, near })
    }

    pub(crate) fn is_express(&self) -> bool {
        self.layout.is_some()
    }

    pub(crate) async fn open(
        &self,
        default: Option<&str>,
        deadline: Option<Duration>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let store = MongoStore::connect(&self.uri).await?;
        let store = match deadline {
            Some(deadline) => store.with_deadline(deadline),
            None => store,
        };
        let default = default.filter(|_| !self.is_express());
        let store = match self.collection.as_deref().or(default) {
            Some(name) => store.with_collection(name),
            None => store,
        };
        let store: Arc<dyn Store> = match &self.layout {
            Some(layout) => Arc::new(store.with_layout(layout.clone())),
            None => Arc::new(store),
        };
        Near::before(self.near, store)
    }
}

/// The layout with the options of its package.
fn set_up(mut layout: ExpressLayout, options: &mut Options) -> Result<ExpressLayout, StoreUrlError> {
    if let Some(name) = options.take("id_field") {
        layout = layout.id_field(&name);
    }
    if let Some(name) = options.take("expires_key") {
        layout = layout.expires_key(&name);
    }
    if let Some(path) = options.take("user_at") {
        layout = layout.user_at(&path);
    }
    if let Some(ttl) = options.seconds("ttl")? {
        layout = layout.ttl(ttl);
    }
    if let Some(touch_after) = options.seconds("touch_after")? {
        layout = layout.touch_after(touch_after);
    }
    if options.is_on("tombstones")? {
        layout = layout.tombstones();
    }
    if options.is_on("timestamps")? {
        layout = layout.timestamps();
    }
    match options.take("crypto") {
        Some(secret) => Ok(layout.crypto(crypto(&secret, options)?)),
        None => Ok(layout),
    }
}

/// The secret of connect-mongo's `createWebCryptoAdapter`.
fn crypto(secret: &str, options: &mut Options) -> Result<WebCrypto, StoreUrlError> {
    let mut crypto = WebCrypto::options(secret);
    if let Some(iterations) = options.take("crypto_iterations") {
        let no_number = |error| StoreUrlError::with_source("`crypto_iterations` is no number", error);
        crypto = crypto.iterations(iterations.parse().map_err(no_number)?);
    }
    crypto.derive().map_err(|error| StoreUrlError::with_source("`crypto` makes no key", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> MongodbAt {
        MongodbAt::read(url, &[]).unwrap()
    }

    #[test]
    fn the_driver_never_sees_the_options() {
        for (given, uri) in [
            ("mongodb://h/db", "mongodb://h/db"),
            ("mongodb://h/db?layout=native", "mongodb://h/db"),
            ("mongodb://h/db?a=1&layout=native&b=2", "mongodb://h/db?a=1&b=2"),
            ("mongodb+srv://h/?b=2&layout=native", "mongodb+srv://h/?b=2"),
        ] {
            assert!(
                read(given) == MongodbAt { uri: uri.to_owned(), collection: None, layout: None, near: None },
                "{given}"
            );
        }
        assert_eq!(read("mongodb://h/db?collection=a%20b").collection.as_deref(), Some("a b"));
    }

    #[test]
    fn a_layout_has_the_options_of_its_package() {
        let given = "mongodb://h/db?layout=connect-mongodb-session&id_field=sid&w=1&user_at=user.id&tombstones=1";
        let layout = ExpressLayout::connect_mongodb_session().id_field("sid").user_at("user.id").tombstones();
        let at = read(given);
        assert_eq!((at.uri.as_str(), at.layout.clone()), ("mongodb://h/db?w=1", Some(layout)));
        let more = [("layout", "connect-mongodb-session"), ("user_at", "user.id"), ("tombstones", "1")];
        assert!(MongodbAt::read("mongodb://h/db?id_field=sid&w=1", &more).unwrap() == at);

        let crypto = read("mongodb://h/?layout=connect-mongo&crypto=keyboard%20cat&crypto_iterations=1");
        assert_ne!(crypto.layout, Some(ExpressLayout::connect_mongo()));
        assert_eq!(read("mongodb://h/?layout=connect-mongo").layout, Some(ExpressLayout::connect_mongo()));
    }
}
