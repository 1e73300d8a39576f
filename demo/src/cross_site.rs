//! No other site may send the shop's forms.
//!
//! SameSite=Lax keeps the session cookie off most of such posts already; this also stops what SameSite lets through, such
//! as a post from a sibling domain, and a forged log-in, which needs no cookie.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::errors::AppError;

pub(crate) async fn refuse(request: Request, next: Next) -> Result<Response, AppError> {
    if is_ours(request.method(), request.headers()) { Ok(next.run(request).await) } else { Err(AppError::CrossSite) }
}

/// Whether a request may change things: browsers tell where it comes from, and pages can't make them lie.
fn is_ours(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key("sec-fetch-site") {
        // "none" is the visitor's own doing, such as a reload.
        return matches!(text("sec-fetch-site"), Some("same-origin" | "none"));
    }
    if headers.contains_key(ORIGIN) {
        // Only the host is compared: behind a proxy that ends TLS nobody here knows the scheme.
        let origin = text(ORIGIN.as_str()).and_then(|origin| origin.split_once("://"));
        return origin.is_some_and(|(_, host)| Some(host) == text(HOST.as_str()));
    }
    // No browser of today; one so old is left to SameSite.
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in [("host", "shop.example:3000")].iter().chain(headers) {
            map.insert(*name, axum::http::HeaderValue::from_static(value));
        }
        is_ours(&Method::POST, &map)
    }

    #[test]
    fn the_browser_tells_where_a_post_comes_from() {
        assert!(post(&[("sec-fetch-site", "same-origin")]));
        assert!(post(&[("sec-fetch-site", "none")]));
        assert!(!post(&[("sec-fetch-site", "cross-site")]));
        assert!(!post(&[("sec-fetch-site", "same-site")]));
        assert!(!post(&[("sec-fetch-site", "cross-site"), ("origin", "http://shop.example:3000")]));
    }

    #[test]
    fn without_that_the_origin_decides() {
        assert!(post(&[("origin", "http://shop.example:3000")]));
        assert!(post(&[("origin", "https://shop.example:3000")]));
        assert!(!post(&[("origin", "http://shop.example")]));
        assert!(!post(&[("origin", "http://evil.example")]));
        assert!(!post(&[("origin", "null")]));
        assert!(post(&[]));
    }

    #[test]
    fn reading_is_free() {
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-site", axum::http::HeaderValue::from_static("cross-site"));
        assert!(is_ours(&Method::GET, &headers));
    }
}
