use std::sync::Arc;

use axum::http::header::RETRY_AFTER;
use axum::http::StatusCode;
use cloakroom_mongodb::MongoStore;

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
    for answer in [client.get("/").await, client.post("/cart/add", "product=bowler&quantity=1").await] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key(RETRY_AFTER));
        assert!(answer.body.contains("The cloakroom is closed for a moment"), "{}", answer.body);
    }
    assert_eq!(client.get("/style.css").await.status, StatusCode::OK);
}

/// What was done in a session that has ended meanwhile is not kept, and the visitor is told.
#[tokio::test]
async fn a_session_that_ends_under_way_is_a_conflict() {
    let shop = shop();
    let mut client = Client::logged_in(&shop, "ada").await;
    let mut tab = client.clone();
    let log_in = tokio::spawn(async move { tab.log_in("ada", "").await });
    // The other tab waits for the password's check with its session loaded; meanwhile this one logs out.
    tokio::task::yield_now().await;
    client.post("/log-out", "").await;
    let answer = log_in.await.unwrap();
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
    assert!(client.get("/account").await.body.contains("This device"));

    // Sessions of earlier runs may be there too.
    client.post("/account/end-others", "").await.location();
    let mut other = Client::logged_in(&shop, "linus").await;
    client.post("/account/end-others", "").await.location();
    assert!(client.get("/account").await.body.contains("1 other device is logged out."));
    assert_eq!(other.name().await, None);
    client.post("/log-out", "").await.location();
    assert_eq!(client.name().await, None);
}
