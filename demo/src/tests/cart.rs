use axum::http::StatusCode;

use super::client::{Client, shop};

#[tokio::test]
async fn a_cart_is_filled_changed_and_emptied() {
    let mut client = Client::new(&shop());
    assert_eq!(client.in_cart().await, 0);
    assert_eq!(client.post("/cart/add", "product=bowler&quantity=2").await.location(), "/products/bowler");
    client.post("/cart/add", "product=mittens&quantity=1").await;
    assert_eq!(client.in_cart().await, 3);
    let page = client.get("/cart").await.body;
    assert!(page.contains("€190.00") && page.contains("€219.00"), "a line, and the total");

    assert_eq!(client.post("/cart/change", "product=bowler&change=less").await.location(), "/cart#bowler");
    client.post("/cart/change", "product=mittens&change=more").await;
    assert_eq!(client.in_cart().await, 3);
    client.post("/cart/change", "product=mittens&change=remove").await;
    client.post("/cart/change", "product=bowler&change=remove").await;
    assert_eq!(client.in_cart().await, 0);
    assert!(client.get("/cart").await.body.contains("Nothing hangs here yet"));
}

#[tokio::test]
async fn what_is_not_sold_is_not_added() {
    let mut client = Client::new(&shop());
    assert_eq!(client.post("/cart/add", "product=crown&quantity=1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.post("/cart/add", "product=bowler&quantity=-1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(client.in_cart().await, 0);
}

#[tokio::test]
async fn a_cart_survives_the_log_in() {
    let mut client = Client::new(&shop());
    client.post("/cart/add", "product=bowler&quantity=2").await;
    client.log_in("ada", "").await;
    assert_eq!(client.name().await, Some("Ada"));
    assert_eq!(client.in_cart().await, 2);
}

#[tokio::test]
async fn a_cart_stays_with_its_user() {
    let mut client = Client::logged_in(&shop(), "ada").await;
    client.post("/cart/add", "product=bowler&quantity=2").await;
    client.log_in("grace", "").await;
    assert_eq!(client.in_cart().await, 0, "another user has not got it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_that_add_at_once_lose_nothing() {
    let mut client = Client::new(&shop());
    client.post("/cart/add", "product=bowler&quantity=1").await;
    let tabs: Vec<_> = ["mittens", "storm-coat", "bowler", "rain-dome"]
        .into_iter()
        .cycle()
        .take(16)
        .map(|product| {
            let mut tab = client.clone();
            let form = format!("product={product}&quantity=1");
            tokio::spawn(async move { tab.post("/cart/add", &form).await.status })
        })
        .collect();
    for tab in tabs {
        assert_eq!(tab.await.unwrap(), StatusCode::SEE_OTHER);
    }
    assert_eq!(client.in_cart().await, 17);
}

#[tokio::test]
async fn an_order_needs_a_log_in_and_is_made_once() {
    let mut client = Client::new(&shop());
    client.post("/cart/add", "product=bowler&quantity=2").await;
    assert_eq!(client.post("/cart/order", "").await.location(), "/log-in?next=%2Fcart");
    client.log_in("ada", "").await;
    assert_eq!(client.get("/order").await.status, StatusCode::NOT_FOUND);

    assert_eq!(client.post("/cart/order", "").await.location(), "/order");
    let page = client.get("/order").await.body;
    assert!(page.contains("ADA-001") && page.contains("2 × Bowler") && page.contains("€190.00"));
    assert_eq!(client.in_cart().await, 0);

    assert_eq!(client.post("/cart/order", "").await.location(), "/cart", "nothing is left for a second click");
    let page = client.get("/cart").await.body;
    assert!(
        page.contains(r#"<p class="flash bad" role="status">There is nothing in your cart to order.</p>"#),
        "{page}"
    );
    assert!(client.get("/order").await.body.contains("ADA-001"));
}
