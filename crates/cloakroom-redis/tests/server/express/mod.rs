//! The layout of connect-redis.

mod conformance;
mod directory;
mod foreign;
mod texts;

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, StoreKey};
use cloakroom::store::{Applied, Found, Guard, Loaded, Rotated, Store};
use cloakroom_redis::{ConnectRedis, ExpressStore};
use redis::aio::MultiplexedConnection;

use crate::scratch::{Scratch, at, key};

/// A store in this layout, and the bare driver beside it.
struct Express {
    store: ExpressStore,
    prefix: String,
    connection: MultiplexedConnection,
}

fn express(scratch: &Scratch, layout: impl FnOnce(ConnectRedis) -> ConnectRedis) -> Express {
    let prefix = format!("{}:sess:", scratch.prefix);
    let layout = layout(ConnectRedis::new().prefix(&prefix));
    Express { store: scratch.store.clone().with_layout(layout), prefix, connection: scratch.connection.clone() }
}

/// A text as Express writes it, with these keys behind the cookie.
fn text_with(keys: &str) -> String {
    let cookie =
        r#""cookie":{"originalMaxAge":100000,"expires":"2030-01-02T03:04:05.678Z","httpOnly":true,"path":"/"}"#;
    format!("{{{cookie}{keys}}}")
}

impl Express {
    fn name(&self, key: &StoreKey) -> String {
        format!("{}{}", self.prefix, key.plain())
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &str, key: &StoreKey, args: &[&str]) -> T {
        redis::cmd(command).arg(self.name(key)).arg(args).query_async(&mut self.connection.clone()).await.unwrap()
    }

    /// Writes a session as Express does at the end of a request, whatever happened to it meanwhile.
    async fn blind_set(&self, key: &StoreKey, text: &str, ttl: Duration) {
        self.ask::<()>("SET", key, &[text, "EX", &ttl.as_secs().to_string()]).await;
    }

    /// A session that Express has begun, for a hundred seconds.
    async fn begun(&self, text: &str) -> StoreKey {
        let key = key();
        self.blind_set(&key, text, Duration::from_secs(100)).await;
        key
    }

    async fn text(&self, key: &StoreKey) -> Option<String> {
        self.ask("GET", key, &[]).await
    }

    /// When the server removes it.
    async fn removal(&self, key: &StoreKey) -> i64 {
        self.ask("PEXPIRETIME", key, &[]).await
    }

    async fn found(&self, key: &StoreKey, now: Timestamp) -> Option<Found> {
        match self.store.load(key, now).await.unwrap() {
            Loaded::Found(found) => Some(found),
            Loaded::Superseded | Loaded::Missing => None,
        }
    }

    async fn done(&self, key: &StoreKey, patch: &Patch, now: Timestamp) {
        let applied = self.store.apply(key, patch, &Guard::Exists, now).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
    }

    /// Rotates to a new key, and gives that.
    async fn rotated(&self, old: &StoreKey, patch: &Patch, now: Timestamp) -> StoreKey {
        let new = key();
        let rotated = self.store.rotate(old, &new, patch, &Guard::Exists, now).await.unwrap();
        assert!(matches!(rotated, Rotated::Done { .. }), "{rotated:?}");
        new
    }
}

/// Now, by the clock that the server has as well: it reckons the ends of what Express writes.
fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}

/// Long after any of the tests' sessions.
fn late() -> Timestamp {
    at(100_000)
}
