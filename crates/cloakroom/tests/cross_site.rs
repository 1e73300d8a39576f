//! The layer that refuses other sites' requests, in front of a router and of sessions.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use cloakroom::Session;
use cloakroom::cross_site::{CrossSiteLayer, Origin, Refusal};
use cloakroom::testing::Browser;
use http::{Method, StatusCode};

use support::{Answer, Result, Site, visitor};

async fn bump(session: Session) -> Result {
    Ok(session.increment("n", 1).await?.to_string())
}

fn routes() -> Router {
    support::routes().route("/bump", post(bump)).route("/live", get(async || "live"))
}

async fn send(app: Router, browser: &mut Browser, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "shop.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(browser.send(app, request.body(Body::empty()).unwrap()).await.unwrap()).await
}

#[tokio::test]
async fn another_site_changes_nothing_and_costs_no_store_call() {
    let site = Site::new(routes());
    let mut browser = visitor(&site).await;
    let app = site.app().layer(CrossSiteLayer::new());
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site"), ("origin", "https://blog.shop.example")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let answer = send(app.clone(), &mut browser, Method::POST, "/bump", headers).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::FORBIDDEN, ""));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert!(site.store.calls().is_empty());
    for (count, headers) in [
        (2, &[("sec-fetch-site", "same-origin"), ("origin", "https://shop.example")][..]),
        (3, &[("origin", "https://shop.example")]),
        (4, &[]),
    ] {
        let answer = send(app.clone(), &mut browser, Method::POST, "/bump", headers).await;
        assert_eq!(answer.body, count.to_string());
    }
    let elsewhere = [("sec-fetch-site", "cross-site")];
    assert_eq!(send(app, &mut browser, Method::GET, "/read", &elsewhere).await.body, "4", "a link leads here");
}

#[tokio::test]
async fn another_site_opens_no_websocket() {
    let app = routes().layer(CrossSiteLayer::new().trust(Origin::new("https://app.example").unwrap()));
    for (origin, status) in [
        ("https://shop.example", StatusCode::OK),
        ("https://app.example", StatusCode::OK),
        ("https://evil.example", StatusCode::FORBIDDEN),
        ("null", StatusCode::FORBIDDEN),
    ] {
        let headers = [("connection", "Upgrade"), ("upgrade", "websocket"), ("origin", origin)];
        let answer = send(app.clone(), &mut Browser::new(), Method::GET, "/live", &headers).await;
        assert_eq!(answer.status, status, "{origin}");
        assert_eq!(send(app.clone(), &mut Browser::new(), Method::GET, "/live", &headers[2..]).await.status, 200);
    }
}

#[tokio::test]
async fn a_protected_read_is_refused_and_no_cache_mixes_it_up() {
    let app = routes().layer(CrossSiteLayer::new().protect_reads(|_, uri| uri.path() == "/live"));
    for (path, site, status, vary) in [
        ("/live", "cross-site", StatusCode::FORBIDDEN, Some("sec-fetch-site, origin")),
        ("/live", "none", StatusCode::OK, Some("sec-fetch-site, origin")),
        ("/", "cross-site", StatusCode::OK, None),
    ] {
        let answer = send(app.clone(), &mut Browser::new(), Method::GET, path, &[("sec-fetch-site", site)]).await;
        assert_eq!((answer.status, answer.header("vary")), (status, vary), "{path} {site}");
    }
}

#[tokio::test]
async fn the_answer_can_be_replaced() {
    async fn explained(response: Response) -> Response {
        match response.extensions().get::<Refusal>() {
            Some(refusal) => {
                let text = format!("Not from there: {refusal}.");
                response.map(|_| text.into())
            }
            None => response,
        }
    }
    let app = routes().layer(CrossSiteLayer::new()).layer(map_response(explained));
    let headers = [("sec-fetch-site", "same-site")];
    let answer = send(app.clone(), &mut Browser::new(), Method::POST, "/bump", &headers).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.body, "Not from there: another origin of the same site has caused the request.");
    assert_eq!(send(app, &mut Browser::new(), Method::GET, "/", &headers).await.body, "ok");
}
