//! What an application puts around a page's content.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cloakroom::Session;

/// A page's content, for a [layout](crate::DevicesPage::layout) that puts the application's own header and footer around it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Content<'a> {
    /// The request, without its body.
    pub request: &'a Parts,
    /// Its session, which is loaded already.
    pub session: &'a Session,
    /// What the page is called: plain text, to be escaped.
    pub title: &'a str,
    /// Its language as HTML names it, for the attribute `lang`.
    pub language: &'a str,
    /// Where its style sheet is: a path, to be escaped.
    pub style: &'a str,
    /// The content, as HTML that is to stay as it is: one `section` with an `h1`.
    pub html: &'a str,
}

type LayoutError = Box<dyn Error + Send + Sync>;

/// Makes a whole document of a content.
#[derive(Clone, Default)]
pub(crate) struct Layout(Option<Arc<Draw>>);

type Draw = dyn Fn(&Content<'_>) -> Result<String, LayoutError> + Send + Sync;

#[derive(Template)]
#[template(path = "document.html")]
struct Document<'a> {
    content: &'a Content<'a>,
}

/// What a page of its own may do: nothing but show itself, in its own style, and send its own forms.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

impl Layout {
    pub(crate) fn new(draw: impl Fn(&Content<'_>) -> Result<String, LayoutError> + Send + Sync + 'static) -> Layout {
        Layout(Some(Arc::new(draw)))
    }

    /// The response with the whole page, which nobody may keep.
    pub(crate) fn respond(&self, status: StatusCode, content: &Content<'_>) -> Response {
        let drawn = match &self.0 {
            Some(draw) => draw(content),
            None => Document { content }.render().map_err(LayoutError::from),
        };
        let html = match drawn {
            Ok(html) => html,
            Err(error) => return failed(&*error),
        };
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        let mut response = (status, headers, html).into_response();
        if self.0.is_none() {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
        }
        response
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Layout(…)" } else { "Layout" })
    }
}

/// 500, with the reason in the log alone.
pub(crate) fn failed(error: &(dyn Error + 'static)) -> Response {
    tracing::error!(error, "a page could not be made");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
