//! What the environment tells the reference server.

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cloakroom::cookie::{CookieName, KeyRing, SameSite};
use cloakroom::record::StoreKey;
use cloakroom::{ExpressOptions, SessionLayer};
use cloakroom_stores::StoreUrl;

/// The collection or table of the sessions, where the URL of the store names none.
const TABLE: &str = "sessions";

/// The settings of one reference server.
#[derive(Debug)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// The threads of the runtime.
    pub workers: NonZeroUsize,
    store: StoreUrl,
    secrets: Vec<String>,
    cookie: CookieName,
    idle: Duration,
    absolute: Duration,
    /// Of the layouts of Express: how long the cookie lives, and whether it is sent again with each touch.
    max_age: Option<Duration>,
    rolling: bool,
    /// How many bytes a session may take, where it is not to be as it comes.
    limit: Option<usize>,
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
        let near = lookup("NEAR").filter(|seconds| seconds != "0");
        let options: Vec<_> = near.as_deref().map(|seconds| ("near", seconds)).into_iter().collect();
        let store = StoreUrl::parse_with(lookup("STORE").as_deref().unwrap_or("memory"), &options).context("STORE")?;
        Ok(Settings {
            port: port.try_into().with_context(|| format!("there is no port {port}"))?,
            workers: usize::try_from(workers).ok().and_then(NonZeroUsize::new).context("WORKERS must be 1 or more")?,
            store: store.with_default_table(TABLE),
            secrets: secrets(lookup("SECRET").as_deref())?,
            cookie: CookieName::new(lookup("COOKIE").unwrap_or_else(|| "sid".to_owned())).context("COOKIE")?,
            // Who gives only a short ABSOLUTE does not want to be told that the idle timeout would be longer.
            idle: Duration::from_secs(number("IDLE", 3_600)?).min(absolute),
            absolute,
            max_age: lookup("MAX_AGE").map(|_| number("MAX_AGE", 0)).transpose()?.map(Duration::from_secs),
            rolling: lookup("ROLLING").is_some_and(|rolling| rolling == "1"),
            limit: match lookup("LIMIT") {
                Some(_) => Some(usize::try_from(number("LIMIT", 0)?).context("LIMIT is too large")?),
                None => None,
            },
        })
    }

    /// The session layer. It connects to its server when that is first needed.
    ///
    /// # Errors
    ///
    /// If the connection string is not valid, the file can't be opened, or a timeout is zero.
    pub async fn layer(&self) -> Result<SessionLayer> {
        let store = self.store.open().await.context("STORE")?;
        let builder = if self.store.is_express() {
            let mut options =
                ExpressOptions::new(&self.secrets).context("SECRET")?.ttl(self.idle).rolling(self.rolling);
            if let Some(max_age) = self.max_age {
                options = options.max_age(max_age);
            }
            SessionLayer::express(store, options.name(self.cookie.clone()).same_site(SameSite::Lax))
        } else {
            let keys = KeyRing::weak(&self.secrets).context("SECRET")?;
            SessionLayer::builder(store, keys).insecure_http().cookie_name(self.cookie.clone()).idle_timeout(self.idle)
        };
        let builder = match self.limit {
            Some(bytes) => builder.size_limit(bytes),
            None => builder,
        };
        let longest = self.max_age.map_or(self.absolute, |max_age| self.absolute.max(max_age));
        Ok(builder.absolute_timeout(longest).build()?)
    }
}

/// The secrets in a list with commas between them, of any length; a random one if there is no list.
fn secrets(list: Option<&str>) -> Result<Vec<String>> {
    Ok(match list {
        Some(list) => list.split(',').filter(|secret| !secret.is_empty()).map(str::to_owned).collect(),
        None => vec![StoreKey::generate().context("a random secret")?.plain().to_owned()],
    })
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
        assert_eq!(settings.store.kind(), "memory");
        assert_eq!(settings.cookie.as_str(), "sid");
        assert_eq!((settings.idle.as_secs(), settings.absolute.as_secs()), (3_600, 86_400));
    }

    #[test]
    fn what_is_not_available_says_so_and_shows_no_password() {
        for (store, named) in [
            ("mongodb://ada:hunter2@h/db?layout=connect-couch", "connect-couch"),
            ("redis://:hunter2@h?layout=connect-pg-simple", "connect-pg-simple"),
            ("couchdb://:hunter2@h", "sqlite:PATH"),
            ("hunter2", "STORE"),
        ] {
            let error = format!("{:#}", read(&[("STORE", store)]).unwrap_err());
            assert!(error.contains(named) && !error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn any_secrets_do() {
        assert_eq!(secrets(Some("x,keyboard cat")).unwrap(), ["x", "keyboard cat"]);
        assert!(read(&[("SECRET", "x,y")]).unwrap().layer().await.is_ok());
        assert!(read(&[("SECRET", "")]).unwrap().layer().await.is_err());
        assert_eq!(secrets(None).unwrap()[0].len(), 43);
    }

    #[test]
    fn a_cache_stands_before_a_server_only() {
        let mongodb = ("STORE", "mongodb://h/db");
        assert!(read(&[mongodb, ("NEAR", "1")]).unwrap().store != read(&[mongodb, ("NEAR", "0")]).unwrap().store);
        assert!(read(&[mongodb, ("NEAR", "0")]).unwrap().store == read(&[mongodb]).unwrap().store);
        assert!(read(&[("NEAR", "1")]).is_err());
    }

    #[test]
    fn the_limit_is_a_number() {
        assert!(read(&[("LIMIT", "10")]).is_ok());
        assert!(read(&[("LIMIT", "much")]).is_err());
    }

    #[tokio::test]
    async fn a_short_absolute_timeout_needs_no_idle_timeout_beside_it() {
        assert!(read(&[("ABSOLUTE", "2")]).unwrap().layer().await.is_ok());
        assert!(read(&[("IDLE", "0")]).unwrap().layer().await.is_err());
    }
}
