//! Cookies in axum: the jar as extractor and part of a response, and the answer to a cookie that
//! can't be written.

use std::convert::Infallible;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::StatusCode;
use http::request::Parts;

use super::{CookieError, CookieJar};

impl<S: Sync> FromRequestParts<S> for CookieJar {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_headers(&parts.headers))
    }
}

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
        tracing::error!(error = %self, kind = ?self.kind(), "a cookie could not be written");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
