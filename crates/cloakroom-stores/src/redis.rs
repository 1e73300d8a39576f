//! `redis://…` and `rediss://…`.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Store, StoreError};
use cloakroom_redis::{ConnectRedis, RedisStore};

use crate::StoreUrlError;
use crate::near::Near;
use crate::options::Options;

pub(crate) const KIND: &str = "Redis";

/// A server, or the nodes of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RedisAt {
    nodes: Vec<String>,
    is_cluster: bool,
    prefix: Option<String>,
    layout: Option<ConnectRedis>,
    near: Option<Near>,
}

impl RedisAt {
    pub(crate) fn read(url: &str, more: &[(&str, &str)]) -> Result<RedisAt, StoreUrlError> {
        let (url, mut options) = Options::take_from(url, KIND, more)?;
        // The driver passes over what it does not know: with a misspelt layout we would read none of Express' sessions.
        if driver_options(&url).any(|option| option != "protocol") {
            return Err(options.unknown());
        }
        let nodes = nodes(&url);
        let is_cluster = options.is_on("cluster")? || nodes.len() > 1;
        if is_cluster && has_database(&url) {
            return Err(StoreUrlError::words("a cluster of Redis has no databases to choose from"));
        }
        let by_name = |name: &str| (name == "connect-redis").then(ConnectRedis::new);
        let layout = options.layout(by_name, "`connect-redis`")?;
        let layout = layout.map(|layout| set_up(layout, &mut options)).transpose()?;
        let prefix = options.take("prefix");
        // A cluster tells nobody what happens to sessions.
        let near = if is_cluster { None } else { Near::take_from(&mut options)? };
        options.finish()?;
        Ok(RedisAt { nodes, is_cluster, prefix, layout, near })
    }

    pub(crate) fn is_express(&self) -> bool {
        self.layout.is_some()
    }

    pub(crate) async fn open(&self, deadline: Option<Duration>) -> Result<Arc<dyn Store>, StoreError> {
        let store = match self.nodes.as_slice() {
            [node] if !self.is_cluster => RedisStore::connect(node).await?,
            nodes => RedisStore::connect_cluster(nodes).await?,
        };
        let store = match &self.prefix {
            Some(prefix) => store.with_prefix(prefix),
            None => store,
        };
        let store = match deadline {
            Some(deadline) => store.with_deadline(deadline),
            None => store,
        };
        let store: Arc<dyn Store> = match &self.layout {
            Some(layout) => Arc::new(store.with_layout(layout.clone())),
            None => Arc::new(store),
        };
        Near::before(self.near, store)
    }
}

/// The layout with the options of its package. `prefix` is one of them: there, the package's keys begin with it.
fn set_up(mut layout: ConnectRedis, options: &mut Options) -> Result<ConnectRedis, StoreUrlError> {
    if let Some(prefix) = options.take("prefix") {
        layout = layout.prefix(&prefix);
    }
    if let Some(ttl) = options.seconds("ttl")? {
        layout = layout.ttl(ttl);
    }
    if let Some(path) = options.take("user_at") {
        layout = layout.user_at(&path);
    }
    Ok(if options.is_on("disable_ttl")? { layout.disable_ttl() } else { layout })
}

/// The URL of each host, where there is a list with commas in between. They share what stands around it.
fn nodes(url: &str) -> Vec<String> {
    let (scheme, authority, rest) = parts(url);
    let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
    let at = if hosts.len() == authority.len() { "" } else { "@" };
    hosts.split(',').map(|host| format!("{scheme}://{user}{at}{host}{rest}")).collect()
}

/// The names of the options that are left for the driver.
fn driver_options(url: &str) -> impl Iterator<Item = &str> {
    let (_, _, rest) = parts(url);
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}

fn has_database(url: &str) -> bool {
    let (_, _, rest) = parts(url);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    !matches!(path, "" | "/" | "/0")
}

/// Scheme, authority, and the rest.
fn parts(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    (scheme, authority, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> RedisAt {
        RedisAt::read(url, &[]).unwrap()
    }

    #[test]
    fn several_hosts_are_a_cluster() {
        let one = read("redis://:p,w@h:1/2?protocol=resp3&prefix=shop");
        assert_eq!((one.nodes, one.is_cluster), (vec!["redis://:p,w@h:1/2?protocol=resp3".to_owned()], false));
        assert_eq!(one.prefix.as_deref(), Some("shop"));
        let three = read("rediss://u:p@a:1,b,[::1]:3/?protocol=resp3");
        let nodes = ["a:1", "b", "[::1]:3"].map(|host| format!("rediss://u:p@{host}/?protocol=resp3"));
        assert_eq!((three.nodes, three.is_cluster), (nodes.to_vec(), true));
        let seed = read("redis://h?cluster=1");
        assert_eq!((seed.nodes, seed.is_cluster), (vec!["redis://h".to_owned()], true));
        assert!(RedisAt::read("redis://a,b/1", &[]).is_err());
    }

    #[test]
    fn what_nobody_understands_is_not_passed_over() {
        for url in ["redis://h?layot=connect-redis", "redis://h/1?protocol=resp3&timeout=1", "redis://h?protcol"] {
            assert!(RedisAt::read(url, &[]).is_err(), "{url}");
        }
        assert_eq!(read("rediss://h?prefix=a&protocol=resp3#insecure").nodes, ["rediss://h?protocol=resp3#insecure"]);
        assert_eq!(read("rediss://h?prefix=a#insecure").nodes, ["rediss://h#insecure"]);
    }

    #[test]
    fn the_layout_has_the_options_of_its_package() {
        let layout = ConnectRedis::new().prefix("myapp:").ttl(Duration::from_secs(60)).user_at("user.id");
        let at = read("redis://h?layout=connect-redis&prefix=myapp:&ttl=60&user_at=user.id");
        assert_eq!((at.layout, at.prefix), (Some(layout), None));
        let at = read("redis://h?layout=connect-redis&disable_ttl=1");
        assert_eq!(at.layout, Some(ConnectRedis::new().disable_ttl()));
    }
}
