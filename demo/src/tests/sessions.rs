//! The pages of `cloakroom-pages` as the shop has them. What they do by themselves is tested there.

use axum::http::StatusCode;

use super::client::{Client, shop};

#[tokio::test]
async fn one_device_logs_the_other_out() {
    let shop = shop();
    let (mut desk, mut phone) = (Client::logged_in(&shop, "ada").await, Client::logged_in(&shop, "ada").await);
    let mut stranger = Client::logged_in(&shop, "grace").await;

    assert!(desk.get("/account").await.body.contains("On 2 devices; this is one of them."));
    let page = desk.get("/account/devices").await.body;
    assert_eq!(page.matches("This device").count(), 1);
    let (_, rest) = page.split_once(r#"name="device" value=""#).unwrap();
    let form = format!("device={}", rest.split_once('"').unwrap().0);

    stranger.post("/account/devices/end", &form).await;
    assert_eq!(phone.name().await, Some("Ada"), "nobody can end another user's session");

    assert_eq!(desk.post("/account/devices/end", &form).await.location(), "/account/devices");
    assert_eq!(phone.name().await, None);
    assert_eq!(phone.get("/account/devices").await.location(), "/log-in?next=%2Faccount%2Fdevices");
    assert_eq!(desk.name().await, Some("Ada"));
    assert!(desk.get("/account").await.body.contains("Only here, on this device."));
}

#[tokio::test]
async fn one_device_logs_all_others_out() {
    let shop = shop();
    let mut desk = Client::logged_in(&shop, "ada").await;
    let mut others = [Client::logged_in(&shop, "ada").await, Client::logged_in(&shop, "ada").await];
    let mut stranger = Client::logged_in(&shop, "grace").await;
    desk.post("/account/devices/end-others", "").await;
    assert!(desk.get("/account/devices").await.body.contains("2 other devices are logged out."));
    for other in &mut others {
        assert_eq!(other.name().await, None);
    }
    assert_eq!(stranger.name().await, Some("Grace"));
}

#[tokio::test]
async fn the_pages_stand_in_the_shops_own_frame() {
    let mut client = Client::logged_in(&shop(), "ada").await;
    client.post("/cart/add", "product=bowler&quantity=2").await;
    for (path, title) in [("/account/devices", "Where you are logged in"), ("/admin/sessions", "Sessions")] {
        let page = client.get(path).await.body;
        assert!(page.contains(&format!("<title>{title} · The Cloakroom Shop</title>")), "{page}");
        assert!(page.contains("Your account, </span>Ada") && page.matches("<h1").count() == 1, "{page}");
        let style = format!(r#"<link rel="stylesheet" href="{path}/cloakroom-"#);
        assert!(page.contains(&style), "{page}");
        assert!(page.contains(&format!(r#"name="next" value="{path}""#)), "the theme's form leads back: {page}");
    }
}

#[tokio::test]
async fn only_the_administrator_sees_all_sessions() {
    let shop = shop();
    let mut customer = Client::logged_in(&shop, "grace").await;
    let answer = customer.get("/admin/sessions").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.body.contains("Nothing hangs on this hook"), "as if there were no such page: {}", answer.body);
    let mut visitor = Client::new(&shop);
    assert_eq!(visitor.get("/admin/sessions").await.location(), "/log-in?next=%2Fadmin%2Fsessions");

    let mut admin = Client::logged_in(&shop, "ada").await;
    let page = admin.get("/admin/sessions/user?user=grace").await;
    assert_eq!(page.status, StatusCode::OK);
    admin.post("/admin/sessions/end-all", "user=grace").await;
    assert!(admin.get("/admin/sessions/user?user=grace").await.body.contains("1 session has ended."));
    assert_eq!(customer.name().await, None);
}

#[tokio::test]
async fn who_confirms_gives_the_password_and_goes_on() {
    let shop = shop();
    let mut client = Client::logged_in(&shop, "ada").await;
    let page = client.get("/confirm?next=/account/devices").await.body;
    assert!(page.contains(r#"name="next" value="/account/devices""#), "{page}");
    let before = client.session_id();
    let wrong = client.post("/confirm", "password=guessed&next=/account/devices").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("That is not your password"), "{}", wrong.body);
    assert_eq!(client.session_id(), before);
    let right = client.post("/confirm", "password=analytical-engine&next=/account/devices").await;
    assert_eq!(right.location(), "/account/devices");
    assert_ne!(client.session_id(), before, "with more rights comes a new id");

    let elsewhere = client.post("/confirm", "password=analytical-engine&next=//evil.example").await;
    assert_eq!(elsewhere.location(), "/");
    assert_eq!(Client::new(&shop).get("/confirm").await.location(), "/log-in?next=%2Fconfirm");
}
