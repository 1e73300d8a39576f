//! What stands before a handler that takes forms of the site's own pages only.

use axum_core::body::Body;
use axum_core::extract::{FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::cookie::decode;
use crate::session::{FormToken, Session, SessionError, SessionErrorKind};

/// Extracts what it wraps, after it has verified the request's [form token](Session::form_token).
///
/// The token is in the header [`x-csrf-token`](FormToken::HEADER) or else in the field
/// [`form_token`](FormToken::FIELD) of a URL-encoded form, which is how browsers send forms without uploads. A handler of
/// uploads reads the field itself, and calls [`verify_form_token`](Session::verify_form_token).
///
/// What it wraps reads the same request: most often a `Form`. Alone it is the request itself, as for a button that logs out. It is
/// for handlers of POST, PUT, PATCH and DELETE: the form of a GET would carry its token in the address, where nobody looks for it.
///
/// Without a valid token, or without a session, it is 403; where the session was rotated away a moment ago 409, and where the
/// store fails 503. The rejection's response has the [`SessionErrorKind`] as an extension.
///
/// ```
/// use axum::{Form, Router, routing::post};
/// use cloakroom::{FormGuard, Session, SessionError};
///
/// #[derive(serde::Deserialize)]
/// struct Address {
///     city: String,
/// }
///
/// async fn move_to(session: Session, FormGuard(Form(address)): FormGuard<Form<Address>>) -> Result<(), SessionError> {
///     session.insert("city", address.city)
/// }
///
/// async fn log_out(session: Session, _: FormGuard) -> Result<(), SessionError> {
///     session.log_out()
/// }
///
/// let app: Router = Router::new().route("/address", post(move_to)).route("/log-out", post(log_out));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FormGuard<E = Request>(pub E);

impl<S, E> FromRequest<S> for FormGuard<E>
where
    S: Send + Sync,
    E: FromRequest<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<FormGuard<E>, Response> {
        let (parts, body) = request.into_parts();
        let session = Session::from_parts(&parts).await.map_err(IntoResponse::into_response)?;
        let header = parts.headers.get(FormToken::HEADER).and_then(|token| token.to_str().ok());
        let request = match header {
            Some(token) => {
                session.verify_form_token(token).map_err(IntoResponse::into_response)?;
                Request::from_parts(parts, body)
            }
            None if is_form(&parts.headers) => {
                let copy = Request::from_parts(parts.clone(), body);
                let form = String::from_request(copy, state).await.map_err(IntoResponse::into_response)?;
                session.verify_form_token(&field(&form)).map_err(IntoResponse::into_response)?;
                Request::from_parts(parts, Body::from(form))
            }
            None => return Err(SessionError::new(SessionErrorKind::FormToken).into_response()),
        };
        E::from_request(request, state).await.map(FormGuard).map_err(IntoResponse::into_response)
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The first field of the token's name; an empty text if there is none.
fn field(form: &str) -> std::borrow::Cow<'_, str> {
    let mut pairs = form.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let token = pairs.find(|(name, _)| decode(name.as_bytes()) == FormToken::FIELD);
    token.map_or_else(Default::default, |(_, value)| decode(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_of_the_name_counts() {
        for (form, token) in [
            ("form_token=abc", "abc"),
            ("a=1&form_token=abc&form_token=def", "abc"),
            ("form%5Ftoken=a%2Db", "a-b"),
            ("a=form_token%3Dx&form_token=y", "y"),
            ("form_token", ""),
            ("form_token=", ""),
            ("xform_token=abc&form_tokenx=abc&FORM_TOKEN=abc", ""),
            ("", ""),
            ("&&==&%", ""),
        ] {
            assert_eq!(field(form), token, "{form}");
        }
    }

    #[test]
    fn a_form_is_told_by_its_content_type() {
        let is = |text: &'static str| is_form(&[(CONTENT_TYPE, text.parse().unwrap())].into_iter().collect());
        assert!(is("application/x-www-form-urlencoded"));
        assert!(is("Application/X-WWW-Form-Urlencoded ; charset=UTF-8"));
        assert!(!is("multipart/form-data; boundary=x") && !is("text/plain") && !is(""));
        assert!(!is_form(&HeaderMap::new()));
    }
}
