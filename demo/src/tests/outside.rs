use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::client::{Client, shop};

#[tokio::test]
async fn another_site_can_not_send_our_forms() {
    let mut client = Client::logged_in(&shop(), "ada").await;
    let evil: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://localhost")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
    ];
    for headers in evil {
        let answer = client.post_with("/cart/add", "product=bowler&quantity=1", headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.body.contains("That form came from elsewhere"), "{}", answer.body);
    }
    assert_eq!(client.in_cart().await, 0);

    let ours: [&[(&str, &str)]; 3] = [&[("sec-fetch-site", "same-origin")], &[("origin", "http://localhost")], &[]];
    for headers in ours {
        client.post_with("/cart/add", "product=bowler&quantity=1", headers).await.location();
    }
    assert_eq!(client.in_cart().await, 3);
}

#[tokio::test]
async fn every_error_is_a_page() {
    let mut client = Client::new(&shop());
    let answers = [
        (client.get("/nowhere").await, StatusCode::NOT_FOUND),
        (client.get("/products/crown").await, StatusCode::NOT_FOUND),
        (client.get("/cart/add").await, StatusCode::METHOD_NOT_ALLOWED),
        (client.post("/theme", "theme=pink").await, StatusCode::UNPROCESSABLE_ENTITY),
        (client.post("/theme", &"x".repeat(10_000)).await, StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (answer, status) in answers {
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(answer.body.contains(r#"<a class="main" href="/">To the shop</a>"#), "{}", answer.body);
    }
}

#[tokio::test]
async fn every_answer_forbids_scripts() {
    let mut client = Client::new(&shop());
    for path in ["/", "/nowhere", "/style.css", "/account"] {
        let policy = client.get(path).await.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
    }
    let page = client.get("/products/bowler").await.body;
    assert!(!page.contains("<script") && !page.contains("style="), "the policy would block it");
}

#[tokio::test]
async fn the_style_sheet_is_kept_by_its_content_and_pages_are_not() {
    let mut client = Client::new(&shop());
    let page = client.get("/").await;
    assert_eq!(page.headers[CACHE_CONTROL], "private, no-cache");
    let (_, style) = page.body.split_once(r#"rel="stylesheet" href=""#).unwrap();
    let style = client.get(style.split_once('"').unwrap().0).await;
    assert_eq!(style.status, StatusCode::OK);
    assert!(style.headers[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
}
