//! That an eviction is told. Alone in its file: a thread without a subscriber would decide, for the whole process, that
//! nobody listens.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::pin::pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cloakroom::record::{Record, StoreKey};
use cloakroom::store::{Directory, MemoryStore, Store, StoreFuture};
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

/// Users' sessions at a level that somebody reads, visitors' at one that a flood of them does not fill. The log asks
/// the store itself, as one may that sends the event on: that must not wait for the call that is being told of.
fn log_of_evictions() {
    let (log, store) = (Log::default(), Arc::new(MemoryStore::with_capacity(1)));
    let (writer, asked) = (log.clone(), store.clone());
    let (now, later) = (Timestamp::from_millis(0), Timestamp::from_millis(1_000));
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let make_writer = move || {
        drop(ready(asked.page(None, 1, now)));
        writer.clone()
    };
    let subscriber = tracing_subscriber::fmt().with_writer(make_writer).with_ansi(false);
    let subscriber = subscriber.with_max_level(tracing::Level::DEBUG).finish();
    let keys = tracing::subscriber::with_default(subscriber, || {
        runtime().block_on(async {
            let mut keys = Vec::new();
            for user in [None, None, Some("ada"), Some("ada"), None] {
                let (key, mut record) = (StoreKey::generate().unwrap(), Record::new(now, later, later));
                record.user = user.map(|user| UserId::new(user).unwrap());
                // The last one is refused, which is an answer and no eviction.
                drop(store.create(&key, &record, now).await);
                keys.push(key);
            }
            assert_eq!((store.stats().evicted_users, store.stats().evicted_anonymous), (1, 2));
            keys
        })
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let told = |level: &str| {
        text.lines().filter(|line| line.contains(level) && line.contains("a session was evicted")).count()
    };
    assert_eq!((told("DEBUG"), told("INFO"), told("WARN")), (2, 0, 1), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("WARN") && line.contains("user=true")).count(), 1, "{text}");
    for key in &keys {
        let digest: String = key.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(key.plain()) && !text.contains(&digest), "{text}");
    }
    assert!(!text.contains("ada"), "{text}");
}

/// The memory store's answers are ready at once.
fn ready<T>(answer: StoreFuture<'_, T>) -> T {
    let mut answer = pin!(answer);
    let mut context = Context::from_waker(Waker::noop());
    match answer.as_mut().poll(&mut context) {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => panic!("the memory store waits"),
    }
}

#[test]
fn an_eviction_is_told_without_the_id_and_under_no_lock() {
    let (done, told) = mpsc::channel();
    let teller = std::thread::spawn(move || {
        log_of_evictions();
        done.send(()).unwrap();
    });
    match told.recv_timeout(Duration::from_secs(20)) {
        Err(RecvTimeoutError::Timeout) => panic!("the store was locked while it told of an eviction"),
        _ => teller.join().unwrap(),
    }
}
