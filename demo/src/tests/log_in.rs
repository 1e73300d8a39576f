use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;

use super::client::{Client, shop};

#[tokio::test]
async fn logging_in_gives_the_session_a_new_id() {
    let shop = shop();
    let mut client = Client::new(&shop);
    client.post("/cart/add", "product=bowler&quantity=1").await;
    let before = client.clone();
    client.log_in("ada", "").await;
    assert!(client.session_id().is_some());
    assert_ne!(client.session_id(), before.session_id());
    assert_eq!(client.name().await, Some("Ada"));

    let mut before = before;
    assert_eq!(before.name().await, None, "the old id opens nothing");
}

#[tokio::test]
async fn a_wrong_password_logs_nobody_in() {
    let mut client = Client::new(&shop());
    for form in ["name=ada&password=wrong", "name=nobody&password=wrong", "name=&password=", "name=ada&password="] {
        let answer = client.post("/log-in", form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("Name and password don’t belong together"), "{}", answer.body);
        assert_eq!(client.name().await, None);
    }
}

#[tokio::test]
async fn a_message_is_shown_once() {
    let mut client = Client::logged_in(&shop(), "ada").await;
    assert!(client.get("/").await.body.contains("Welcome, Ada."));
    assert!(!client.get("/").await.body.contains("Welcome, Ada."));

    assert_eq!(client.post("/log-out", "").await.location(), "/");
    assert!(client.get("/").await.body.contains("You are logged out."));
    assert!(!client.get("/").await.body.contains("You are logged out."));
}

#[tokio::test]
async fn messages_of_several_tabs_wait_for_one_page() {
    let mut client = Client::new(&shop());
    // Both tabs were opened before: each page takes the messages that wait.
    let token = client.token().await;
    for product in ["bowler", "mittens"] {
        client.post_bare("/cart/add", &format!("form_token={token}&product={product}&quantity=1")).await;
    }
    let page = client.get("/").await.body;
    let place = |text| page.find(text).unwrap();
    assert!(place("Bowler is in your cart.") < place("Mittens is in your cart."));
    assert_eq!(page.matches(r#"<p class="flash" role="status">"#).count(), 2);
    assert!(!client.get("/").await.body.contains("is in your cart"));
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let shop = shop();
    let mut client = Client::logged_in(&shop, "ada").await;
    client.post("/cart/add", "product=bowler&quantity=1").await;
    let mut stolen = client.clone();
    client.post("/log-out", "").await;
    assert_eq!(client.name().await, None);
    assert_eq!(client.in_cart().await, 0);
    assert_eq!(stolen.name().await, None, "the old ticket is worth nothing");
}

#[tokio::test]
async fn who_is_remembered_keeps_the_cookie() {
    let shop = shop();
    let mut client = Client::new(&shop);
    let line = |answer: &super::client::Answer| answer.headers[SET_COOKIE].to_str().unwrap().to_owned();
    let forgotten = line(&client.log_in("ada", "").await);
    assert!(forgotten.starts_with("sid=") && forgotten.contains("; HttpOnly") && forgotten.contains("; SameSite=Lax"));
    assert!(!forgotten.contains("Expires"), "{forgotten}");
    let remembered = line(&client.log_in("ada", "&remember=on").await);
    assert!(remembered.contains("; Expires="), "{remembered}");
    let forgotten = line(&client.log_in("ada", "").await);
    assert!(!forgotten.contains("Expires"), "{forgotten}");
}

#[tokio::test]
async fn a_log_in_leads_on_but_never_away() {
    let shop = shop();
    let mut client = Client::new(&shop);
    assert_eq!(client.log_in("ada", "&next=/products/bowler").await.location(), "/products/bowler");
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil.example", ""] {
        assert_eq!(client.log_in("ada", &format!("&next={elsewhere}")).await.location(), "/", "{elsewhere}");
        let form = client.get(&format!("/log-in?next={}", elsewhere.replace('\\', "%5C"))).await.body;
        let (_, form) = form.split_once(r#"action="/log-in">"#).unwrap();
        assert!(form.contains(r#"<input type="hidden" name="next" value="/">"#), "{form}");
    }
}
