//! Somebody who visits the shop.

use cloakroom_interop::chromium::Chromium;
use cloakroom_interop::process::Server;
use serde_json::Value;

pub(crate) struct Visitor {
    pub(crate) browser: Chromium,
    shop: String,
}

impl Visitor {
    pub(crate) fn new(shop: &Server) -> Visitor {
        Visitor { browser: Chromium::start(), shop: format!("http://{}", shop.address()) }
    }

    /// Somebody who has switched JavaScript off.
    pub(crate) fn without_script(shop: &Server) -> Visitor {
        Visitor { browser: Chromium::without_script(), shop: format!("http://{}", shop.address()) }
    }

    pub(crate) fn go(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.shop));
    }

    pub(crate) fn log_in(&self, user: &str, password: &str) {
        self.go("/log-in");
        self.browser.write("#name", user);
        self.browser.write("#password", password);
        self.browser.press("form.panel button.main");
        assert!(self.browser.text(".flash").starts_with("Welcome, "));
    }

    pub(crate) fn session_cookie(&self) -> Value {
        let cookies = self.browser.cookies();
        let session = cookies.iter().find(|cookie| cookie["name"] == "sid");
        session.unwrap_or_else(|| panic!("no session cookie among {cookies:?}")).clone()
    }
}
