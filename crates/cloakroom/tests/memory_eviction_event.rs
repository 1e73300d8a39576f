//! That an eviction is told. Alone in its file: a thread without a subscriber would decide, for the whole process, that
//! nobody listens.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use cloakroom::record::{Record, StoreKey};
use cloakroom::store::{MemoryStore, Store};
use cloakroom::{Timestamp, UserId};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_eviction_is_told_without_the_id() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let keys = tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = MemoryStore::with_capacity(1);
            let (now, later) = (Timestamp::from_millis(0), Timestamp::from_millis(1_000));
            let mut keys = Vec::new();
            for user in [Some("ada"), Some("ada"), None] {
                let (key, mut record) = (StoreKey::generate().unwrap(), Record::new(now, later, later));
                record.user = user.map(|user| UserId::new(user).unwrap());
                store.create(&key, &record, now).await.unwrap();
                keys.push(key);
            }
            assert_eq!((store.stats().evicted_users, store.stats().evicted_anonymous), (1, 1));
            keys
        })
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("a session was evicted")).count(), 2, "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("user=true")).count(), 1, "{text}");
    for key in &keys {
        let digest: String = key.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(key.plain()) && !text.contains(&digest), "{text}");
    }
    assert!(!text.contains("ada"), "{text}");
}
