use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use cloakroom::store::MemoryStore;

use super::client::{Client, shop, shop_with};
use crate::app::Tokens;

#[tokio::test]
async fn another_site_can_not_send_our_forms() {
    let mut client = Client::logged_in(&shop(), "ada").await;
    // Even if it knew the token.
    let form = format!("product=bowler&quantity=1&form_token={}", client.token().await);
    let evil: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://localhost")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
    ];
    for headers in evil {
        let answer = client.post_with("/cart/add", &form, headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.body.contains("That form came from elsewhere"), "{}", answer.body);
    }
    assert_eq!(client.in_cart().await, 0);

    let ours: [&[(&str, &str)]; 3] = [&[("sec-fetch-site", "same-origin")], &[("origin", "http://localhost")], &[]];
    for headers in ours {
        client.post_with("/cart/add", &form, headers).await.location();
    }
    assert_eq!(client.in_cart().await, 3, "curl, which tells nothing, may send it too if it has loaded the page");
}

/// All that a form of ours can do to a session.
const FORMS: [(&str, &str); 9] = [
    ("/cart/add", "product=bowler&quantity=1"),
    ("/cart/change", "product=bowler&change=more"),
    ("/cart/order", ""),
    ("/account/devices/end", "device=x"),
    ("/account/devices/end-others", ""),
    ("/account/devices/label", "label=x"),
    ("/confirm", "password=analytical-engine"),
    ("/log-in", "name=grace&password=a-moth-in-the-relay"),
    ("/log-out", ""),
];

#[tokio::test]
async fn each_form_needs_a_token_of_its_visitor() {
    let shop = shop();
    let mut client = Client::logged_in(&shop, "ada").await;
    client.post("/cart/add", "product=bowler&quantity=1").await.location();
    let others = Client::logged_in(&shop, "ada").await.token().await;
    for (path, form) in FORMS {
        for token in ["", "&form_token=", "&form_token=x", &format!("&form_token={others}")] {
            let answer = client.post_bare(path, &format!("{form}{token}")).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {token}");
            assert!(answer.body.contains("That form is out of date"), "{}", answer.body);
        }
    }
    assert_eq!((client.name().await, client.in_cart().await), (Some("Ada"), 1), "nothing was changed");
    assert_eq!(client.get("/order").await.status, StatusCode::NOT_FOUND);
    for (path, form) in FORMS {
        client.post(path, form).await.location();
    }
}

#[tokio::test]
async fn each_form_of_a_page_has_a_token_that_it_needs() {
    let mut client = Client::logged_in(&shop(), "ada").await;
    client.log_in("ada", "").await;
    Client::logged_in(&shop(), "ada").await;
    client.post("/cart/add", "product=bowler&quantity=1").await;
    let mut seen = 0;
    for path in ["/", "/products/bowler", "/cart", "/account", "/account/devices", "/confirm", "/log-in", "/nowhere"] {
        let page = client.get(path).await.body;
        for form in page.split("<form ").skip(1).map(|rest| rest.split_once("</form>").unwrap().0) {
            let has_token = form.contains(r#"<input type="hidden" name="form_token" value=""#);
            assert_eq!(has_token, !form.contains(r#"action="/theme""#), "{path}: {form}");
            seen += usize::from(has_token);
        }
    }
    assert!(seen >= 5, "{seen}");
}

#[tokio::test]
async fn tabs_get_along_until_somebody_logs_in() {
    let mut client = Client::new(&shop());
    let (one, other) = (client.token().await, client.token().await);
    assert_ne!(one, other);
    let form = |token: &str| format!("product=bowler&quantity=1&form_token={token}");
    for token in [&other, &one, &other] {
        client.post_bare("/cart/add", &form(token)).await.location();
    }
    client.log_in("ada", "").await.location();
    assert_eq!(client.post_bare("/cart/add", &form(&one)).await.status, StatusCode::FORBIDDEN);
    let fresh = client.token().await;
    client.post_bare("/cart/add", &form(&fresh)).await.location();
    assert_eq!(client.in_cart().await, 4);
}

/// The pages of the app beside us have no tokens.
#[tokio::test]
async fn beside_express_forms_are_taken_without_a_token_but_not_from_elsewhere() {
    let shop = shop_with(Arc::new(MemoryStore::new()), Tokens::Unknown);
    let mut client = Client::new(&shop);
    let ours = [("sec-fetch-site", "same-origin")];
    client.post_with("/cart/add", "product=bowler&quantity=1", &ours).await.location();
    let evil = [("sec-fetch-site", "cross-site")];
    let answer = client.post_with("/cart/add", "product=bowler&quantity=1", &evil).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(client.in_cart().await, 1);
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
