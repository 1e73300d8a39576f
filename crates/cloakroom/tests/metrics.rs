//! What is counted, as a recorder of the crate `metrics` sees it.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use cloakroom::cookie::KeyRing;
use cloakroom::events::Metrics;
use cloakroom::store::MemoryStore;
use cloakroom::testing::Browser;
use cloakroom::{SessionLayer, WhenFull};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use support::stranger::{forged, visit};
use support::{HOUR, MINUTE, SECRET, Site, act, logged_in, routes, visitor};

/// Sums, by name and labels; of a histogram, how many there were.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, f64>>>);

struct Sum {
    name: String,
    sums: Sums,
}

impl Sums {
    fn take(&self) -> Vec<String> {
        let sums = std::mem::take(&mut *self.0.lock().unwrap());
        sums.iter().map(|(name, sum)| format!("{name} {sum}")).collect()
    }

    /// What was counted of sessions, log-ins, tickets and changes.
    fn without_calls(&self) -> Vec<String> {
        self.take().into_iter().filter(|line| !line.starts_with("store_call_duration")).collect()
    }

    fn of(&self, key: &Key) -> Arc<Sum> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = key.name().strip_prefix("cloakroom_").unwrap();
        let name = if labels.is_empty() { name.to_owned() } else { format!("{name} {}", labels.join(",")) };
        Arc::new(Sum { name, sums: self.clone() })
    }
}

impl Sum {
    fn add(&self, by: f64) {
        *self.sums.0.lock().unwrap().entry(self.name.clone()).or_default() += by;
    }
}

impl CounterFn for Sum {
    fn increment(&self, by: u64) {
        self.add(f64::from(u32::try_from(by).unwrap()));
    }

    fn absolute(&self, _: u64) {
        panic!("nothing is set");
    }
}

impl GaugeFn for Sum {
    fn increment(&self, by: f64) {
        self.add(by);
    }

    fn decrement(&self, by: f64) {
        self.add(-by);
    }

    fn set(&self, _: f64) {
        panic!("nothing is set");
    }
}

impl HistogramFn for Sum {
    fn record(&self, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds), "{seconds}");
        self.add(1.0);
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.of(key))
    }
}

/// Runs a test on this thread, which the recorder is for.
fn counted(test: impl AsyncFnOnce(&Sums)) {
    let sums = Sums::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&sums, || runtime.block_on(test(&sums)));
}

#[test]
fn sessions_and_log_ins_are_counted() {
    counted(async |sums| {
        let site = Site::with(routes(), |builder| {
            builder.observer(Metrics::new()).global_revocation(true).session_limit(2, WhenFull::Deny)
        });
        let mut browser = visitor(&site).await;
        assert_eq!(sums.without_calls(), ["sessions_created_total 1"]);
        let mut old = browser.clone();
        site.get(&mut browser, "/login/ada").await;
        site.get(&mut old, "/read").await;
        site.wait(MINUTE);
        site.get(&mut old, "/read").await;
        act(&site, &mut browser, |session| async move { session.reauthenticated() }).await;
        assert_eq!(
            sums.without_calls(),
            [
                "logins_total 1",
                "reauthentications_total 1",
                "sessions_loaded_total outcome=found 2",
                "sessions_loaded_total outcome=missing 1",
                "sessions_loaded_total outcome=superseded 1",
                "sessions_rotated_total 2"
            ]
        );
        logged_in(&site, "ada").await;
        site.get(&mut Browser::new(), "/login/ada").await;
        visit(&site, "/read", &[format!("__Host-sid={}", forged("chosen"))]).await;
        let told = sums.without_calls();
        assert!(
            told.contains(&"logins_denied_total 1".into()) && told.contains(&"bad_tickets_total 1".into()),
            "{told:?}"
        );
    });
}

#[test]
fn ends_are_counted_by_their_reason() {
    counted(async |sums| {
        let site = Site::with(routes(), |builder| builder.observer(Metrics::new()).global_revocation(true));
        let sessions = site.layer.sessions();
        let mut browser = logged_in(&site, "ada").await;
        site.get(&mut browser, "/logout").await;
        act(&site, &mut visitor(&site).await, |session| async move { session.destroy() }).await;
        logged_in(&site, "ada").await;
        logged_in(&site, "ada").await;
        sessions.revoke_all("ada").await.unwrap();
        visitor(&site).await;
        site.wait(2 * HOUR);
        sessions.sweep(10).await.unwrap();
        sessions.revoke_everything().await.unwrap();
        let ended: Vec<_> =
            sums.take().into_iter().filter(|line| line.contains("ended") || line.contains("revoked")).collect();
        assert_eq!(
            ended,
            [
                "everything_revoked_total 1",
                "sessions_ended_total reason=destroyed 1",
                "sessions_ended_total reason=expired 1",
                "sessions_ended_total reason=logged_out 1",
                "sessions_ended_total reason=revoked 2"
            ]
        );
    });
}

#[test]
fn evictions_of_a_memory_store_are_counted() {
    counted(async |sums| {
        let metrics = Metrics::new();
        let store = MemoryStore::with_capacity(1).with_observer(metrics);
        let layer = SessionLayer::builder(store, KeyRing::new(SECRET).unwrap()).observer(metrics).build().unwrap();
        for path in ["/incr", "/login/ada", "/login/bob", "/incr"] {
            let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
            Browser::new().send(routes().layer(layer.clone()), request).await.unwrap();
        }
        assert_eq!(
            sums.take(),
            [
                "logins_total 2",
                "sessions_created_total 3",
                "sessions_ended_total reason=evicted_user 1",
                "sessions_ended_total reason=evicted_visitor 1",
                "store_call_duration_seconds call=create 4",
                "store_failures_total kind=full 1"
            ]
        );
    });
}

#[test]
fn trouble_is_counted() {
    counted(async |sums| {
        let site = Site::with(routes(), |builder| builder.observer(Metrics::new()));
        let mut browser = visitor(&site).await;
        let (mut other, app, sessions) = (browser.clone(), site.app(), site.layer.sessions());
        sums.take();
        act(&site, &mut browser, move |session| async move {
            let request = http::Request::get("/incr").body(axum::body::Body::empty()).unwrap();
            other.send(app, request).await.unwrap();
            session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1).await?;
            session.log_in("ada")?;
            session.save().await?;
            sessions.revoke_all("ada").await?;
            session.insert("a", 1)
        })
        .await;
        assert_eq!(
            sums.without_calls(),
            [
                "logins_total 1",
                "sessions_ended_total reason=revoked 1",
                "sessions_loaded_total outcome=found 2",
                "sessions_rotated_total 1",
                "update_conflicts_total 1",
                "writes_gone_total 1"
            ]
        );

        let mut browser = visitor(&site).await;
        sums.take();
        site.store.fails.store(true, Ordering::SeqCst);
        for _ in 0..7 {
            site.get(&mut browser, "/read").await;
        }
        assert_eq!(
            sums.take(),
            [
                "store_away 1",
                "store_call_duration_seconds call=load 6",
                "store_failures_total kind=unavailable 6",
                "store_not_asked_total 1",
                "store_outages_total 1"
            ]
        );
        site.store.fails.store(false, Ordering::SeqCst);
        tokio::time::advance(std::time::Duration::from_millis(200)).await;
        site.get(&mut browser, "/read").await;
        assert_eq!(
            sums.take(),
            ["sessions_loaded_total outcome=found 1", "store_away -1", "store_call_duration_seconds call=load 1"]
        );
    });
}
