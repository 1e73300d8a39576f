//! The layout of connect-pg-simple.

mod conformance;
mod directory;
mod package;
mod texts;
mod times;
mod vectors;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, StoreKey};
use cloakroom::store::{Applied, Found, Guard, Loaded, Rotated, Store};
use cloakroom_postgres::{ExpressLayout, ExpressStore};

use crate::scratch::{Scratch, at, key};

/// A cookie of a minute and a half, as express-session writes it.
const COOKIE: &str = r#"{"originalMaxAge":90000,"expires":"2030-01-02T03:04:05.678Z","httpOnly":true,"path":"/"}"#;

/// A store in this layout, and the table as the package has made it.
struct Express {
    store: ExpressStore,
    scratch: Scratch,
}

async fn express(scratch: &Scratch, layout: ExpressLayout) -> Express {
    scratch.run(include_str!("table.sql")).await;
    Express { store: scratch.store.clone().with_layout(layout), scratch: scratch.clone() }
}

/// A text as a constant of SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Express {
    /// Writes a session as the package's `set` does, by its own statement.
    async fn set(&self, key: &StoreKey, text: &str, end: Timestamp) {
        let end = end.as_millis().div_euclid(1_000) + 1;
        let (sid, text) = (quoted(key.plain()), quoted(text));
        self.scratch
            .run(&format!(
                "INSERT INTO \"session\" (sess, expire, sid) SELECT {text}, to_timestamp({end}), {sid} \
                 ON CONFLICT (sid) DO UPDATE SET sess={text}, expire=to_timestamp({end}) RETURNING sid"
            ))
            .await;
    }

    /// A session that Express has begun at 0.
    async fn begun(&self, text: &str) -> StoreKey {
        let key = key();
        self.set(&key, text, at(90)).await;
        key
    }

    /// What the package's `get` would find at a time: the session's text.
    async fn get(&self, key: &StoreKey, now: Timestamp) -> Option<String> {
        let (sid, now) = (quoted(key.plain()), now.as_millis().div_euclid(1_000) + 1);
        let query = format!("SELECT sess FROM \"session\" WHERE sid = {sid} AND expire >= to_timestamp({now})");
        self.scratch.rows(&query).await.pop()
    }

    /// All that stands in the row.
    async fn row(&self, key: &StoreKey) -> Option<String> {
        self.scratch.rows(&format!("SELECT * FROM \"session\" WHERE sid = {}", quoted(key.plain()))).await.pop()
    }

    async fn found(&self, key: &StoreKey, now: Timestamp) -> Option<Found> {
        match self.store.load(key, now).await.unwrap() {
            Loaded::Found(found) => Some(found),
            Loaded::Superseded | Loaded::Missing => None,
        }
    }

    async fn apply(&self, key: &StoreKey, patch: &Patch, now: Timestamp) -> Applied {
        self.store.apply(key, patch, &Guard::Exists, now).await.unwrap()
    }

    async fn done(&self, key: &StoreKey, patch: &Patch, now: Timestamp) {
        let applied = self.apply(key, patch, now).await;
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
