//! The devices page as an application mounts it.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use cloakroom_pages::{BrowserName, DevicesPage, DevicesTexts, Kind};

use crate::support::{Client, FIREFOX, SAFARI, Site};

const PAGE: &str = "/account/devices";

#[tokio::test]
async fn a_user_sees_their_own_devices_and_no_others() {
    let site = Site::new();
    let app = site.app(PAGE, DevicesPage::new().router());
    let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
    let _phone = Client::logged_in(&app, "ada", SAFARI).await;
    let _stranger = Client::logged_in(&app, "grace", FIREFOX).await;

    let page = desk.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.headers[CACHE_CONTROL], "no-store");
    assert!(page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.body.matches("<h2>").count(), 2);
    assert!(page.body.contains("<h2>Firefox on Linux</h2>") && page.body.contains("<h2>Safari on iPhone</h2>"));
    assert_eq!(page.body.matches("This device").count(), 1, "and it comes first");
    assert!(page.body.find("This device") < page.body.find("Safari on iPhone"));
    assert!(page.body.contains("Logged in just now by password") && page.body.contains("2023-11-14T22:13:20Z"));
    assert!(!page.body.contains("<script"), "it works without");
}

#[tokio::test]
async fn one_device_is_logged_out_and_the_page_comes_back_where_it_is_mounted() {
    for path in ["/account/devices", "/d"] {
        let site = Site::new();
        let app = site.app(path, DevicesPage::new().router());
        let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
        let mut phone = Client::logged_in(&app, "ada", SAFARI).await;
        let page = desk.get(path).await;
        assert!(page.body.contains(&format!("action=\"{path}/end\"")), "{}", page.body);
        let device = page.fields("device").pop().unwrap();
        assert_eq!(desk.post(path, &format!("{path}/end"), &format!("device={device}")).await.location(), path);
        let page = desk.get(path).await;
        assert!(
            page.body.contains("That device is logged out.") && page.body.contains("You are logged in nowhere else.")
        );
        assert!(!desk.get(path).await.body.contains("That device is logged out."), "it is said once");
        assert_eq!((phone.name().await.as_str(), desk.name().await.as_str()), ("nobody", "ada"));

        desk.post(path, &format!("{path}/end"), &format!("device={device}")).await;
        assert!(desk.get(path).await.body.contains("That device was logged out already."));
    }
}

#[tokio::test]
async fn nobody_ends_the_sessions_of_somebody_else() {
    let site = Site::new();
    let app = site.app(PAGE, DevicesPage::new().router());
    let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
    let mut phone = Client::logged_in(&app, "ada", SAFARI).await;
    let mut stranger = Client::logged_in(&app, "grace", FIREFOX).await;
    let device = desk.get(PAGE).await.fields("device").pop().unwrap();
    assert_eq!(stranger.post(PAGE, "/account/devices/end", &format!("device={device}")).await.location(), PAGE);
    stranger.post(PAGE, "/account/devices/end-others", "").await;
    assert_eq!((desk.name().await.as_str(), phone.name().await.as_str()), ("ada", "ada"));
}

#[tokio::test]
async fn all_other_devices_are_logged_out() {
    let site = Site::new();
    let app = site.app(PAGE, DevicesPage::new().router());
    let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
    let mut others = [Client::logged_in(&app, "ada", SAFARI).await, Client::logged_in(&app, "ada", FIREFOX).await];
    assert_eq!(desk.post(PAGE, "/account/devices/end-others", "").await.location(), PAGE);
    assert!(desk.get(PAGE).await.body.contains("2 other devices are logged out."));
    for other in &mut others {
        assert_eq!(other.name().await, "nobody");
    }
}

#[tokio::test]
async fn a_form_without_the_session_s_token_changes_nothing() {
    let site = Site::new();
    let app = site.app(PAGE, DevicesPage::new().router());
    let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
    let mut phone = Client::logged_in(&app, "ada", SAFARI).await;
    let device = desk.get(PAGE).await.fields("device").pop().unwrap();
    let foreign = Client::logged_in(&app, "grace", FIREFOX).await.token(PAGE).await;
    for token in ["", "form_token=", "form_token=wrong", &format!("form_token={foreign}")] {
        for (path, form) in
            [("end", format!("device={device}")), ("end-others", String::new()), ("label", "label=x".into())]
        {
            let answer = desk.send("POST", &format!("{PAGE}/{path}"), &format!("{form}&{token}"), &[]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {token}");
        }
    }
    assert_eq!(phone.name().await, "ada");
    assert!(desk.get(PAGE).await.body.contains("<h2>Firefox on Linux</h2>"), "it has no name");
}

#[tokio::test]
async fn another_site_can_not_send_the_forms() {
    let site = Site::new();
    let app = site.app(PAGE, DevicesPage::new().router());
    let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
    let mut phone = Client::logged_in(&app, "ada", SAFARI).await;
    let form = format!("form_token={}", desk.token(PAGE).await);
    for header in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        let answer = desk.send("POST", "/account/devices/end-others", &form, &[header]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    assert_eq!(phone.name().await, "ada");
    let answer = desk.send("POST", "/account/devices/end-others", &form, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(phone.name().await, "nobody");
}

#[tokio::test]
async fn a_device_has_the_name_that_its_user_gives_it() {
    let site = Site::new();
    let app = site.app(PAGE, DevicesPage::new().router());
    let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
    let mut phone = Client::logged_in(&app, "ada", SAFARI).await;
    let label = "/account/devices/label";
    assert_eq!(desk.post(PAGE, label, "label=++the+%3Cb%3Eold%3C%2Fb%3E++laptop+").await.location(), PAGE);
    let page = phone.get(PAGE).await.body;
    assert!(page.contains("the &#60;b&#62;old&#60;/b&#62; laptop") && !page.contains("<b>"), "{page}");
    assert!(page.contains("Firefox on Linux"), "and what it is stands below");

    desk.post(PAGE, label, &format!("label={}", "x".repeat(500))).await;
    assert!(desk.get(PAGE).await.body.contains("That name is too long."));
    desk.post(PAGE, label, "label=").await;
    let page = desk.get(PAGE).await.body;
    assert!(page.contains("This device has no name any more.") && page.contains("<h2>Firefox on Linux</h2>"));
}

#[tokio::test]
async fn who_has_logged_in_long_ago_confirms_first() {
    let site = Site::new();
    let page = DevicesPage::new().step_up(Duration::from_secs(600), "/confirm").router();
    let app = site.app(PAGE, page);
    let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
    let mut phone = Client::logged_in(&app, "ada", SAFARI).await;
    let token = desk.token(PAGE).await;
    let device = desk.get(PAGE).await.fields("device").pop().unwrap();

    site.pass(601);
    let confirm = "/confirm?next=%2Faccount%2Fdevices";
    let page = desk.get(PAGE).await;
    assert!(page.body.contains(&format!("href=\"{confirm}\"")) && page.fields("device").is_empty(), "{}", page.body);
    for (path, form) in [("end", format!("device={device}")), ("end-others", String::new())] {
        let form = format!("{form}&form_token={token}");
        assert_eq!(desk.send("POST", &format!("{PAGE}/{path}"), &form, &[]).await.location(), confirm);
    }
    assert_eq!(phone.name().await, "ada", "nothing has happened");

    // To give it a name, nobody has to.
    assert_eq!(desk.post(PAGE, "/account/devices/label", "label=desk").await.location(), PAGE);

    assert_eq!(desk.send("POST", "/confirm", "", &[]).await.status, StatusCode::OK);
    assert_eq!(desk.post(PAGE, "/account/devices/end-others", "").await.location(), PAGE);
    assert_eq!(phone.name().await, "nobody");
}

#[tokio::test]
async fn who_is_not_logged_in_is_sent_to_the_log_in() {
    let site = Site::new();
    let app = site.app(PAGE, DevicesPage::new().log_in_at("/log-in").router());
    let mut visitor = Client::new(&app);
    assert_eq!(visitor.get(PAGE).await.location(), "/log-in?next=%2Faccount%2Fdevices");
    for path in ["end", "end-others", "label"] {
        let answer = visitor.send("POST", &format!("{PAGE}/{path}"), "device=x&label=x", &[]).await;
        assert_eq!(answer.location(), "/log-in?next=%2Faccount%2Fdevices");
    }
    let app = Site::new().app(PAGE, DevicesPage::new().router());
    let answer = Client::new(&app).get(PAGE).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, "Please log in first."));
}

#[tokio::test]
async fn it_speaks_another_language() {
    let mut german = DevicesTexts::default();
    german.language = "de".into();
    german.title = "Wo Sie angemeldet sind".into();
    german.this_device = "Dieses Gerät".into();
    german.browser_on = |browser, system| format!("{browser} unter {system}");
    german.ago = |time| format!("vor {} Minuten", time.as_secs() / 60);
    german.logged_in_by = |ago, _| format!("Angemeldet {ago} mit Passwort");
    german.log_out_others = "Überall sonst abmelden".into();
    german.others_ended = |count| format!("{count} andere abgemeldet");
    let german = Arc::new(german);
    let english = Arc::new(DevicesTexts::default());
    let page = DevicesPage::new().texts_by(move |request| {
        let is_german = request.headers.get("accept-language").is_some_and(|it| it.as_bytes().starts_with(b"de"));
        if is_german { german.clone() } else { english.clone() }
    });
    let site = Site::new();
    let app = site.app(PAGE, page.router());
    let mut desk = Client::logged_in(&app, "ada", FIREFOX).await;
    let _phone = Client::logged_in(&app, "ada", SAFARI).await;
    site.pass(300);
    let page = desk.send("GET", PAGE, "", &[("accept-language", "de-AT")]).await.body;
    for text in ["<html lang=\"de\">", "<title>Wo Sie angemeldet sind</title>", "Dieses Gerät", "Firefox unter Linux"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("Angemeldet vor 5 Minuten mit Passwort") && page.contains("Überall sonst abmelden"));
    desk.post(PAGE, "/account/devices/end-others", "").await;
    let page = desk.send("GET", PAGE, "", &[("accept-language", "de")]).await.body;
    assert!(page.contains("1 andere abgemeldet"), "what was done is told in the language of who reads it: {page}");
    assert!(desk.get(PAGE).await.body.contains("<html lang=\"en\">"));
}

#[tokio::test]
async fn an_application_puts_its_own_page_around_it() {
    let page = DevicesPage::new().layout(|content| {
        let user = content.session.user().ok_or("nobody")?;
        let agent = content.request.headers["user-agent"].to_str()?;
        Ok(format!("<html><h1>Our shop</h1>{user} {agent} {} {}{}", content.title, content.style, content.html))
    });
    let app = Site::new().app(PAGE, page.router());
    let answer = Client::logged_in(&app, "ada", FIREFOX).await.get(PAGE).await;
    assert!(answer.body.starts_with(&format!("<html><h1>Our shop</h1>ada {FIREFOX} Where you are logged in {PAGE}/")));
    assert!(!answer.headers.contains_key(CONTENT_SECURITY_POLICY), "that is the application's own");

    let broken = DevicesPage::new().layout(|_| Err("a template failed".into()));
    let app = Site::new().app(PAGE, broken.router());
    let answer = Client::logged_in(&app, "ada", FIREFOX).await.get(PAGE).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, ""));
}

#[tokio::test]
async fn an_application_names_browsers_otherwise() {
    let page = DevicesPage::new().describe_browsers(|text| Some(BrowserName::new(&text[..7], None, Kind::Mobile)));
    let app = Site::new().app(PAGE, page.router());
    let page = Client::logged_in(&app, "ada", FIREFOX).await.get(PAGE).await.body;
    assert!(page.contains("<h2>Mozilla</h2>"), "{page}");
}

#[tokio::test]
async fn the_style_sheet_is_where_the_page_says() {
    let app = Site::new().app(PAGE, DevicesPage::new().router());
    let mut client = Client::logged_in(&app, "ada", FIREFOX).await;
    let page = client.get(PAGE).await.body;
    let (_, style) = page.split_once("<link rel=\"stylesheet\" href=\"").unwrap();
    let style = client.get(style.split('"').next().unwrap()).await;
    assert_eq!(
        (style.status, style.headers["content-type"].to_str().unwrap()),
        (StatusCode::OK, "text/css; charset=utf-8")
    );
    assert!(style.body.contains("--cloakroom-accent"));
}

#[tokio::test]
async fn reading_is_no_change_and_other_methods_are_none() {
    let app = Site::new().app(PAGE, DevicesPage::new().router());
    let mut client = Client::logged_in(&app, "ada", FIREFOX).await;
    for path in ["end", "end-others", "label"] {
        assert_eq!(client.get(&format!("{PAGE}/{path}")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    let bad = client.send("POST", "/account/devices/end", "nothing=of+that", &[]).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn a_page_can_be_printed_and_sent_between_threads() {
    fn is_shared<T: Send + Sync + Clone + std::fmt::Debug>(_: &T) {}
    is_shared(&DevicesPage::default());
}
