//! What stores answer, and what leaves a memory store that is full.

use std::time::Duration;

use cloakroom::cookie::KeyRing;
use cloakroom::store::MemoryStore;
use cloakroom::testing::Browser;
use cloakroom::{Clock, SessionLayer, Timestamp};
use http::{Request, StatusCode};

use crate::seen::Seen;
use crate::support::{HOUR, SECRET, Site, routes};

#[tokio::test]
async fn each_answer_of_the_store_is_told_with_what_it_was_asked_for() {
    let seen = Seen::with_answers();
    let site = Site::with(routes(), |builder| builder.observer(seen.clone()));
    let mut browser = Browser::new();
    for (path, told) in [
        ("/set/a/1", &["store_answered create", "created"][..]),
        ("/set/a/2", &["store_answered load", "loaded", "store_answered apply"]),
        ("/login/ada", &["store_answered load", "loaded", "store_answered rotate", "rotated ada", "logged_in ada"]),
        ("/logout", &["store_answered load", "loaded ada", "store_answered destroy", "logged_out ada"]),
    ] {
        site.get(&mut browser, path).await;
        assert_eq!(seen.take(), told, "{path}");
    }
    let sessions = site.layer.sessions();
    sessions.of_user("ada").await.unwrap();
    sessions.count("ada").await.unwrap();
    sessions.page(None, 1).await.unwrap();
    sessions.revoke("ada", &"none".into()).await.unwrap();
    sessions.revoke_all("ada").await.unwrap();
    sessions.sweep(1).await.unwrap();
    let calls = ["list", "count", "page", "revoke", "revoke_all", "sweep"];
    assert_eq!(seen.take(), calls.map(|call| format!("store_answered {call}")));
}

/// One request of a new browser.
async fn visit(layer: &SessionLayer, path: &str) -> StatusCode {
    let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
    Browser::new().send(routes().layer(layer.clone()), request).await.unwrap().status()
}

#[tokio::test]
async fn what_leaves_a_full_memory_store_is_told_to_the_stores_own_observers() {
    let (seen, of_layer) = (Seen::default(), Seen::default());
    let clock = Clock::manual(Timestamp::from_millis(0));
    let store = MemoryStore::with_capacity(1).with_observer(seen.clone());
    let keys = KeyRing::new(SECRET).unwrap();
    let layer = SessionLayer::builder(store, keys).clock(clock.clone()).observer(of_layer.clone()).build().unwrap();
    for (path, told) in
        [("/incr", &[][..]), ("/incr", &["evicted"]), ("/login/ada", &["evicted"]), ("/login/bob", &["evicted ada"])]
    {
        assert_eq!(visit(&layer, path).await, StatusCode::OK);
        assert_eq!(seen.take(), told, "{path}");
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(of_layer.take(), ["created", "created", "created ada", "logged_in ada", "created bob", "logged_in bob"]);

    assert_eq!(visit(&layer, "/incr").await, StatusCode::SERVICE_UNAVAILABLE, "a visitor pushes out no user");
    assert_eq!((seen.take(), of_layer.take()), (vec![], vec!["store_failed create Full".to_owned()]));

    clock.advance(2 * HOUR);
    assert_eq!(visit(&layer, "/incr").await, StatusCode::OK);
    assert_eq!((seen.take(), of_layer.take()), (vec!["expired 1".to_owned()], vec!["created".to_owned()]));
}
