use axum::http::header::SET_COOKIE;

use super::client::{Answer, Client, shop};

fn only_cookie(answer: &Answer) -> &str {
    let mut lines = answer.headers.get_all(SET_COOKIE).iter();
    let line = lines.next().expect("a cookie").to_str().unwrap();
    assert!(lines.next().is_none());
    line
}

#[tokio::test]
async fn a_visit_without_a_cart_stores_nothing() {
    let answer = Client::new(&shop()).get("/").await;
    assert_eq!(answer.headers.get(SET_COOKIE), None);
}

#[tokio::test]
async fn the_theme_is_kept_in_a_plain_cookie() {
    let mut client = Client::new(&shop());
    assert!(client.get("/").await.body.contains(r#"data-theme="system""#));
    let answer = client.post("/theme", "theme=dark&next=/cart").await;
    assert_eq!(answer.location(), "/cart");
    assert_eq!(only_cookie(&answer), "theme=dark; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax");
    assert!(client.get("/").await.body.contains(r#"data-theme="dark""#));
    assert!(client.get("/nowhere").await.body.contains(r#"data-theme="dark""#), "on error pages too");

    let answer = client.post("/theme", "theme=system&next=//evil.example").await;
    assert_eq!(answer.location(), "/");
    assert_eq!(client.browser.cookie("theme"), None);

    client.browser.set_cookie("theme", "%22%3E%3Cscript%3E");
    assert!(client.get("/").await.body.contains(r#"data-theme="system""#));
}

#[tokio::test]
async fn the_last_five_products_are_remembered() {
    let mut client = Client::new(&shop());
    for product in ["bowler", "mittens", "storm-coat", "pea-coat", "felt-hat", "rain-dome", "mittens"] {
        client.get(&format!("/products/{product}")).await;
    }
    let cookie = client.browser.cookie("recent").unwrap();
    let (ids, _signature) = cookie.rsplit_once('.').unwrap();
    assert_eq!(ids, "mittens~rain-dome~felt-hat~pea-coat~storm-coat");
    let page = client.get("/").await.body;
    let (_, recent) = page.split_once("You looked at").unwrap();
    assert_eq!(recent.matches("<li>").count(), 5);
    assert!(!recent.contains("Bowler"));
}

#[tokio::test]
async fn a_forged_list_is_no_list() {
    let mut client = Client::new(&shop());
    client.get("/products/bowler").await;
    let forged = client.browser.cookie("recent").unwrap().replace("bowler", "mittens");
    client.browser.set_cookie("recent", &forged);
    assert!(!client.get("/").await.body.contains("You looked at"));
    client.browser.set_cookie("recent", "mittens");
    assert!(!client.get("/").await.body.contains("You looked at"));
}
