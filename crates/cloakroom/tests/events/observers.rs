//! Who is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloakroom::events::{Event, Observer};
use cloakroom::testing::Browser;
use http::StatusCode;

use crate::seen::Seen;
use crate::support::{Site, routes};

/// What a request has promised does not depend on who watches.
#[tokio::test]
async fn an_observer_that_panics_changes_nothing() {
    let (before, after) = (Seen::default(), Seen::default());
    let site = Site::with(routes(), |builder| {
        let builder = builder.observer(before.clone());
        let builder = builder.observer(|event: &Event<'_>| panic!("an observer's own mistake at {}", event.name()));
        builder.observer(after.clone())
    });
    let mut browser = Browser::new();
    for (path, body) in [("/incr", "1"), ("/incr", "2"), ("/login/ada", "in"), ("/whoami", "ada"), ("/read", "2")] {
        let answer = site.get(&mut browser, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, body), "{path}");
    }
    let mut stolen = browser.clone();
    assert_eq!(site.get(&mut browser, "/logout").await.body, "out");
    assert_eq!(site.get(&mut stolen, "/whoami").await.body, "-");
    let told = before.take();
    assert_eq!(told.len(), 10, "{told:?}");
    assert_eq!(after.take(), told, "those behind it are told as ever");
}

#[tokio::test]
async fn each_of_several_observers_is_told_and_the_application_keeps_its_own() {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Observer for Count {
        fn observe(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (own, shared) = (Arc::new(Count::default()), Arc::new(Seen::default()));
    let as_any: Arc<dyn Observer> = shared.clone();
    let site = Site::with(routes(), |builder| builder.observer(own.clone()).observer(as_any));
    site.get(&mut Browser::new(), "/login/ada").await;
    assert_eq!(shared.take(), ["created ada", "logged_in ada"]);
    assert_eq!(own.0.load(Ordering::SeqCst), 3, "and one answer of the store");
}

/// It runs under no lock: an observer may look at the store, as one does that keeps an audit log there.
#[tokio::test]
async fn an_observer_may_ask_the_memory_store() {
    use cloakroom::store::MemoryStore;
    use cloakroom::{SessionLayer, cookie::KeyRing};

    let asked = Arc::new(MemoryStore::with_capacity(1));
    let (store, counts) = (asked.clone(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let seen = counts.clone();
    let layer = SessionLayer::builder(asked, KeyRing::new(crate::support::SECRET).unwrap())
        .observer(move |event: &Event<'_>| seen.lock().unwrap().push((event.name(), store.stats().sessions)))
        .build()
        .unwrap();
    let request = http::Request::get("/incr").body(axum::body::Body::empty()).unwrap();
    Browser::new().send(routes().layer(layer), request).await.unwrap();
    assert_eq!(*counts.lock().unwrap(), [("store_answered", 1), ("created", 1)]);
}
