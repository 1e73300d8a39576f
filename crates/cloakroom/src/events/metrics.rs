//! Events, counted.

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};

use super::{Event, Observer, StoreCall};
use crate::store::StoreErrorKind;

/// Counts events for the recorder of the crate [`metrics`](https://docs.rs/metrics), which an application installs: one for
/// Prometheus, or any other.
///
/// `docs/operations.md` lists all metrics, with queries. Labels have few values: never a user, a handle or a hash.
///
/// ```
/// use cloakroom::events::Metrics;
/// use cloakroom::{SessionLayer, cookie::KeyRing, store::MemoryStore};
///
/// // After the recorder is installed, so that it learns what the metrics mean.
/// let metrics = Metrics::new();
/// let store = MemoryStore::new().with_observer(metrics);
/// let layer = SessionLayer::builder(store, KeyRing::generate()?).observer(metrics).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metrics;

const CREATED: &str = "cloakroom_sessions_created_total";
const LOADED: &str = "cloakroom_sessions_loaded_total";
const ROTATED: &str = "cloakroom_sessions_rotated_total";
const ENDED: &str = "cloakroom_sessions_ended_total";
const LOGGED_IN: &str = "cloakroom_logins_total";
const DENIED: &str = "cloakroom_logins_denied_total";
const REAUTHENTICATED: &str = "cloakroom_reauthentications_total";
const EVERYTHING: &str = "cloakroom_everything_revoked_total";
const BAD_TICKETS: &str = "cloakroom_bad_tickets_total";
const GONE: &str = "cloakroom_writes_gone_total";
const CONFLICTS: &str = "cloakroom_update_conflicts_total";
const CONTENTIONS: &str = "cloakroom_update_contentions_total";
const FAILURES: &str = "cloakroom_store_failures_total";
const NOT_ASKED: &str = "cloakroom_store_not_asked_total";
const OUTAGES: &str = "cloakroom_store_outages_total";
const AWAY: &str = "cloakroom_store_away";
const DURATION: &str = "cloakroom_store_call_duration_seconds";

const COUNTERS: [(&str, &str); 15] = [
    (CREATED, "Sessions that began."),
    (LOADED, "Good tickets that were looked up, by outcome: found, missing, superseded."),
    (ROTATED, "New ids of sessions."),
    (
        ENDED,
        "Sessions that were ended, by reason: logged_out, destroyed, revoked, expired, evicted_user, evicted_visitor.",
    ),
    (LOGGED_IN, "Log-ins that are stored."),
    (DENIED, "Log-ins beyond the limit of sessions."),
    (REAUTHENTICATED, "Users who proved once more who they are."),
    (EVERYTHING, "Ends of everybody's sessions."),
    (BAD_TICKETS, "Requests with a session cookie that none of the keys has signed."),
    (GONE, "Requests whose session was gone when it was to be changed."),
    (CONFLICTS, "Updates that were overtaken and tried again."),
    (CONTENTIONS, "Updates that were overtaken until the deadline."),
    (FAILURES, "Failures of the store, by kind: unavailable, timeout, full, corrupt, other."),
    (NOT_ASKED, "Store calls that were not made, since the store is away."),
    (OUTAGES, "How often the store went away."),
];

impl Metrics {
    /// An observer that counts. It tells the recorder what the metrics mean.
    pub fn new() -> Metrics {
        for (name, meaning) in COUNTERS {
            metrics::describe_counter!(name, Unit::Count, meaning);
        }
        metrics::describe_gauge!(AWAY, Unit::Count, "How many layers' stores are away.");
        metrics::describe_histogram!(DURATION, Unit::Seconds, "How long the store takes, by call.");
        Metrics
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Observer for Metrics {
    fn observe(&self, event: &Event<'_>) {
        match *event {
            Event::Created { .. } => counter!(CREATED).increment(1),
            Event::Loaded { .. } => counter!(LOADED, "outcome" => "found").increment(1),
            Event::Missing { .. } => counter!(LOADED, "outcome" => "missing").increment(1),
            Event::Superseded { .. } => counter!(LOADED, "outcome" => "superseded").increment(1),
            Event::BadTicket { .. } => counter!(BAD_TICKETS).increment(1),
            Event::Rotated { .. } => counter!(ROTATED).increment(1),
            Event::LoggedIn { .. } => counter!(LOGGED_IN).increment(1),
            Event::Reauthenticated { .. } => counter!(REAUTHENTICATED).increment(1),
            Event::LogInDenied { .. } => counter!(DENIED).increment(1),
            Event::LoggedOut { .. } => ended("logged_out", 1),
            Event::Destroyed { .. } | Event::DestroyedUnread { .. } => ended("destroyed", 1),
            Event::Revoked { .. } => ended("revoked", 1),
            Event::RevokedAll { count, .. } => ended("revoked", count),
            Event::Expired { count } => ended("expired", u64::try_from(count).unwrap_or(u64::MAX)),
            Event::Evicted { user: Some(_), .. } => ended("evicted_user", 1),
            Event::Evicted { user: None, .. } => ended("evicted_visitor", 1),
            Event::EverythingRevoked => counter!(EVERYTHING).increment(1),
            Event::Gone { .. } => counter!(GONE).increment(1),
            Event::Conflict { .. } => counter!(CONFLICTS).increment(1),
            Event::Contention { .. } => counter!(CONTENTIONS).increment(1),
            Event::StoreAnswered { call, took } => took_so_long(call, took),
            Event::StoreFailed { call, took, error } => {
                counter!(FAILURES, "kind" => name_of(error.kind())).increment(1);
                if let (Some(call), Some(took)) = (call, took) {
                    took_so_long(call, took);
                }
            }
            Event::StoreNotAsked { .. } => counter!(NOT_ASKED).increment(1),
            Event::StoreAway => {
                counter!(OUTAGES).increment(1);
                gauge!(AWAY).increment(1.0);
            }
            Event::StoreBack => gauge!(AWAY).decrement(1.0),
        }
    }
}

fn ended(reason: &'static str, count: u64) {
    counter!(ENDED, "reason" => reason).increment(count);
}

fn took_so_long(call: StoreCall, took: Duration) {
    histogram!(DURATION, "call" => call.as_str()).record(took.as_secs_f64());
}

fn name_of(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Unavailable => "unavailable",
        StoreErrorKind::Timeout => "timeout",
        StoreErrorKind::Full => "full",
        StoreErrorKind::Corrupt => "corrupt",
        StoreErrorKind::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_in_the_document() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
        let document = std::fs::read_to_string(path).unwrap();
        let names = COUNTERS.iter().map(|(name, _)| *name).chain([AWAY, DURATION]);
        for name in names {
            assert!(document.contains(&format!("| `{name}`")), "{name} has no row");
        }
    }
}
