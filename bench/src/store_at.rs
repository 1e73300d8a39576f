//! Where the reference server keeps its sessions: the variable `STORE`.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use cloakroom::store::{MemoryStore, Store};
use cloakroom_mongodb::{ExpressLayout, MongoStore, WebCrypto};

/// The collection or table that every store keeps its sessions in.
const COLLECTION: &str = "sessions";

const LAYOUTS: &str = "`native`, `connect-mongodb-session`, `connect-mongo` and `connect-mongo-object`";

/// The options of a connection string that no driver knows, with those that only a layout of Express has.
const OPTIONS: [&str; 8] =
    ["layout", "id_field", "expires_key", "user_at", "tombstones", "timestamps", "crypto", "crypto_iterations"];

/// A store by its name.
#[derive(Debug, PartialEq)]
pub(crate) enum StoreAt {
    Memory,
    /// A connection string without what only the reference server understands.
    Mongodb(String, Option<ExpressLayout>),
}

impl StoreAt {
    pub(crate) fn read(text: &str) -> Result<StoreAt> {
        if text == "memory" {
            return Ok(StoreAt::Memory);
        }
        // Connection strings hold passwords, so errors tell the scheme only.
        let (scheme, _) = text.split_once(':').ok_or_else(|| anyhow!("STORE is neither `memory` nor a URI"))?;
        if !matches!(scheme, "mongodb" | "mongodb+srv") {
            bail!("STORE: `{scheme}` is not available; there are `memory` and `mongodb://…`");
        }
        let (uri, options) = take_options(text);
        let name = options.iter().find(|(option, _)| option == "layout").map(|(_, name)| name.as_str());
        let layout = match name.filter(|name| *name != "native") {
            None => None,
            Some(name) => Some(ExpressLayout::by_name(name).with_context(|| {
                format!("STORE: the layout `{name}` is not available for `{scheme}`; there are {LAYOUTS}")
            })?),
        };
        let layout =
            layout.map(|layout| with_crypto(options.iter().cloned().fold(layout, set_up), &options)).transpose()?;
        Ok(StoreAt::Mongodb(uri, layout))
    }

    /// Whether the sessions are those of an Express application.
    pub(crate) fn is_express(&self) -> bool {
        matches!(self, StoreAt::Mongodb(_, Some(_)))
    }

    /// The store. It connects to its database when that is first needed.
    ///
    /// # Errors
    ///
    /// If the connection string is not valid.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>> {
        let StoreAt::Mongodb(uri, layout) = self else { return Ok(Arc::new(MemoryStore::new())) };
        let store = MongoStore::connect(uri).await.context("STORE")?.with_collection(COLLECTION);
        Ok(match layout {
            None => Arc::new(store),
            Some(layout) => Arc::new(store.with_layout(layout.clone())),
        })
    }
}

/// The layout with one more option of its package.
fn set_up(layout: ExpressLayout, (option, value): (String, String)) -> ExpressLayout {
    match option.as_str() {
        "id_field" => layout.id_field(&value),
        "expires_key" => layout.expires_key(&value),
        "user_at" => layout.user_at(&value),
        "tombstones" if value == "1" => layout.tombstones(),
        "timestamps" if value == "1" => layout.timestamps(),
        _ => layout,
    }
}

/// The layout with the secret of connect-mongo's `createWebCryptoAdapter`, if there is one.
fn with_crypto(layout: ExpressLayout, options: &[(String, String)]) -> Result<ExpressLayout> {
    let value_of = |name: &str| options.iter().find(|(option, _)| option == name).map(|(_, value)| value.as_str());
    let Some(secret) = value_of("crypto") else { return Ok(layout) };
    let mut crypto = WebCrypto::options(secret);
    if let Some(iterations) = value_of("crypto_iterations") {
        crypto = crypto.iterations(iterations.parse().context("STORE: `crypto_iterations` is not a number")?);
    }
    Ok(layout.crypto(crypto.derive().context("STORE: `crypto`")?))
}

/// The connection string without the options that are the reference server's own, and these.
fn take_options(uri: &str) -> (String, Vec<(String, String)>) {
    let Some((address, options)) = uri.split_once('?') else { return (uri.to_owned(), Vec::new()) };
    let own = |option: &&str| option.split_once('=').is_some_and(|(name, _)| OPTIONS.contains(&name));
    let (own, others): (Vec<&str>, Vec<&str>) = options.split('&').partition(|option| own(option));
    let uri = if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    let pairs = own.into_iter().filter_map(|option| option.split_once('='));
    (uri, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_never_sees_the_options() {
        for (given, uri) in [
            ("mongodb://h/db", "mongodb://h/db"),
            ("mongodb://h/db?layout=native", "mongodb://h/db"),
            ("mongodb://h/db?a=1&layout=native&b=2", "mongodb://h/db?a=1&b=2"),
            ("mongodb+srv://h/?b=2&layout=native", "mongodb+srv://h/?b=2"),
        ] {
            assert_eq!(StoreAt::read(given).unwrap(), StoreAt::Mongodb(uri.to_owned(), None), "{given}");
        }
    }

    #[test]
    fn a_layout_has_the_options_of_its_package() {
        let given = "mongodb://h/db?layout=connect-mongodb-session&id_field=sid&w=1&user_at=user.id&tombstones=1";
        let layout = ExpressLayout::connect_mongodb_session().id_field("sid").user_at("user.id").tombstones();
        assert_eq!(StoreAt::read(given).unwrap(), StoreAt::Mongodb("mongodb://h/db?w=1".to_owned(), Some(layout)));
    }
}
