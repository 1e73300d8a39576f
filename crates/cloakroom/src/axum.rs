//! Extractors and responses for axum.

mod form_guard;

pub use form_guard::FormGuard;

use std::convert::Infallible;
use std::time::Duration;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::cookie::{CookieError, CookieJar};
use crate::middleware::{UnreadSession, instead_of};
use crate::session::{FormToken, Session, SessionError, SessionErrorKind};

/// The request's session. A store that fails is 503, a missing layer 500; both as [`SessionError`].
impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    fn from_request_parts(parts: &mut Parts, _: &S) -> impl Future<Output = Result<Session, SessionError>> + Send {
        Session::from_parts(parts)
    }
}

/// None only without a `SessionLayer`. A store that fails is 503 here too: a failure is no empty session.
impl<S: Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Session>, SessionError> {
        match Session::from_parts(parts).await {
            Ok(session) => Ok(Some(session)),
            Err(error) if error.kind() == SessionErrorKind::MissingLayer => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The request's session, for writing only. A missing layer is 500.
impl<S: Sync> FromRequestParts<S> for UnreadSession {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<UnreadSession, SessionError> {
        UnreadSession::from_parts(parts)
    }
}

/// The session of a user who proved who they are within the last `SECONDS`, by logging in or by
/// [`reauthenticated`](Session::reauthenticated): for what only they may do, such as to change the password.
///
/// Everybody else gets a 403, with [`NotFresh`](SessionErrorKind::NotFresh) as an extension of the response. A handler that
/// wants to answer itself, such as by the page that asks for the password, takes a `Result<Fresh<SECONDS>, SessionError>`.
///
/// ```
/// use axum::response::{IntoResponse, Redirect, Response};
/// use cloakroom::{Fresh, Session, SessionError, SessionErrorKind};
///
/// async fn change_password(Fresh(session): Fresh<300>) -> Result<(), SessionError> {
///     session.log_out_others().await.map(drop)
/// }
///
/// async fn delete_account(fresh: Result<Fresh<300>, SessionError>) -> Response {
///     match fresh {
///         Ok(Fresh(_session)) => "deleted".into_response(),
///         Err(error) if error.kind() == SessionErrorKind::NotFresh => Redirect::to("/confirm").into_response(),
///         Err(error) => error.into_response(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Fresh<const SECONDS: u64>(pub Session);

impl<S: Sync, const SECONDS: u64> FromRequestParts<S> for Fresh<SECONDS> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Fresh<SECONDS>, SessionError> {
        let session = Session::from_parts(parts).await?;
        session.require_fresh(Duration::from_secs(SECONDS))?;
        Ok(Fresh(session))
    }
}

/// A token of the request's session, which is begun for it if there is none: see [`Session::form_token`].
impl<S: Sync> FromRequestParts<S> for FormToken {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<FormToken, SessionError> {
        Session::from_parts(parts).await?.form_token().await
    }
}

/// 503 with `Retry-After` where the store failed, 409 where the session is gone, 403 where the user may not or a form token is
/// wrong, else 500. The client is told no more.
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        report(&self);
        let mut response: Response = instead_of(&self);
        *response.body_mut() = match self.kind() {
            // Told to the developer who has forgotten it; it holds nothing to hide.
            SessionErrorKind::MissingLayer => Body::from(self.to_string()),
            SessionErrorKind::Gone => {
                Body::from("The session has ended or has been renewed meanwhile. Please try again.")
            }
            SessionErrorKind::TooManySessions => Body::from("You are logged in on as many devices as you may be."),
            SessionErrorKind::NotFresh | SessionErrorKind::NotLoggedIn => Body::from("Please log in again."),
            SessionErrorKind::FormToken => {
                Body::from("This form is out of date, or none of this site's. Please load its page again.")
            }
            _ if response.status() == StatusCode::SERVICE_UNAVAILABLE => Body::from("Please try again in a moment."),
            _ => Body::empty(),
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}

fn report(error: &SessionError) {
    match error.kind() {
        SessionErrorKind::Gone => tracing::debug!("a session was gone when it was to be changed"),
        SessionErrorKind::TooManySessions | SessionErrorKind::NotFresh | SessionErrorKind::NotLoggedIn => {
            tracing::debug!(error = error as &dyn std::error::Error, "a user may not");
        }
        SessionErrorKind::FormToken => tracing::info!("a request without a form token of its session was refused"),
        _ => tracing::error!(error = error as &dyn std::error::Error, "a session failed"),
    }
}

/// The request's cookies.
impl<S: Sync> FromRequestParts<S> for CookieJar {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<CookieJar, Infallible> {
        Ok(CookieJar::from_headers(&parts.headers))
    }
}

/// A handler that returns the jar sends what was added to it.
impl IntoResponseParts for CookieJar {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        self.write_to(response.headers_mut());
        Ok(response)
    }
}

impl IntoResponse for CookieJar {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}

/// 500, with the reason in the log and not in the response.
impl IntoResponse for CookieError {
    fn into_response(self) -> Response {
        tracing::error!(error = &self as &dyn std::error::Error, "a cookie could not be written");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
