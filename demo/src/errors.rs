//! What can go wrong, and the pages that say so.

use askama::Template;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use cloakroom::cookie::{CookieError, CookieJar};
use cloakroom::cross_site::Refusal;
use cloakroom::{SessionError, SessionErrorKind};

use crate::frame::Frame;
use crate::next::LocalPath;
use crate::theme::Theme;

/// Why a handler gives no page.
#[derive(Debug)]
pub(crate) enum AppError {
    NotFound,
    /// Only for who has logged in; the path is where to go on afterwards.
    LogInFirst(LocalPath),
    Session(SessionError),
    /// A fault of ours.
    Internal(anyhow::Error),
}

/// The status alone: [`as_pages`] makes the page, since it knows the visitor's theme.
impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self {
            AppError::NotFound => StatusCode::NOT_FOUND.into_response(),
            AppError::LogInFirst(next) => Redirect::to(&next.to_log_in()).into_response(),
            // It knows its status and its Retry-After, and reports itself to the log.
            AppError::Session(error) => error.into_response(),
            AppError::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a page could not be made");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl From<SessionError> for AppError {
    fn from(error: SessionError) -> AppError {
        AppError::Session(error)
    }
}

impl From<CookieError> for AppError {
    fn from(error: CookieError) -> AppError {
        AppError::Internal(error.into())
    }
}

impl From<anyhow::Error> for AppError {
    fn from(error: anyhow::Error) -> AppError {
        AppError::Internal(error)
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    status: StatusCode,
    title: &'static str,
    text: &'static str,
}

/// Gives every error a page: ours, axum's own (such as 405), those of the layer that refuses other sites' forms, and those of the
/// session layer, which answers 409 or 503 in place of a handler whose changes could not be kept.
pub(crate) async fn as_pages(request: Request, next: Next) -> Response {
    let theme = Theme::of(&CookieJar::from_headers(request.headers()));
    let path = LocalPath::of_page(request.method(), request.uri());
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    // A form that is shown again with what is wrong has its page.
    if !is_error || response.headers().get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"text/html")) {
        return response;
    }
    let (title, text) = in_words(&response);
    let page = ErrorPage { frame: Frame::without_session(theme, path), status, title, text };
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "not even an error page could be made");
            return response;
        }
    };
    // The headers stay: Retry-After is among them.
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response::from_parts(parts, html.into())
}

fn in_words(response: &Response) -> (&'static str, &'static str) {
    if response.extensions().get::<Refusal>().is_some() {
        return (
            "That form came from elsewhere",
            "Another website tried to send this form in your name, so nothing was changed. If it was you, please do it \
             again from the shop's own pages.",
        );
    }
    if response.extensions().get() == Some(&SessionErrorKind::FormToken) {
        return (
            "That form is out of date",
            "Its page is from before you logged in or out, or from long ago, so nothing was changed. Please load the page \
             again, and send it from there.",
        );
    }
    match response.status() {
        StatusCode::NOT_FOUND => ("Nothing hangs on this hook", "There is no such page. It may have been sold."),
        StatusCode::METHOD_NOT_ALLOWED => ("Not this way round", "This page can't be asked for like that."),
        StatusCode::CONFLICT => (
            "Your ticket is no longer valid",
            "Your session ended or was renewed while this was on its way, so nothing was changed. You may have logged \
             out in another tab or on another device. Please try again.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "The cloakroom is closed for a moment",
            "We can't reach the place where your cart is kept. Nothing is lost; please try again in a moment.",
        ),
        status if status.is_client_error() => (
            "We could not read that",
            "Something in the request was not as it should be. Please go back and try again.",
        ),
        _ => ("Something tore", "That was our fault, and it is in our log. Please try again."),
    }
}
