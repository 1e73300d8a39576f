//! Where to go on after a form.

use std::fmt;

use axum::http::{Method, Uri};
use serde::Deserialize;

/// A path of this shop, such as `/cart?x=1`. It comes from addresses and forms, which anybody can write, and it never leads
/// away: whatever is no such path is `/` instead.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct LocalPath(String);

impl LocalPath {
    /// The page that a request belongs to, where one can come back to with a plain link. A form of ours is sent to an
    /// address below its page: `/cart/add` belongs to `/cart`.
    pub(crate) fn of_page(method: &Method, uri: &Uri) -> LocalPath {
        if method.is_safe() {
            return LocalPath::from(uri.path_and_query().map_or("/", |path| path.as_str()).to_owned());
        }
        let page = uri.path().split('/').nth(1).unwrap_or_default();
        LocalPath::from(format!("/{page}"))
    }

    /// The log-in page, which leads back here.
    pub(crate) fn to_log_in(&self) -> String {
        format!(
            "/log-in?next={}",
            askama::filters::urlencode_strict(&self.0).map_or_else(|_| "/".into(), |it| it.to_string())
        )
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LocalPath {
    fn default() -> LocalPath {
        LocalPath("/".to_owned())
    }
}

impl From<String> for LocalPath {
    fn from(text: String) -> LocalPath {
        // Browsers read "//host" and "/\host" as another host, and skip tabs and newlines before they look.
        let leads_away = text.starts_with("//") || text.bytes().any(|byte| byte == b'\\' || !byte.is_ascii_graphic());
        if text.starts_with('/') && !leads_away { LocalPath(text) } else { LocalPath::default() }
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_shop_stays() {
        for path in ["/", "/cart", "/products/storm-coat?x=1&y=%20#top", "/a//b"] {
            assert_eq!(LocalPath::from(path.to_owned()).as_str(), path);
        }
    }

    #[test]
    fn what_leads_away_is_the_front_page() {
        let elsewhere = [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "\\\\evil.example",
            "/\n/evil.example",
            " /cart",
            "",
            "cart",
            "javascript:alert(1)",
            "/caf\u{e9}",
            "/x\r\nSet-Cookie: a=b",
        ];
        for path in elsewhere {
            assert_eq!(LocalPath::from(path.to_owned()).as_str(), "/", "{path:?}");
        }
    }

    #[test]
    fn a_form_leads_back_to_its_page() {
        let page = |method, uri: &'static str| LocalPath::of_page(&method, &Uri::from_static(uri)).to_string();
        assert_eq!(page(Method::POST, "/cart/add"), "/cart");
        assert_eq!(page(Method::GET, "/products/opera-cloak?x=1"), "/products/opera-cloak?x=1");
        assert_eq!(LocalPath::from("/a?b=c&d".to_owned()).to_log_in(), "/log-in?next=%2Fa%3Fb%3Dc%26d");
    }
}
