//! A visitor who sends whatever they like.

use axum::body::Body;
use cloakroom::cookie::{CookieValue, KeyRing};
use http::{HeaderValue, Request, StatusCode};
use tower::ServiceExt as _;

use super::{Answer, SECRET, Site, routes, visitor};

/// One GET with these `Cookie` headers.
pub async fn visit(site: &Site, path: &str, lines: &[impl AsRef<[u8]>]) -> Answer {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for line in lines {
        request.headers_mut().append("cookie", HeaderValue::from_bytes(line.as_ref()).unwrap());
    }
    Answer::read(site.app().oneshot(request).await.unwrap()).await
}

/// The visit is one of a stranger: an empty session, no word to the store, and no cookie.
#[track_caller]
pub fn is_a_strangers(site: &Site, answer: &Answer, sent: &str) {
    assert_eq!(
        (answer.status, answer.body.as_str(), answer.sets_cookie()),
        (StatusCode::OK, "0", false),
        "{sent:.200}"
    );
    assert!(site.store.calls().is_empty(), "{sent:.200}");
}

pub async fn is_refused(site: &Site, value: &str) {
    let answer = visit(site, "/read", &[format!("__Host-sid={value}")]).await;
    is_a_strangers(site, &answer, value);
}

pub async fn is_accepted(site: &Site, lines: &[impl AsRef<[u8]>]) {
    let answer = visit(site, "/read", lines).await;
    assert_eq!((answer.body.as_str(), answer.sets_cookie(), site.store.calls()), ("1", false, vec!["load"]));
}

/// A site, and the ticket of a session there in which n is 1.
pub async fn site() -> (Site, String) {
    let site = Site::new(routes());
    let ticket = visitor(&site).await.cookie("__Host-sid").unwrap().to_owned();
    (site, ticket)
}

/// A ticket for any id, as only who has the secret can make it.
pub fn signed(id: &str) -> String {
    CookieValue::encode(KeyRing::new(SECRET).unwrap().express_sign(id)).unwrap().as_str().to_owned()
}

/// What a stranger can make.
pub fn forged(id: &str) -> String {
    let keys = KeyRing::new("somebody else's secret, of 32 bytes too").unwrap();
    CookieValue::encode(keys.express_sign(id)).unwrap().as_str().to_owned()
}

pub fn decoded(ticket: &str) -> String {
    cloakroom::cookie::decode(ticket.as_bytes()).into_owned()
}
