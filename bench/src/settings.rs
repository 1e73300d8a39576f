//! What the environment tells the reference server.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use cloakroom::SessionLayer;
use cloakroom::cookie::{CookieName, KeyRing};
use cloakroom::store::{MemoryStore, Store};
use cloakroom_mongodb::MongoStore;

/// The collection or table that every store keeps its sessions in.
const COLLECTION: &str = "sessions";

/// The settings of one reference server.
#[derive(Debug)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// The threads of the runtime.
    pub workers: NonZeroUsize,
    store: StoreAt,
    keys: KeyRing,
    cookie: CookieName,
    idle: Duration,
    absolute: Duration,
}

#[derive(Debug, PartialEq)]
enum StoreAt {
    Memory,
    /// A connection string, without what only the reference server understands.
    Mongodb(String),
}

impl Settings {
    /// Reads the settings from variables that `lookup` knows: the environment, or a test.
    ///
    /// # Errors
    ///
    /// If a variable can't be read, or names a store that is not available.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Settings> {
        let number = |name: &str, default: u64| match lookup(name) {
            None => Ok(default),
            Some(text) => text.parse().with_context(|| format!("{name}={text} is no whole number")),
        };
        let port = number("PORT", 0)?;
        let workers = number("WORKERS", 1)?;
        let absolute = Duration::from_secs(number("ABSOLUTE", 86_400)?);
        Ok(Settings {
            port: port.try_into().with_context(|| format!("there is no port {port}"))?,
            workers: usize::try_from(workers).ok().and_then(NonZeroUsize::new).context("WORKERS must be 1 or more")?,
            store: StoreAt::read(lookup("STORE").as_deref().unwrap_or("memory"))?,
            keys: key_ring(lookup("SECRET").as_deref())?,
            cookie: CookieName::new(lookup("COOKIE").unwrap_or_else(|| "sid".to_owned())).context("COOKIE")?,
            // Who gives only a short ABSOLUTE does not want to be told that the idle timeout would be longer.
            idle: Duration::from_secs(number("IDLE", 3_600)?).min(absolute),
            absolute,
        })
    }

    /// The session layer. It connects to its database when that is first needed.
    ///
    /// # Errors
    ///
    /// If the connection string is not valid, or a timeout is zero.
    pub async fn layer(&self) -> Result<SessionLayer> {
        let store: Arc<dyn Store> = match &self.store {
            StoreAt::Memory => Arc::new(MemoryStore::new()),
            StoreAt::Mongodb(uri) => {
                let store = MongoStore::connect(uri).await.context("STORE")?;
                Arc::new(store.with_collection(COLLECTION))
            }
        };
        let builder = SessionLayer::builder(store, self.keys.clone())
            .insecure_http()
            .cookie_name(self.cookie.clone())
            .idle_timeout(self.idle)
            .absolute_timeout(self.absolute);
        Ok(builder.build()?)
    }
}

impl StoreAt {
    fn read(text: &str) -> Result<StoreAt> {
        if text == "memory" {
            return Ok(StoreAt::Memory);
        }
        // Connection strings hold passwords, so errors tell the scheme only.
        let (scheme, _) = text.split_once(':').ok_or_else(|| anyhow!("STORE is neither `memory` nor a URI"))?;
        if !matches!(scheme, "mongodb" | "mongodb+srv") {
            bail!("STORE: `{scheme}` is not available; there are `memory` and `mongodb://…`");
        }
        let (uri, layout) = take_layout(text);
        match layout.as_deref() {
            None | Some("native") => Ok(StoreAt::Mongodb(uri)),
            Some(other) => bail!("STORE: the layout `{other}` is not available for `{scheme}`; there is `native`"),
        }
    }
}

/// The connection string without the option `layout`, which no driver knows, and its value.
fn take_layout(uri: &str) -> (String, Option<String>) {
    let Some((address, options)) = uri.split_once('?') else { return (uri.to_owned(), None) };
    let is_layout = |option: &&str| option.starts_with("layout=");
    let layout = options.split('&').rfind(is_layout).and_then(|option| option.split_once('='));
    let others: Vec<&str> = options.split('&').filter(|option| !is_layout(option)).collect();
    let uri = if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    (uri, layout.map(|(_, value)| value.to_owned()))
}

/// The key ring of comma-separated secrets, of any length; a random one if there are none.
fn key_ring(secrets: Option<&str>) -> Result<KeyRing> {
    match secrets {
        Some(secrets) => KeyRing::weak(secrets.split(',').filter(|secret| !secret.is_empty())).context("SECRET"),
        None => KeyRing::generate().context("a random secret"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings> {
        Settings::read(|name| variables.iter().find(|(each, _)| *each == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_is_needed() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.port, settings.workers.get()), (0, 1));
        assert_eq!(settings.store, StoreAt::Memory);
        assert_eq!(settings.cookie.as_str(), "sid");
        assert_eq!((settings.idle.as_secs(), settings.absolute.as_secs()), (3_600, 86_400));
    }

    #[test]
    fn the_driver_never_sees_the_layout() {
        for (given, uri) in [
            ("mongodb://h/db", "mongodb://h/db"),
            ("mongodb://h/db?layout=native", "mongodb://h/db"),
            ("mongodb://h/db?a=1&layout=native&b=2", "mongodb://h/db?a=1&b=2"),
            ("mongodb+srv://h/?b=2&layout=native", "mongodb+srv://h/?b=2"),
        ] {
            assert_eq!(StoreAt::read(given).unwrap(), StoreAt::Mongodb(uri.to_owned()), "{given}");
        }
    }

    #[test]
    fn what_is_not_available_says_so_and_shows_no_password() {
        for (store, named) in [
            ("mongodb://ada:hunter2@h/db?layout=connect-mongo", "connect-mongo"),
            ("redis://:hunter2@h", "redis"),
            ("sqlite:/tmp/hunter2", "sqlite"),
            ("hunter2", "STORE"),
        ] {
            let error = read(&[("STORE", store)]).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn any_secrets_do() {
        assert_eq!(format!("{:?}", key_ring(Some("x,keyboard cat")).unwrap()), "KeyRing(2 keys)");
        assert!(key_ring(Some("")).is_err());
        assert!(key_ring(None).is_ok());
    }

    #[tokio::test]
    async fn a_short_absolute_timeout_needs_no_idle_timeout_beside_it() {
        assert!(read(&[("ABSOLUTE", "2")]).unwrap().layer().await.is_ok());
        assert!(read(&[("IDLE", "0")]).unwrap().layer().await.is_err());
    }
}
