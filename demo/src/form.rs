//! Forms of the shop's own pages, and of no others.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use cloakroom::{FormGuard, FormToken, Session};

use crate::app::{Shop, Tokens};
use crate::errors::AppError;

/// What a form of a page has in its hidden field; nothing where tokens are not known.
///
/// A page that asks for it begins a session, so those do not that have no form.
#[derive(Default)]
pub(crate) struct Token(Option<FormToken>);

impl Token {
    pub(crate) async fn of(session: &Session, shop: &Shop) -> Result<Token, AppError> {
        match shop.tokens {
            Tokens::Needed => Ok(Token(Some(session.form_token().await?))),
            Tokens::Unknown => Ok(Token::default()),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        FormToken::FIELD
    }

    pub(crate) fn value(&self) -> &str {
        self.0.as_ref().map_or("", FormToken::as_str)
    }
}

impl FromRequestParts<Shop> for Token {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Token, AppError> {
        Token::of(&Session::from_parts(parts).await?, shop).await
    }
}

/// What a page has sent, once its token is verified. Alone it is for buttons, whose form holds nothing else.
pub(crate) struct Sent<E = Request>(pub(crate) E);

impl<E: FromRequest<Shop>> FromRequest<Shop> for Sent<E> {
    type Rejection = Response;

    async fn from_request(request: Request, shop: &Shop) -> Result<Sent<E>, Response> {
        match shop.tokens {
            Tokens::Needed => FormGuard::from_request(request, shop).await.map(|FormGuard(form)| Sent(form)),
            Tokens::Unknown => E::from_request(request, shop).await.map(Sent).map_err(|error| error.into_response()),
        }
    }
}
