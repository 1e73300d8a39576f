//! The jar in axum handlers.
#![cfg(feature = "axum")]

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use cloakroom::cookie::{CookieError, CookieJar, SetCookie};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

async fn toggle(mut jar: CookieJar) -> Result<(CookieJar, &'static str), CookieError> {
    let theme = if jar.get("theme").as_deref() == Some("dark") { "light" } else { "dark" };
    jar.add(SetCookie::new("theme", theme)?.path("/")?)?;
    Ok((jar, "toggled"))
}

async fn refused(mut jar: CookieJar) -> Result<CookieJar, CookieError> {
    jar.add(SetCookie::new("theme", "secret")?.partitioned(true))?;
    Ok(jar)
}

async fn only_the_jar(mut jar: CookieJar) -> Result<CookieJar, CookieError> {
    jar.remove_named("theme")?;
    Ok(jar)
}

async fn ask(path: &str, cookie: Option<&str>) -> http::Response<Body> {
    let app =
        Router::new().route("/toggle", get(toggle)).route("/refused", get(refused)).route("/remove", get(only_the_jar));
    let mut request = Request::get(path);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    match request.body(Body::empty()) {
        Ok(request) => match app.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_handler_reads_and_writes_cookies() {
    let response = ask("/toggle", Some("theme=dark")).await;
    assert_eq!(response.headers()[header::SET_COOKIE], "theme=light; Path=/");
    let response = ask("/toggle", None).await;
    assert_eq!(response.headers()[header::SET_COOKIE], "theme=dark; Path=/");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "toggled");
}

#[tokio::test]
async fn a_cookie_that_can_not_be_written_is_a_500_that_says_nothing() {
    let response = ask("/refused", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(response.headers().get(header::SET_COOKIE).is_none());
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn a_jar_is_a_response_too() {
    let response = ask("/remove", None).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[header::SET_COOKIE],
        "theme=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    );
}
