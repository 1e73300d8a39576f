//! What `tracing` is told. Alone in its file: a thread without a subscriber would decide, for the whole process, that nobody
//! listens.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use cloakroom::testing::Browser;
use tracing_subscriber::fmt::format::FmtSpan;

use support::stranger::{forged, visit};
use support::{Site, act, logged_in, routes};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn tracing_is_told_all_by_level_and_never_whose_session_it_is() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let subscriber = subscriber.with_span_events(FmtSpan::CLOSE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let site = Site::new(routes());
    let browser = logged_in(&site, "ada").await;
    let handle = site.layer.sessions().of_user("ada").await.unwrap()[0].handle.clone();
    let text = log.take();
    let told =
        |text: &str, parts: &[&str]| text.lines().filter(|line| parts.iter().all(|part| line.contains(part))).count();
    let session = format!("session={handle}");
    for parts in [
        &["DEBUG", "cloakroom:", "event=\"created\"", &session][..],
        &["TRACE", "cloakroom:", "event=\"loaded\"", &session],
        &["DEBUG", "cloakroom:", "event=\"rotated\"", &session],
        &["INFO", "cloakroom:", "event=\"logged_in\"", &session, "a user has logged in"],
        &["TRACE", "event=\"store_answered\"", "call=\"rotate\""],
        &["TRACE", "store{call=\"rotate\"}", "close"],
        &["TRACE", "store{call=\"load\"}", "close"],
    ] {
        assert_eq!(told(&text, parts), 1, "{parts:?}: {text}");
    }

    let method = "pass\nword";
    act(&site, &mut browser.clone(), move |session| async move {
        session.log_in_by("ada", method)?;
        session.save().await?;
        session.log_out()
    })
    .await;
    let of_log_in = log.take();
    assert_eq!(told(&of_log_in, &["INFO", "event=\"logged_in\"", "method=\"pass\\nword\""]), 1, "{of_log_in}");

    let mut browser = logged_in(&site, "ada").await;
    let mut stolen = browser.clone();
    let handle = site.layer.sessions().of_user("ada").await.unwrap()[0].handle.clone();
    let session = format!("session={handle}");
    log.take();
    site.get(&mut browser, "/logout").await;
    site.get(&mut stolen, "/read").await;
    visit(&site, "/read", &[format!("__Host-sid={}", forged("chosen"))]).await;
    site.get(&mut Browser::new(), "/login/ada").await;
    site.layer.sessions().revoke_all("ada").await.unwrap();
    let mut other = logged_in(&site, "ada").await;
    site.store.fails.store(true, Ordering::SeqCst);
    for _ in 0..7 {
        site.get(&mut other, "/read").await;
    }
    site.store.fails.store(false, Ordering::SeqCst);
    tokio::time::advance(std::time::Duration::from_millis(200)).await;
    site.get(&mut other, "/read").await;
    let later = log.take();
    for (times, parts) in [
        (1, &["INFO", "event=\"logged_out\"", &session][..]),
        (1, &["DEBUG", "event=\"missing\"", "key="]),
        (1, &["INFO", "event=\"bad_ticket\"", "count=1"]),
        (1, &["INFO", "event=\"revoked_all\"", "count=1", "by=\"operator\""]),
        (6, &["DEBUG", "event=\"store_failed\"", "call=\"load\"", "the session store is unavailable"]),
        (1, &["DEBUG", "event=\"store_not_asked\"", "call=\"load\""]),
        (1, &["WARN", "event=\"store_away\""]),
        (1, &["INFO", "event=\"store_back\""]),
    ] {
        assert_eq!(told(&later, parts), times, "{parts:?}: {later}");
    }
    for text in [text, of_log_in, later] {
        assert!(!text.contains("ada") && !text.contains("chosen"), "{text}");
        let id = stolen.cookie("__Host-sid").unwrap().strip_prefix("s%3A").unwrap().split('.').next().unwrap();
        assert!(!text.contains(id), "{text}");
    }
}
