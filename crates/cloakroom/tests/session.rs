//! What a handler can do with its session.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::future::Future;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use cloakroom::testing::Browser;
use cloakroom::{Key, Session, SessionError, SessionErrorKind as Kind};

use support::Site;

/// Runs one request whose handler is `act`, with the cookies of `browser`.
async fn with_session<F, Fut>(site: &Site, browser: &mut Browser, act: F)
where
    F: FnOnce(Session) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), SessionError>> + Send + 'static,
{
    let act = Arc::new(Mutex::new(Some(act)));
    let handler = move |session: Session| {
        let act = act.lock().unwrap().take().unwrap();
        async move { act(session).await.map(|()| "ok") }
    };
    let routes = Router::new().route("/", get(handler)).layer(site.layer.clone());
    let request = http::Request::get("/").body(axum::body::Body::empty()).unwrap();
    let answer = support::Answer::read(browser.send(routes, request).await.unwrap()).await;
    assert_eq!(answer.body, "ok", "{answer:?}");
}

fn kind<T: std::fmt::Debug>(result: Result<T, SessionError>) -> Kind {
    result.unwrap_err().kind()
}

#[tokio::test]
async fn typed_keys_and_strings_name_the_same_values() {
    const NAME: Key<String> = Key::new("name");
    let (site, mut browser) = (Site::new(Router::new()), Browser::new());
    with_session(&site, &mut browser, async |session| {
        session.insert(NAME, "Ada".into())?;
        session.insert("born", 1815)?;
        assert_eq!(session.get(NAME)?.as_deref(), Some("Ada"));
        assert_eq!(session.get::<String>(&"name".to_owned())?.as_deref(), Some("Ada"));
        assert_eq!(session.keys().iter().map(|key| &**key).collect::<Vec<_>>(), ["born", "name"]);
        Ok(())
    })
    .await;
    with_session(&site, &mut browser, async |session| {
        assert_eq!(session.get("born")?, Some(1815));
        assert!(session.contains(NAME));
        session.remove(NAME)?;
        assert!(!session.contains(NAME));
        assert_eq!(session.get::<u32>("nothing")?, None);
        Ok(())
    })
    .await;
    with_session(&site, &mut browser, async |session| {
        assert_eq!(session.get(NAME)?, None);
        assert_eq!(session.take("born")?, Some(1815));
        assert_eq!(session.take::<u32>("born")?, None);
        Ok(())
    })
    .await;
    with_session(&site, &mut browser, async |session| {
        assert!(session.keys().is_empty());
        assert!(!session.is_new(), "a session without keys is still one");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn nothing_is_turned_into_none_or_rounded() {
    let (site, mut browser) = (Site::new(Router::new()), Browser::new());
    with_session(&site, &mut browser, async |session| {
        assert_eq!(kind(session.insert("a", f64::NAN)), Kind::Value);
        assert_eq!(kind(session.insert("a", u64::MAX)), Kind::Value);
        assert_eq!(kind(session.insert("a", std::collections::HashMap::from([((1, 2), 3)]))), Kind::Value);
        session.insert("a", "text")?;
        assert_eq!(kind(session.get::<u32>("a")), Kind::Value);
        assert_eq!(kind(session.get::<Option<u32>>("a")), Kind::Value);
        assert_eq!(kind(session.take::<u32>("a")), Kind::Value);
        assert_eq!(kind(session.add("a", 1)), Kind::WrongType);
        assert_eq!(session.get::<String>("a")?.as_deref(), Some("text"));
        session.insert("none", None::<u32>)?;
        assert_eq!(session.get::<Option<u32>>("none")?, Some(None));
        session.insert("exact", 9_007_199_254_740_993_i64)?;
        assert_eq!(session.get("exact")?, Some(9_007_199_254_740_993_i64));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn increments_and_updates_tell_the_truth_and_see_what_is_pending() {
    let (site, mut browser) = (Site::new(Router::new()), Browser::new());
    with_session(&site, &mut browser, async |session| {
        session.add("n", 2)?;
        assert_eq!(session.get("n")?, Some(2));
        session.insert("other", "kept")?;
        assert_eq!(session.increment("n", 3).await?, 5);
        session.add("n", 1)?;
        assert_eq!(session.update("n", |n: Option<i64>| n.unwrap_or(0) * 10).await?, 60);
        assert_eq!(session.get("n")?, Some(60));
        assert_eq!(session.increment("n", -61).await?, -1);
        Ok(())
    })
    .await;
    with_session(&site, &mut browser, async |session| {
        assert_eq!(session.get("n")?, Some(-1));
        assert_eq!(session.get::<String>("other")?.as_deref(), Some("kept"));
        session.insert("n", i64::MAX)?;
        assert_eq!(kind(session.add("n", 1)), Kind::WrongType);
        assert_eq!(kind(session.increment("n", 1).await), Kind::WrongType);
        assert_eq!(session.get("n")?, Some(i64::MAX), "what was pending still is");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_requests_lose_neither_increments_nor_updates_nor_keys() {
    let site = Site::new(
        Router::new()
            .route("/incr", get(|session: Session| async move { session.increment("i", 1).await.map(|_| ()) }))
            .route("/add", get(|session: Session| async move { session.add("a", 1) }))
            .route(
                "/update",
                get(|session: Session| async move {
                    session.update("u", |u: Option<i64>| u.unwrap_or(0) + 1).await.map(|_| ())
                }),
            )
            .route(
                "/set/{key}",
                get(|session: Session, axum::extract::Path(key): axum::extract::Path<String>| async move {
                    session.insert(key, true)
                }),
            ),
    );
    let mut browser = Browser::new();
    browser.enter_session(&site.layer, |session| session.insert("begun", true)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let (app, browser) = (site.app(), browser.clone());
        tasks.spawn(async move {
            for round in 0..50 {
                for path in ["/incr", "/add", "/update", &format!("/set/{worker}-{round}")] {
                    let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
                    let response = browser.clone().send(app.clone(), request).await.unwrap();
                    assert!(response.status().is_success(), "{path} {}", response.status());
                }
            }
        });
    }
    tasks.join_all().await;
    with_session(&site, &mut browser, async |session| {
        assert_eq!((session.get("i")?, session.get("a")?, session.get("u")?), (Some(400), Some(400), Some(400)));
        assert_eq!(session.keys().len(), 4 + 400);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_value_is_modified_in_place_and_tells_what_was_asked() {
    const CART: Key<Vec<u32>> = Key::new("cart");
    let (site, mut browser) = (Site::new(Router::new()), Browser::new());
    with_session(&site, &mut browser, async |session| {
        session.modify(CART, |cart| cart.push(7)).await?;
        assert_eq!(session.modify(CART, |cart| cart.len()).await?, 1);
        Ok(())
    })
    .await;
    with_session(&site, &mut browser, async |session| {
        assert_eq!(session.modify(CART, std::mem::take).await?, [7]);
        assert_eq!(session.get(CART)?, Some(vec![]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn clear_keeps_the_session_and_its_user() {
    let (site, mut browser) = (Site::new(Router::new()), Browser::new());
    browser
        .enter_session(&site.layer, |session| {
            session.insert("a", 1)?;
            session.log_in("ada")
        })
        .await
        .unwrap();
    with_session(&site, &mut browser, async |session| {
        session.clear()?;
        session.insert("b", 2)?;
        assert_eq!(session.get::<i64>("a")?, None);
        Ok(())
    })
    .await;
    with_session(&site, &mut browser, async |session| {
        assert_eq!(session.user().unwrap().as_str(), "ada");
        assert_eq!(session.keys().len(), 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_user_sees_and_ends_the_other_sessions() {
    let site = Site::new(Router::new());
    let (mut phone, mut laptop, mut stranger) = (Browser::new(), Browser::new(), Browser::new());
    for (browser, user) in [(&mut phone, "ada"), (&mut laptop, "ada"), (&mut stranger, "grace")] {
        browser.enter_session(&site.layer, |session| session.log_in(user)).await.unwrap();
    }
    with_session(&site, &mut stranger, async |session| {
        assert_eq!(session.devices().await?.len(), 1);
        Ok(())
    })
    .await;
    with_session(&site, &mut phone, async |session| {
        let devices = session.devices().await?;
        assert_eq!(devices.len(), 2);
        let mine = devices.iter().find(|device| device.is_current).unwrap();
        let other = devices.iter().find(|device| !device.is_current).unwrap();
        assert_eq!(Some(&mine.entry.handle), session.handle().as_ref());
        assert!(!session.revoke(&mine.entry.handle).await?, "one's own session is ended by logging out");
        assert!(session.revoke(&other.entry.handle).await?);
        assert!(!session.revoke(&other.entry.handle).await?);
        Ok(())
    })
    .await;
    with_session(&site, &mut laptop, async |session| {
        assert_eq!(session.user(), None);
        assert!(session.devices().await?.is_empty());
        session.log_in("ada")?;
        assert_eq!(session.devices().await?.len(), 2, "a log-in that is pending is written first");
        Ok(())
    })
    .await;
    with_session(&site, &mut phone, async |session| {
        assert_eq!(session.revoke_others().await?, 1);
        assert_eq!(session.devices().await?.len(), 1);
        Ok(())
    })
    .await;
    with_session(&site, &mut stranger, async |session| {
        assert_eq!(session.user().unwrap().as_str(), "grace");
        assert_eq!(kind(session.log_in("")), Kind::Id);
        Ok(())
    })
    .await;
}
