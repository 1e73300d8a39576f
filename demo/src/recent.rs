//! What the visitor has looked at: a signed cookie, so that nothing gets into it that the shop has not put there.

use std::time::Duration;

use cloakroom::cookie::{CookieError, CookieJar, CookieName, KeyRing, SameSite, SetCookie};

use crate::catalogue::{self, Product};

const NAME: CookieName = CookieName::from_static("recent");

/// Needs no escaping in a cookie, and is in no product's id.
const BETWEEN: &str = "~";

const MOST: usize = 5;

const A_MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Products, the latest first, none of them twice.
pub(crate) struct Recent(Vec<&'static Product>);

impl Recent {
    /// Empty if there is no such cookie, or if it is not signed by one of our keys. What is no longer sold is left out.
    pub(crate) fn of(jar: &CookieJar, keys: &KeyRing) -> Recent {
        let ids = jar.signed(keys).get(NAME).unwrap_or_default();
        Recent(ids.split(BETWEEN).filter_map(catalogue::find).take(MOST).collect())
    }

    pub(crate) fn see(&mut self, product: &'static Product) {
        self.0.retain(|other| other.id != product.id);
        self.0.insert(0, product);
        self.0.truncate(MOST);
    }

    pub(crate) fn keep(&self, jar: &mut CookieJar, keys: &KeyRing) -> Result<(), CookieError> {
        let ids: Vec<_> = self.0.iter().map(|product| product.id).collect();
        let cookie = SetCookie::new(NAME, ids.join(BETWEEN))?
            .path("/")?
            .max_age(A_MONTH)
            .http_only(true)
            .same_site(SameSite::Lax);
        jar.signed_mut(keys).add(cookie)
    }

    pub(crate) fn into_products(self) -> Vec<&'static Product> {
        self.0
    }
}
