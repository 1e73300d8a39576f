//! Logging in and out.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cloakroom::{FlashKind, Session};
use serde::Deserialize;

use super::{Page, page};
use crate::accounts::{SAMPLES, Sample};
use crate::app::Shop;
use crate::errors::AppError;
use crate::form::{Sent, Token};
use crate::frame::Frame;
use crate::next::LocalPath;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// "Remember me": a session ends after a month without a visit, and after three in any case.
const REMEMBERED_IDLE: Duration = Duration::from_secs(30 * DAY.as_secs());
const REMEMBERED: Duration = Duration::from_secs(90 * DAY.as_secs());

#[derive(Template)]
#[template(path = "log_in.html")]
struct LogInPage {
    frame: Frame,
    token: Token,
    next: LocalPath,
    name: String,
    remember: bool,
    failed: bool,
    samples: [Sample; 3],
}

#[derive(Deserialize)]
pub(crate) struct Goal {
    #[serde(default)]
    next: LocalPath,
}

pub(crate) async fn form(Query(goal): Query<Goal>, frame: Frame, token: Token) -> Page {
    let name = String::new();
    page(&LogInPage { frame, token, next: goal.next, name, remember: false, failed: false, samples: SAMPLES })
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
    /// A checkbox: there or not.
    remember: Option<String>,
    #[serde(default)]
    next: LocalPath,
}

pub(crate) async fn log_in(
    State(shop): State<Shop>,
    session: Session,
    frame: Frame,
    Sent(Form(form)): Sent<Form<Credentials>>,
) -> Result<Response, AppError> {
    let Credentials { name, password, remember, next } = form;
    let name = name.trim().to_lowercase();
    let remember = remember.is_some();
    let Some(account) = shop.accounts.check(&name, password).await? else {
        let token = Token::of(&session, &shop).await?;
        // Which of the two was wrong is not said: that would tell who has an account.
        let again = LogInPage { frame, token, next, name, remember, failed: true, samples: SAMPLES };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&again)?).into_response());
    };
    // The session gets a new id, so whoever had planted or seen the old one has nothing; the cart stays.
    session.log_in_by(account.id, "password")?;
    if remember {
        session.remember(REMEMBERED_IDLE, REMEMBERED)?;
    } else {
        session.until_browser_closes()?;
    }
    session.flash(FlashKind::Success, format!("Welcome, {}.", account.name))?;
    Ok(Redirect::to(next.as_str()).into_response())
}

pub(crate) async fn log_out(session: Session, _: Sent) -> Result<Redirect, AppError> {
    if session.user().is_some() {
        session.log_out()?;
        // The session has ended with all that was in it; the message begins a new one.
        session.flash(FlashKind::Success, "You are logged out. See you soon.")?;
    }
    Ok(Redirect::to("/"))
}
