//! Sessions as texts, plain and encrypted: connect-mongo's default.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::UserId;
use cloakroom::record::{Expiry, Handle, Lifetime, Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Created, Guard, Loaded, Store, StoreErrorKind};
use cloakroom_mongodb::{ExpressLayout, WebCrypto};
use mongodb::bson::{Bson, doc};

use super::{Express, date, express};
use crate::scratch::{at, key, patch, record, scratch, text};

const COOKIE: &str = r#"{"originalMaxAge":100000,"expires":"2026-01-02T03:04:05.678Z","httpOnly":true,"path":"/"}"#;

fn crypto(secret: &str) -> WebCrypto {
    WebCrypto::options(secret).iterations(1).derive().unwrap()
}

/// Each layout that has a text, and how that is read.
fn layouts() -> [(ExpressLayout, Option<WebCrypto>); 3] {
    let crypto = crypto("keyboard cat");
    [
        (ExpressLayout::connect_mongo(), None),
        (ExpressLayout::connect_mongo().crypto(crypto.clone()), Some(crypto.clone())),
        (ExpressLayout::connect_mongo_object().crypto(crypto.clone()), Some(crypto)),
    ]
}

/// A session that Express has begun.
async fn begun(express: &Express, crypto: Option<&WebCrypto>, session: &str) -> StoreKey {
    let key = key();
    write(express, crypto, &key, session).await;
    key
}

/// What Express does at the end of a request.
async fn write(express: &Express, crypto: Option<&WebCrypto>, key: &StoreKey, session: &str) {
    let stored = crypto.map_or(session.to_owned(), |crypto| crypto.encrypt(session).unwrap());
    let set = doc! { "$set": { "expires": date(100), "session": stored } };
    express.documents.update_one(doc! { "_id": key.plain() }, set).upsert(true).await.unwrap();
}

async fn session(express: &Express, crypto: Option<&WebCrypto>, key: &StoreKey) -> String {
    let document = express.document(key).await;
    let stored = document.get_str("session").unwrap();
    crypto.map_or(stored.to_owned(), |crypto| crypto.decrypt(stored).unwrap())
}

#[tokio::test]
async fn a_new_session_has_the_text_of_connect_mongo() {
    for (layout, crypto) in layouts() {
        scratch(|scratch| async move {
            let express = express(&scratch, layout);
            let (key, mut record) = (key(), record());
            record.lifetime = Lifetime { idle: Some(Duration::from_secs(100)), persistent: Some(true) };
            let created = express.store.create(&key, &record, at(0)).await.unwrap();
            let Created::Done { token, handle } = created else { panic!("{created:?}") };
            let expires = Value::from_json(&format!("\"{}\"", date(100).try_to_rfc3339_string().unwrap())).unwrap();
            let expires = expires.deserialize::<String>().unwrap();
            let (second, millis) = expires.trim_end_matches('Z').split_once('.').unwrap_or((expires.trim_end_matches('Z'), ""));
            let expected = format!(
                r#"{{"cookie":{{"originalMaxAge":100000,"expires":"{second}.{millis:0<3}Z","httpOnly":true,"path":"/"}},"n":1,"word":"w"}}"#
            );
            assert_eq!(session(&express, crypto.as_ref(), &key).await, expected);
            let found = express.found(&key, at(1)).await.unwrap();
            assert_eq!((found.token, found.handle), (token, handle));
            assert_eq!(found.record, record);
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_write_does_not_name_stays_to_the_byte() {
    let keys = r#""big":1e999,"\u0061":[ 1.50, "\ud83d" ],"9":18446744073709551616"#;
    for (layout, crypto) in layouts() {
        scratch(|scratch| async move {
            let (express, crypto) = (express(&scratch, layout), crypto.as_ref());
            let whole = |rest: &str| format!(r#"{{{keys},"cookie":{COOKIE}{rest}}}"#);
            let key = begun(&express, crypto, &whole("")).await;
            let theirs = doc! { "$set": { "theirs": { "x": 1_i32 } } };
            express.documents.update_one(doc! { "_id": key.plain() }, theirs).await.unwrap();

            express.done(&key, &patch(|patch| patch.set("n", Value::from(4))), at(1)).await;
            assert_eq!(session(&express, crypto, &key).await, whole(r#","n":4"#));
            express.done(&key, &patch(|patch| patch.add("n", 1).unwrap()), at(1)).await;
            assert_eq!(session(&express, crypto, &key).await, whole(r#","n":5"#));

            let before = express.document(&key).await;
            express.done(&key, &patch(|patch| patch.expiry = Expiry::AtLeast(at(150))), at(2)).await;
            express.done(&key, &patch(|patch| patch.set_metadata("agent", text("curl"))), at(2)).await;
            let after = express.document(&key).await;
            assert_eq!(after.get("session"), before.get("session"));
            assert_eq!(after.get("expires"), Some(&Bson::from(date(150))));

            let rotated = express.rotated(&key, &patch(|patch| patch.unset("n")), at(3)).await;
            assert_eq!(session(&express, crypto, &rotated).await, whole(""));
            let found = express.found(&rotated, at(3)).await.unwrap().record;
            assert_eq!((found.idle_end, found.seen), (at(150), at(2)));
            assert_eq!(found.metadata.get("agent"), Some(&text("curl")));
            assert_eq!(express.document(&rotated).await.get("theirs"), Some(&Bson::from(doc! { "x": 1_i32 })));
            assert!(matches!(express.store.load(&key, at(3)).await.unwrap(), Loaded::Superseded));
        })
        .await;
    }
}

#[tokio::test]
async fn a_lifetime_goes_with_the_text_it_was_written_with() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongo());
        let key = begun(&express, None, &format!(r#"{{"cookie":{COOKIE}}}"#)).await;
        let idle = Some(Duration::from_secs(100));
        assert_eq!(
            express.found(&key, at(1)).await.unwrap().record.lifetime,
            Lifetime { idle, persistent: Some(true) }
        );
        for lifetime in [
            Lifetime { idle: None, persistent: Some(true) },
            Lifetime { idle, persistent: Some(false) },
            Lifetime { idle, persistent: None },
            Lifetime { idle: Some(Duration::from_secs(7)), persistent: Some(true) },
            Lifetime::default(),
        ] {
            let write = patch(|patch| {
                patch.lifetime = Some(lifetime);
                patch.expiry = Expiry::Exactly(at(90));
            });
            express.done(&key, &write, at(40)).await;
            assert_eq!(express.found(&key, at(41)).await.unwrap().record.lifetime, lifetime);
            let text = session(&express, None, &key).await;
            let age = match lifetime {
                Lifetime { idle: None, persistent: Some(true) } => r#""originalMaxAge":50000,"#,
                Lifetime { idle: Some(idle), persistent: Some(true) } if idle.as_secs() == 7 => {
                    r#""originalMaxAge":7000,"#
                }
                _ => r#""originalMaxAge":null,"expires":null,"#,
            };
            assert!(text.contains(age), "{lifetime:?} {text}");
        }
        // What Express writes later counts.
        write(&express, None, &key, &format!(r#"{{"cookie":{COOKIE}}}"#)).await;
        assert_eq!(
            express.found(&key, at(1)).await.unwrap().record.lifetime,
            Lifetime { idle, persistent: Some(true) }
        );
    })
    .await;
}

#[tokio::test]
async fn a_guard_sees_what_others_write_and_no_touch() {
    for (layout, crypto) in layouts() {
        scratch(|scratch| async move {
            let (express, crypto) = (express(&scratch, layout), crypto.as_ref());
            let key = begun(&express, crypto, &format!(r#"{{"cookie":{COOKIE},"n":1}}"#)).await;
            let token = express.found(&key, at(1)).await.unwrap().token;
            express.done(&key, &patch(|patch| patch.expiry = Expiry::AtLeast(at(120))), at(1)).await;
            // Express has touched the session: only its cookie's end is another.
            let touched = COOKIE.replace("2026", "2027");
            write(&express, crypto, &key, &format!(r#"{{"cookie":{touched},"n":1}}"#)).await;
            let set = patch(|patch| patch.set("n", Value::from(2)));
            let guard = Guard::Unchanged(token.clone());
            let applied = express.store.apply(&key, &set, &guard, at(1)).await.unwrap();
            let Applied::Done(written) = applied else { panic!("{applied:?}") };
            assert_eq!(express.found(&key, at(1)).await.unwrap().token, written.token);

            let again = express.store.apply(&key, &set, &guard, at(1)).await.unwrap();
            assert!(matches!(again, Applied::Conflict));
            // Back to what it was: the version tells.
            express.done(&key, &patch(|patch| patch.set("n", Value::from(1))), at(1)).await;
            let again = express.store.apply(&key, &set, &guard, at(1)).await.unwrap();
            assert!(matches!(again, Applied::Conflict));
            write(&express, crypto, &key, &format!(r#"{{"cookie":{touched},"n":9}}"#)).await;
            let again = express.store.apply(&key, &set, &Guard::Unchanged(written.token), at(1)).await.unwrap();
            assert!(matches!(again, Applied::Conflict));
        })
        .await;
    }
}

/// Two processes share the session, and a peer of Express that compares before it writes.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_between_processes() {
    const EACH: i64 = 10;
    scratch(|scratch| async move {
        let store = || scratch.store.clone().with_deadline(Duration::from_secs(30));
        let layout = ExpressLayout::connect_mongo;
        let key = begun(&express(&scratch, layout()), None, &format!(r#"{{"cookie":{COOKIE},"n":0,"peer":0}}"#)).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let process = Arc::new(store().with_layout(layout()));
            for _ in 0..2 {
                let (process, key) = (process.clone(), key.clone());
                tasks.spawn(async move {
                    let add = patch(|patch| patch.add("n", 1).unwrap());
                    for _ in 0..EACH {
                        let applied = process.apply(&key, &add, &Guard::Exists, at(1)).await.unwrap();
                        assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
                    }
                });
            }
        }
        let peer = express(&scratch, layout());
        let theirs = key.clone();
        tasks.spawn(async move {
            let mut done = 0;
            while done < EACH {
                let before = session(&peer, None, &theirs).await;
                let after = before.replace(&format!("\"peer\":{done}"), &format!("\"peer\":{}", done + 1));
                let filter = doc! { "_id": theirs.plain(), "session": before };
                let update = peer.documents.update_one(filter, doc! { "$set": { "session": after } });
                done += i64::from(update.await.unwrap().modified_count == 1);
            }
        });
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        let data = express(&scratch, layout()).found(&key, at(1)).await.unwrap().record.data;
        assert_eq!(data.get("n"), Some(&Value::from(4 * EACH)));
        assert_eq!(data.get("peer"), Some(&Value::from(EACH)));
    })
    .await;
}

#[tokio::test]
async fn what_express_fails_on_is_missing_and_stays() {
    for (layout, crypto) in layouts() {
        scratch(|scratch| async move {
            let (express, crypto) = (express(&scratch, layout), crypto.as_ref());
            let texts = [
                "",
                "{nope",
                "null",
                "[]",
                "{}",
                r#"{"cookie":null}"#,
                r#"{"cookie":{"originalMaxAge":"1"}}"#,
                r#"{"cookie":{"originalMaxAge":9e15}}"#,
            ];
            let mut broken = Vec::new();
            for text in texts {
                broken.push(begun(&express, crypto, text).await);
            }
            let objects = [Bson::Null, Bson::from(doc! { "cookie": {} }), 1.into(), vec![Bson::from("{}")].into()];
            for session in objects {
                let key = key();
                express.insert(&doc! { "_id": key.plain(), "expires": date(100), "session": session }).await;
                broken.push(key);
            }
            if crypto.is_some() {
                let key = key();
                let plain = format!(r#"{{"cookie":{COOKIE}}}"#);
                express.insert(&doc! { "_id": key.plain(), "expires": date(100), "session": plain }).await;
                broken.push(key);
            }
            for key in broken {
                let before = express.raw(&key).await.unwrap();
                assert!(matches!(express.store.load(&key, at(1)).await.unwrap(), Loaded::Missing));
                for change in [
                    patch(|patch| patch.set("a", Value::from(1))),
                    patch(|patch| patch.expiry = Expiry::AtLeast(at(500))),
                ] {
                    assert!(matches!(express.apply(&key, &change, at(1)).await, Applied::Gone));
                    let rotated =
                        express.store.rotate(&key, &super::key(), &change, &Guard::Exists, at(1)).await.unwrap();
                    assert!(matches!(rotated, cloakroom::store::Rotated::Gone));
                }
                assert_eq!(express.raw(&key).await.unwrap().as_bytes(), before.as_bytes());
            }
        })
        .await;
    }
}

#[tokio::test]
async fn another_secret_is_an_error_and_no_log_out() {
    scratch(|scratch| async move {
        let right = crypto("keyboard cat");
        let first = express(&scratch, ExpressLayout::connect_mongo().crypto(right.clone()));
        let key = begun(&first, Some(&right), &format!(r#"{{"cookie":{COOKIE},"n":1}}"#)).await;
        let other = express(&scratch, ExpressLayout::connect_mongo().crypto(crypto("another")));
        assert_eq!(other.store.load(&key, at(1)).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
        let set = patch(|patch| patch.set("n", Value::from(2)));
        let error = other.store.apply(&key, &set, &Guard::Exists, at(1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert_eq!(first.found(&key, at(1)).await.unwrap().record.data.get("n"), Some(&Value::from(1)));
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_something_else_in_express_are_refused() {
    scratch(|scratch| async move {
        let express = express(&scratch, ExpressLayout::connect_mongo());
        let key = begun(&express, None, &format!(r#"{{"cookie":{COOKIE}}}"#)).await;
        let before = express.raw(&key).await.unwrap();
        for name in ["cookie", "id", "__proto__", "save"] {
            let changes: [fn(&mut Patch, &str); 2] =
                [|patch, name| patch.set(name, Value::from(1)), |patch, name| patch.add(name, 1).unwrap()];
            for change in changes {
                let change = patch(|patch| change(patch, name));
                assert!(express.store.apply(&key, &change, &Guard::Exists, at(1)).await.is_err(), "{name}");
            }
        }
        let bogus = patch(|patch| patch.set_metadata("cookie", Value::from_json(r#"{"sameSite":"bogus"}"#).unwrap()));
        assert!(express.store.apply(&key, &bogus, &Guard::Exists, at(1)).await.is_err());
        assert_eq!(express.raw(&key).await.unwrap().as_bytes(), before.as_bytes());
    })
    .await;
}

#[tokio::test]
async fn the_cookies_attributes_are_metadata() {
    for (layout, crypto) in layouts() {
        scratch(|scratch| async move {
            let (express, crypto) = (express(&scratch, layout), crypto.as_ref());
            let key = begun(&express, crypto, &format!(r#"{{"cookie":{COOKIE},"n":1}}"#)).await;
            assert!(express.found(&key, at(1)).await.unwrap().record.metadata.is_empty());
            let lax = Value::from_json(r#"{"httpOnly":true,"path":"/","sameSite":"lax"}"#).unwrap();
            express.done(&key, &patch(|patch| patch.set_metadata("cookie", lax.clone())), at(1)).await;
            let expected = COOKIE.replace("/\"}", "/\",\"sameSite\":\"lax\"}");
            assert_eq!(session(&express, crypto, &key).await, format!(r#"{{"cookie":{expected},"n":1}}"#));
            assert_eq!(express.found(&key, at(1)).await.unwrap().record.metadata.get("cookie"), Some(&lax));
            express.done(&key, &patch(|patch| patch.unset_metadata("cookie")), at(1)).await;
            assert_eq!(session(&express, crypto, &key).await, format!(r#"{{"cookie":{COOKIE},"n":1}}"#));
        })
        .await;
    }
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

#[tokio::test]
async fn the_user_is_what_stands_in_the_text() {
    for (layout, crypto) in layouts() {
        for layout in [layout.clone(), layout.tombstones()] {
            let crypto = crypto.clone();
            scratch(|scratch| async move {
                let (express, crypto) = (express(&scratch, layout.user_at("passport.user")), crypto.as_ref());
                let of = async |rest: &str| begun(&express, crypto, &format!(r#"{{"cookie":{COOKIE},{rest}}}"#)).await;
                let hers = of(r#""passport":{"user":"a.*\"é"}"#).await;
                let also_hers = of(r#""passport":{"user":"a.*\"é","x":1}"#).await;
                let decoy = of(r#""passport":{"user":"bob"},"friend":"a.*\"é""#).await;
                let number = of(r#""passport":{"user":42},"n":7"#).await;
                let nobody = of(r#""user":"a.*\"é""#).await;
                let handle = async |key: &StoreKey| express.found(key, at(1)).await.unwrap().handle;
                let directory = express.store.directory().unwrap();
                let listed = async |name: &str| {
                    let entries = directory.list(&user(name), at(1)).await.unwrap();
                    assert_eq!(directory.count(&user(name), at(1)).await.unwrap(), entries.len() as u64);
                    let mut handles: Vec<Handle> = entries.into_iter().map(|entry| entry.handle).collect();
                    handles.sort();
                    handles
                };
                let mut both = [handle(&hers).await, handle(&also_hers).await];
                both.sort();
                assert_eq!(listed("a.*\"é").await, both);
                assert_eq!(listed("42").await, [handle(&number).await]);
                assert_eq!(listed("7").await, []);
                assert_eq!(listed("bob").await, [handle(&decoy).await]);
                assert_eq!(express.found(&nobody, at(1)).await.unwrap().record.user, None);

                let her = user("a.*\"é");
                assert!(!directory.revoke(&her, &handle(&decoy).await, at(1)).await.unwrap());
                let first = handle(&hers).await;
                assert!(directory.revoke(&her, &first, at(1)).await.unwrap());
                assert!(!directory.revoke(&her, &first, at(1)).await.unwrap());
                assert_eq!(directory.revoke_all(&her, Some(&handle(&also_hers).await), at(1)).await.unwrap(), 0);
                assert_eq!(directory.revoke_all(&her, None, at(1)).await.unwrap(), 1);
                assert_eq!(directory.page(None, 9, at(1)).await.unwrap().len(), 3);

                let log_in = patch(|patch| patch.user = Some(user("eve")));
                let turned = express.rotated(&number, &log_in, at(1)).await;
                assert_eq!(
                    session(&express, crypto, &turned).await,
                    format!(r#"{{"cookie":{COOKIE},"passport":{{"user":"eve"}},"n":7}}"#)
                );
                assert_eq!(listed("eve").await, [handle(&turned).await]);
            })
            .await;
        }
    }
}

#[tokio::test]
async fn express_writes_no_text_over_a_tombstone() {
    for (layout, crypto) in layouts() {
        scratch(|scratch| async move {
            let (express, crypto) = (express(&scratch, layout.tombstones()), crypto.as_ref());
            let (key, record): (_, Record) = (key(), record());
            assert!(matches!(express.store.create(&key, &record, at(0)).await.unwrap(), Created::Done { .. }));
            assert!(express.store.destroy(&key, at(1)).await.unwrap());
            let stored = crypto.map_or("{}".to_owned(), |crypto| crypto.encrypt("{}").unwrap());
            let late = doc! { "$set": { "expires": date(100), "session": stored } };
            let refused = express.documents.update_one(doc! { "_id": key.plain() }, late).upsert(true).await;
            assert!(refused.unwrap_err().to_string().contains("Document failed validation"));
            assert!(express.found(&key, at(1)).await.is_none());
        })
        .await;
    }
}
