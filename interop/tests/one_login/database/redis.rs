//! A prefix of Redis.

use mongodb::bson::{DateTime, Document, doc};
use redis::aio::MultiplexedConnection;
use redis::{Client, FromRedisValue, RedisResult};
use tokio::runtime::Runtime;

use super::{new_name, new_runtime, server};

/// All keys that have it in their names are removed at the end: those that the Rust side keeps for itself, too.
pub(crate) struct Redis {
    server: String,
    prefix: String,
    runtime: Runtime,
    connection: MultiplexedConnection,
}

impl Redis {
    pub(super) fn new() -> Redis {
        let (server, runtime) = (server("CLOAKROOM_TEST_REDIS"), new_runtime());
        let client = Client::open(server.as_str()).unwrap();
        let connection = runtime.block_on(client.get_multiplexed_async_connection()).unwrap();
        Redis { server, prefix: format!("{}:", new_name()), runtime, connection }
    }

    pub(super) fn url(&self) -> String {
        format!("{}?prefix={}", self.server, self.prefix)
    }

    pub(super) fn documents(&self) -> Vec<Document> {
        let read = |key: &String| {
            let (text, end): (Option<String>, i64) = (self.ask(&["GET", key]), self.ask(&["PEXPIRETIME", key]));
            // It may have ended meanwhile.
            Some(doc! { "_id": &key[self.prefix.len()..], "session": text?, "expires": DateTime::from_millis(end) })
        };
        self.sessions().iter().filter_map(read).collect()
    }

    pub(super) fn set_text(&self, text: &str) {
        for key in self.sessions() {
            self.ask::<()>(&["SET", &key, text, "KEEPTTL"]);
        }
    }

    pub(super) fn clear(&self) {
        for key in self.sessions() {
            self.ask::<()>(&["DEL", &key]);
        }
    }

    fn sessions(&self) -> Vec<String> {
        self.keys(&format!("{}*", self.prefix)).unwrap()
    }

    fn keys(&self, pattern: &str) -> RedisResult<Vec<String>> {
        let (mut cursor, mut all) = (0_u64, Vec::new());
        loop {
            let (next, found): (u64, Vec<String>) =
                self.try_ask(&["SCAN", &cursor.to_string(), "MATCH", pattern, "COUNT", "1000"])?;
            all.extend(found);
            if next == 0 {
                all.sort();
                all.dedup();
                return Ok(all);
            }
            cursor = next;
        }
    }

    fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        self.try_ask(command).unwrap()
    }

    fn try_ask<T: FromRedisValue>(&self, command: &[&str]) -> RedisResult<T> {
        let asked = redis::cmd(command[0]).arg(&command[1..]).to_owned();
        self.runtime.block_on(async { asked.query_async(&mut self.connection.clone()).await })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let removed = self
            .keys(&format!("*{}*", self.prefix))
            .and_then(|keys| keys.iter().try_for_each(|key| self.try_ask::<()>(&["DEL", key])));
        assert!(std::thread::panicking() || removed.is_ok(), "the keys are still there: {removed:?}");
    }
}
