//! What is answered in place of a page.

use axum::response::{IntoResponse, Response};
use cloakroom::SessionError;

/// What a handler answers.
pub(crate) type Answer = Result<Response, Refused>;

/// A response that nothing of the page is in.
pub(crate) struct Refused(Box<Response>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for Refused {
    fn from(response: Response) -> Refused {
        Refused(Box::new(response))
    }
}

impl From<SessionError> for Refused {
    fn from(error: SessionError) -> Refused {
        error.into_response().into()
    }
}
