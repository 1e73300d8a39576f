//! The doctor of stores.

use serde_json::{Value, json};

use crate::command::on;
use crate::places::Place;
use crate::seed::Seed;

fn verdict<'a>(findings: &'a [Value], subject: &str) -> &'a str {
    let found = findings.iter().find(|finding| finding["subject"] == json!(subject));
    found.unwrap_or_else(|| panic!("{subject}: {findings:?}"))["verdict"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_examined() {
    let place = Place::sqlite();
    Seed::new(&place.url, &[None]).await;
    let findings = on(&place.url, &["doctor", "--json"]).ends(0).values();
    for subject in ["reach", "session ids", "version", "schema", "journal_mode", "synchronous"] {
        assert_eq!(verdict(&findings, subject), "good", "{findings:?}");
    }
    let normal = format!("{}?synchronous=normal", place.url);
    assert_eq!(verdict(&on(&normal, &["doctor", "--json"]).ends(0).values(), "synchronous"), "weak");
    let table = on(&normal, &["doctor"]).ends(0).out;
    assert!(table.contains("VERDICT") && table.contains("synchronous: a power cut"), "{table}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_others_can_read_is_found() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::sqlite();
    Seed::new(&place.url, &[None]).await;
    let path = place.url.strip_prefix("sqlite:").unwrap();
    assert_eq!(verdict(&on(&place.url, &["doctor", "--json"]).ends(0).values(), "permissions"), "good");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(verdict(&on(&place.url, &["doctor", "--json"]).ends(4).values(), "permissions"), "bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_is_examined() {
    for (place, ids) in [(Place::mongodb(""), "good"), (Place::mongodb("layout=connect-mongo"), "weak")] {
        Seed::new(&place.url, &[None]).await;
        let findings = on(&place.url, &["doctor", "--json"]).run().values();
        for subject in ["reach", "version", "write concern", "read preference", "TTL index"] {
            assert_eq!(verdict(&findings, subject), "good", "{findings:?}");
        }
        assert_eq!(verdict(&findings, "session ids"), ids);
    }
    let careless = Place::mongodb("w=1&journal=false");
    Seed::new(&careless.url, &[None]).await;
    assert_eq!(verdict(&on(&careless.url, &["doctor", "--json"]).ends(4).values(), "write concern"), "bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_examined() {
    for place in [Place::redis(""), Place::redis("layout=connect-redis")] {
        let findings = on(&place.url, &["doctor", "--json"]).run().values();
        assert_eq!(verdict(&findings, "reach"), "good");
        for subject in ["version", "maxmemory-policy", "appendonly", "appendfsync", "replicas"] {
            verdict(&findings, subject);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_examined() {
    for place in [Place::postgres(""), Place::postgres("layout=connect-pg-simple")] {
        Seed::new(&place.url, &[None]).await;
        let findings = on(&place.url, &["doctor", "--json"]).run().values();
        for subject in ["reach", "version", "server", "table", "indexes"] {
            assert_eq!(verdict(&findings, subject), "good", "{findings:?}");
        }
        for subject in ["fsync", "full_page_writes", "synchronous_commit", "autovacuum"] {
            verdict(&findings, subject);
        }
    }
}
