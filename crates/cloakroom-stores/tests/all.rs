//! All stores by their URLs, as far as that needs no server.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

use std::error::Error;
use std::time::SystemTime;

use cloakroom::Timestamp;
use cloakroom::record::{Record, StoreKey};
use cloakroom::store::{Created, Loaded, StoreErrorKind};
use cloakroom_stores::StoreUrl;

#[test]
fn a_url_says_which_store_it_is() {
    for (url, kind, is_express) in [
        ("memory:", "memory", false),
        ("sqlite:a.db", "SQLite", false),
        ("mongodb://h/db?collection=c", "MongoDB", false),
        ("mongodb+srv://h/db?layout=connect-mongo&ttl=60&touch_after=5&timestamps=1", "MongoDB", true),
        ("mongodb://h/db?layout=connect-mongo-object&tombstones=0", "MongoDB", true),
        ("mongodb://h/db?layout=connect-mongodb-session", "MongoDB", true),
        ("redis://h", "Redis", false),
        ("rediss://a,b,c", "Redis", false),
        ("redis://h/1?layout=connect-redis", "Redis", true),
        ("postgres://h/db?layout=native", "PostgreSQL", false),
        ("postgresql://h/db?layout=connect-pg-simple&time_zone=Europe%2FBerlin", "PostgreSQL", true),
    ] {
        let url = StoreUrl::parse(url).unwrap();
        assert_eq!((url.kind(), url.is_express()), (kind, is_express));
    }
}

#[tokio::test]
async fn nothing_of_a_url_is_ever_shown() {
    let urls = [
        "sqlite:hunter2%00",
        "sqlite:hunter2?hunter2=1",
        "sqlite:hunter2?synchronous=hunter2",
        "sqlite:hunter2?layout=native",
        "sqlite:%FFhunter2",
        "sqlite:/nowhere/hunter2/hunter2.db",
        "mongodb:hunter2",
        "mongodb://u:hunter2@h:99999999/d",
        "mongodb://h:hunter2",
        "mongodb://h/?w=hunter2&tls=hunter2",
        "mongodb://h/?tlsCertificateKeyFilePassword=hunter2&maxPoolSize=hunter2",
        "mongodb://u:hunter2@h/?layout=connect-couch",
        "mongodb://u:hunter2@h/?layout=hunter2",
        "mongodb://h/?layout=connect-mongo&crypto=hunter2&crypto_iterations=hunter2",
        "mongodb://h/?layout=connect-mongo&crypto=&user_at=hunter2",
        "mongodb://h/?tombstones=1&user_at=hunter2",
        "mongodb://h/?near=hunter2",
        "mongodb://h/?layout=connect-mongo&tombstones=hunter2",
        "mongodb://h/?collection=hunter2&collection=hunter2",
        "redis:hunter2",
        "redis://u:hunter2@h:99999999",
        "redis://h:hunter2",
        "redis://h/hunter2",
        "redis://:hunter2@a,b/3",
        "redis://:hunter2@/?cluster=1",
        "redis://h?layout=connect-redis&ttl=hunter2",
        "redis://u:hunter2@h?hunter2=1",
        "postgres:hunter2",
        "postgres://u:hunter2@h:99999999/d",
        "postgres://u:hunter2@h/d?hunter2=1",
        "postgres://u:hunter2@h/d?collection=hunter2",
    ];
    for url in urls {
        let error: Box<dyn Error> = match StoreUrl::parse(url) {
            Err(error) => error.into(),
            Ok(parsed) => {
                assert!(!format!("{parsed:?}").contains("hunter2"), "{url}");
                parsed.open().await.err().unwrap_or_else(|| panic!("{url}")).into()
            }
        };
        let mut told = format!("{error:?}");
        let mut next: Option<&dyn Error> = Some(&*error);
        while let Some(error) = next {
            told.push_str(&format!(" {error}"));
            next = error.source();
        }
        assert!(!told.contains("hunter2"), "{url}: {told}");
        assert!(!told.contains(url), "{url}: {told}");
    }
}

#[tokio::test]
async fn a_cache_stands_before_a_server_if_it_is_asked_for() {
    for url in [
        "mongodb://127.0.0.1:1/d?near=1",
        "mongodb://127.0.0.1:1/d?layout=connect-mongo&near=2",
        "redis://127.0.0.1:1?near=1",
        "redis://127.0.0.1:1?layout=connect-redis&near=1",
        "postgres://u@127.0.0.1:1/d?near=1",
    ] {
        let store = StoreUrl::parse(url).unwrap().open().await.unwrap();
        assert!(format!("{store:?}").starts_with("NearCache"), "{store:?}");
        let without = StoreUrl::parse(url.rsplit_once("near=").unwrap().0).unwrap().open().await.unwrap();
        assert!(!format!("{without:?}").contains("NearCache"));
    }
    for url in [
        "memory:?near=1",
        "sqlite:a?near=1",
        "mongodb://h/d?near=0",
        "mongodb://h/d?near=1s",
        "redis://a,b?near=1",
        "postgres://h/d?layout=connect-pg-simple&near=1",
    ] {
        assert!(StoreUrl::parse(url).is_err(), "{url}");
    }
    let own_id = StoreUrl::parse("mongodb://h/d?layout=connect-mongodb-session&id_field=sid&near=1").unwrap();
    assert!(own_id.open().await.is_err());
}

#[test]
fn a_layout_that_is_not_there_names_those_that_are() {
    for (url, layout) in [
        ("mongodb://h/?layout=connect-couch", "`connect-mongodb-session`"),
        ("redis://h/?layout=connect-pg-simple", "`connect-redis`"),
        ("postgres://h/?layout=connect-redis", "`connect-pg-simple`"),
    ] {
        let told = StoreUrl::parse(url).unwrap_err().to_string();
        assert!(told.contains("not available") && told.contains(layout) && told.contains("`native`"), "{told}");
    }
}

#[tokio::test]
async fn a_file_keeps_what_it_was_given() {
    let folder = std::env::temp_dir().join(format!("cloakroom stores {}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("50%?.db");
    let url = format!("sqlite:{}?synchronous=normal", file.to_str().unwrap().replace('%', "%25").replace('?', "%3F"));
    let (key, now) = (StoreKey::generate().unwrap(), Timestamp::from(SystemTime::now()));
    let later = Timestamp::from_millis(now.as_millis() + 60_000);
    let created =
        StoreUrl::parse(&url).unwrap().open().await.unwrap().create(&key, &Record::new(now, later, later), now).await;
    assert!(matches!(created, Ok(Created::Done { .. })));
    let loaded = StoreUrl::sqlite(&file).open().await.unwrap().load(&key, now).await;
    assert!(matches!(loaded, Ok(Loaded::Found(_))));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// An application starts while its server is down, and knows from the first call on.
#[tokio::test]
async fn a_server_is_not_waited_for() {
    // Nobody listens on this port.
    for url in [
        "mongodb://127.0.0.1:1/d",
        "mongodb://127.0.0.1:1/d?layout=connect-mongo",
        "redis://127.0.0.1:1",
        "redis://127.0.0.1:1,127.0.0.1:1",
        "redis://127.0.0.1:1?layout=connect-redis",
        "redis://127.0.0.1:1?near=1",
        "postgres://u@127.0.0.1:1/d",
        "postgres://u@127.0.0.1:1/d?layout=connect-pg-simple",
    ] {
        let store = StoreUrl::parse(url).unwrap().with_default_table("sessions").open().await.unwrap();
        let (key, now) = (StoreKey::generate().unwrap(), Timestamp::from(SystemTime::now()));
        let error = store.load(&key, now).await.err().unwrap();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{url}");
    }
}
