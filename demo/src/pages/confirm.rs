//! "Your password, please": before somebody does what only the account's owner may.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Page, page};
use crate::app::Shop;
use crate::errors::AppError;
use crate::form::{Sent, Token};
use crate::frame::{Frame, Member};
use crate::next::LocalPath;

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    token: Token,
    name: &'static str,
    next: LocalPath,
    failed: bool,
}

#[derive(Deserialize)]
pub(crate) struct Goal {
    #[serde(default)]
    next: LocalPath,
}

pub(crate) async fn form(Query(goal): Query<Goal>, member: Member, frame: Frame, token: Token) -> Page {
    page(&ConfirmPage { frame, token, name: member.name, next: goal.next, failed: false })
}

#[derive(Deserialize)]
pub(crate) struct Proof {
    password: String,
    #[serde(default)]
    next: LocalPath,
}

pub(crate) async fn confirm(
    State(shop): State<Shop>,
    member: Member,
    frame: Frame,
    Sent(Form(form)): Sent<Form<Proof>>,
) -> Result<Response, AppError> {
    if shop.accounts.check(member.id, form.password).await?.is_none() {
        let token = Token::of(&member.session, &shop).await?;
        let again = ConfirmPage { frame, token, name: member.name, next: form.next, failed: true };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&again)?).into_response());
    }
    member.session.reauthenticated()?;
    Ok(Redirect::to(form.next.as_str()).into_response())
}
