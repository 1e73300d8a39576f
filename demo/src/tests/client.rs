//! A shop, and the browsers that visit it.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, Request, StatusCode};
use cloakroom::cookie::KeyRing;
use cloakroom::store::{MemoryStore, Store};
use cloakroom::testing::Browser;
use cloakroom_pages::History;
use http_body_util::BodyExt as _;

use crate::accounts::{Accounts, SAMPLES};
use crate::app::{self, Shop, Tokens};
use crate::pages::sessions::Office;

/// A shop with its sessions in memory.
pub(super) fn shop() -> Router {
    shop_on(Arc::new(MemoryStore::new()))
}

pub(super) fn shop_on(store: Arc<dyn Store>) -> Router {
    shop_with(store, Tokens::Needed)
}

pub(super) fn shop_with(store: Arc<dyn Store>, tokens: Tokens) -> Router {
    let keys = KeyRing::new([7; 32]).unwrap();
    // Tests need no strong hashes, and have no time for them.
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let shop = Shop { accounts: Arc::new(Accounts::samples(&argon2).unwrap()), keys: keys.clone(), tokens };
    let layer = crate::sessions(store, keys).unwrap();
    let history = History::new(Duration::from_secs(60), 60);
    let office = Office { admin: "ada".to_owned(), sessions: layer.sessions(), history };
    app::router(shop, layer, office)
}

/// A visitor with a browser.
#[derive(Clone)]
pub(super) struct Client {
    shop: Router,
    pub(super) browser: Browser,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    /// Where it leads to.
    pub(super) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers[LOCATION].to_str().unwrap()
    }
}

impl Client {
    pub(super) fn new(shop: &Router) -> Client {
        Client { shop: shop.clone(), browser: Browser::new() }
    }

    /// Somebody who has just logged in.
    pub(super) async fn logged_in(shop: &Router, user: &str) -> Client {
        let mut client = Client::new(shop);
        let answer = client.log_in(user, "").await;
        assert_eq!(answer.location(), "/");
        client
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form with the token of a page, as browsers do.
    pub(super) async fn post(&mut self, path: &str, form: &str) -> Answer {
        let token = self.token().await;
        self.post_bare(path, &format!("form_token={token}&{form}")).await
    }

    /// Sends this and no more, as whoever has no page of ours does.
    pub(super) async fn post_bare(&mut self, path: &str, form: &str) -> Answer {
        self.post_with(path, form, &[]).await
    }

    /// The token of a page that is loaded now.
    pub(super) async fn token(&mut self) -> String {
        let page = self.get("/log-in").await.body;
        let (_, token) = page.split_once(r#"name="form_token" value=""#).unwrap();
        token.split_once('"').unwrap().0.to_owned()
    }

    pub(super) async fn post_with(&mut self, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Logs in with the right password; `more` is the rest of the form.
    pub(super) async fn log_in(&mut self, user: &str, more: &str) -> Answer {
        let sample = SAMPLES.into_iter().find(|sample| sample.id == user).unwrap();
        self.post("/log-in", &format!("name={user}&password={}{more}", sample.password)).await
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.browser.send(self.shop.clone(), request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// What the page's header calls the visitor.
    pub(super) async fn name(&mut self) -> Option<&'static str> {
        let page = self.get("/").await;
        assert_eq!(page.status, StatusCode::OK);
        SAMPLES.map(|sample| sample.name).into_iter().find(|name| page.body.contains(&format!("</span>{name}</a>")))
    }

    /// The number that the page's header shows beside the cart.
    pub(super) async fn in_cart(&mut self) -> u32 {
        let page = self.get("/cart").await.body;
        let (_, count) = page.split_once(r#"<span class="count"#).unwrap();
        let (_, count) = count.split_once('>').unwrap();
        count.split_once('<').unwrap().0.parse().unwrap()
    }

    pub(super) fn session_id(&self) -> Option<String> {
        self.browser.cookie("sid").map(str::to_owned)
    }
}
