use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Request, StatusCode};
use cloakroom_mongodb::MongoStore;
use tokio::sync::oneshot;

use super::client::{Client, shop, shop_on};

#[tokio::test]
async fn without_its_store_the_shop_says_so() {
    // Nobody listens on this port.
    let store = MongoStore::connect("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100").await.unwrap();
    let shop = shop_on(Arc::new(store));
    let mut client = Client::new(&shop);
    assert_eq!(client.get("/").await.status, StatusCode::OK, "who brings no ticket needs no store");

    // A ticket of another shop with the same key: well signed, so the store is asked for it.
    client.browser = Client::logged_in(&self::shop(), "ada").await.browser;
    for answer in [client.get("/").await, client.post_bare("/cart/add", "product=bowler&quantity=1").await] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key(RETRY_AFTER));
        assert!(answer.body.contains("The cloakroom is closed for a moment"), "{}", answer.body);
    }
    assert_eq!(client.get("/style.css").await.status, StatusCode::OK);
}

/// What was done in a session that has ended meanwhile is not kept, and the visitor is told.
#[tokio::test]
async fn a_session_that_ends_under_way_is_a_conflict() {
    let mut client = Client::logged_in(&shop(), "ada").await;
    let mut tab = client.clone();
    let form = format!("product=bowler&quantity=1&form_token={}", client.token().await);
    // The form is read after the session is loaded, and it comes only when the other tab has logged out.
    let (is_loaded, loaded) = oneshot::channel();
    let (is_over, over) = oneshot::channel();
    let content = futures_util::stream::once(async {
        is_loaded.send(()).unwrap();
        over.await.map(|()| form)
    });
    let request = Request::post("/cart/add").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request.body(Body::from_stream(content)).unwrap();
    let adding = tokio::spawn(async move { tab.send(request).await });
    loaded.await.unwrap();
    client.post("/log-out", "").await;
    is_over.send(()).unwrap();
    let answer = adding.await.unwrap();
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.body.contains("Your ticket is no longer valid"), "{}", answer.body);
}

#[tokio::test]
async fn mongodb_keeps_the_sessions() {
    let uri = std::env::var("CLOAKROOM_TEST_MONGODB")
        .expect("CLOAKROOM_TEST_MONGODB must name a MongoDB server: run the tests with `cargo xtask test`");
    let store = MongoStore::connect(&uri).await.unwrap().with_collection("shop_tests");
    let shop = shop_on(Arc::new(store));
    let mut client = Client::new(&shop);
    client.post("/cart/add", "product=bowler&quantity=2").await.location();
    client.log_in("linus", "").await.location();
    assert!(client.get("/").await.body.contains("Welcome, Linus."));
    assert_eq!(client.in_cart().await, 2);
    assert!(client.get("/account/devices").await.body.contains("This device"));

    // Sessions of earlier runs may be there too.
    client.post("/account/devices/end-others", "").await.location();
    let mut other = Client::logged_in(&shop, "linus").await;
    client.post("/account/devices/end-others", "").await.location();
    assert!(client.get("/account/devices").await.body.contains("1 other device is logged out."));
    assert_eq!(other.name().await, None);
    client.post("/log-out", "").await.location();
    assert_eq!(client.name().await, None);
}
