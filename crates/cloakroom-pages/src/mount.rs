//! Where in an application a page is mounted.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

/// Where a page's own router is mounted, and where in it a request is.
///
/// It is read off the request: the address that was asked for, less what the page's own router has matched. So a page needs
/// not be told where it is mounted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mount {
    /// Such as `/account/devices`, without a slash at its end; empty at the root.
    base: String,
    /// What a plain link leads back to: the page that was asked for, or the first one if a form was sent.
    here: String,
}

impl Mount {
    fn of(method: &Method, original: &Uri, own: &Uri) -> Mount {
        let path = original.path().trim_end_matches('/');
        let base = path.strip_suffix(own.path().trim_end_matches('/')).unwrap_or(path).to_owned();
        let page = if base.is_empty() { "/" } else { &base };
        let asked = original.path_and_query().map(PathAndQuery::as_str).filter(|_| method.is_safe());
        Mount { here: asked.unwrap_or(page).to_owned(), base }
    }

    /// The first page.
    pub(crate) fn page(&self) -> &str {
        if self.base.is_empty() { "/" } else { &self.base }
    }

    /// Something below it, whose path begins with a slash.
    pub(crate) fn below(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A page of the application's own, which is told to lead back here.
    pub(crate) fn by_way_of(&self, path: &str) -> String {
        with_query(path, "next", &self.here)
    }
}

impl<S: Sync> FromRequestParts<S> for Mount {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Mount, Self::Rejection> {
        let original = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        Ok(Mount::of(&parts.method, original, &parts.uri))
    }
}

/// 303 to a path, which is that of a request or one that the application has set; 500 if it can't stand in a header.
pub(crate) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't lead there");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A path with one more parameter.
pub(crate) fn with_query(path: &str, name: &str, value: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    let value = match askama::filters::urlencode_strict(value) {
        Ok(encoded) => encoded.to_string(),
        Err(never) => match never {},
    };
    format!("{path}{separator}{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(method: Method, original: &'static str, own: &'static str) -> Mount {
        Mount::of(&method, &Uri::from_static(original), &Uri::from_static(own))
    }

    #[test]
    fn it_is_what_the_router_has_not_matched() {
        for (original, own, page) in [
            ("/account/devices", "/", "/account/devices"),
            ("/account/devices/", "/", "/account/devices"),
            ("/account/devices/end", "/end", "/account/devices"),
            ("/end", "/end", "/"),
            ("/", "/", "/"),
        ] {
            let mount = mount(Method::GET, original, own);
            assert_eq!(mount.page(), page, "{original} {own}");
            assert_eq!(mount.below("/end"), format!("{}/end", page.trim_end_matches('/')));
        }
    }

    #[test]
    fn other_pages_are_told_where_to_lead_back_to() {
        let back = |method, original, own| mount(method, original, own).by_way_of("/log-in");
        assert_eq!(back(Method::GET, "/a/user?x=1&y=2", "/user?x=1&y=2"), "/log-in?next=%2Fa%2Fuser%3Fx%3D1%26y%3D2");
        assert_eq!(back(Method::POST, "/a/end", "/end"), "/log-in?next=%2Fa");
        assert_eq!(mount(Method::GET, "/a", "/").by_way_of("/log-in?lang=de"), "/log-in?lang=de&next=%2Fa");
    }
}
