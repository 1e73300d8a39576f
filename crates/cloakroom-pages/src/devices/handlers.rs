//! What the devices page does.

use std::sync::Arc;

use askama::Template as _;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cloakroom::{Handle, Key, Session, SessionErrorKind};
use serde::{Deserialize, Serialize};

use super::view::{self, View};
use super::{DevicesPage, DevicesTexts};
use crate::layout::{Content, failed};
use crate::mount::{Mount, see_other};
use crate::refused::{Answer, Refused};
use crate::style::STYLE_PATH;

/// What was done last, for the page that comes next.
const DONE: Key<Done> = Key::new("cloakroom-pages-devices");

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Done {
    Ended,
    EndedBefore,
    OthersEnded(u64),
    Renamed,
    NameRemoved,
    NameTooLong,
}

pub(super) async fn show(State(page): State<DevicesPage>, mount: Mount, session: Session, request: Parts) -> Answer {
    let texts = page.texts_of(&request);
    page.gate.user(&session, &mount, &texts.not_logged_in)?;
    let view = View {
        token: session.form_token().await?,
        end: mount.below("/end"),
        end_others: mount.below("/end-others"),
        rename: mount.below("/label"),
        confirm: page.gate.confirm(&session, &mount),
        done: session.take(DONE)?.map(|done| view::in_words(done, &texts)),
        devices: view::rows(session.devices().await?, session.now(), &texts, &*page.describe),
        texts: &texts,
    };
    let html = match view.render() {
        Ok(html) => html,
        Err(error) => return Ok(failed(&error)),
    };
    let content = Content {
        request: &request,
        session: &session,
        title: &texts.title,
        language: &texts.language,
        style: &mount.below(STYLE_PATH),
        html: &html,
    };
    Ok(page.layout.respond(StatusCode::OK, &content))
}

#[derive(Deserialize)]
pub(super) struct Which {
    device: String,
    #[serde(default)]
    form_token: String,
}

pub(super) async fn end(
    State(page): State<DevicesPage>,
    mount: Mount,
    session: Session,
    request: Parts,
    Form(form): Form<Which>,
) -> Answer {
    if let Some(elsewhere) = page.may_not_end(&session, &mount, &request, &form.form_token)? {
        return Ok(elsewhere);
    }
    // A handle of anybody else's session ends nothing: only the user's own are looked at.
    let ended = session.revoke(&Handle::new(form.device)).await?;
    back(&session, &mount, if ended { Done::Ended } else { Done::EndedBefore })
}

#[derive(Deserialize)]
pub(super) struct Nothing {
    #[serde(default)]
    form_token: String,
}

pub(super) async fn end_others(
    State(page): State<DevicesPage>,
    mount: Mount,
    session: Session,
    request: Parts,
    Form(form): Form<Nothing>,
) -> Answer {
    if let Some(elsewhere) = page.may_not_end(&session, &mount, &request, &form.form_token)? {
        return Ok(elsewhere);
    }
    let ended = session.revoke_others().await?;
    back(&session, &mount, Done::OthersEnded(ended))
}

#[derive(Deserialize)]
pub(super) struct Named {
    label: String,
    #[serde(default)]
    form_token: String,
}

/// Names the device itself. That harms nobody, so nobody has to confirm anything.
pub(super) async fn label(
    State(page): State<DevicesPage>,
    mount: Mount,
    session: Session,
    request: Parts,
    Form(form): Form<Named>,
) -> Answer {
    page.gate.user(&session, &mount, &page.texts_of(&request).not_logged_in)?;
    session.verify_form_token(&form.form_token)?;
    let label = form.label.split_whitespace().collect::<Vec<_>>().join(" ");
    let done = match session.set_label(&label) {
        Ok(()) if label.is_empty() => Done::NameRemoved,
        Ok(()) => Done::Renamed,
        Err(error) if error.kind() == SessionErrorKind::TooLarge => Done::NameTooLong,
        Err(error) => return Err(error.into()),
    };
    back(&session, &mount, done)
}

impl DevicesPage {
    fn texts_of(&self, request: &Parts) -> Arc<DevicesTexts> {
        (self.texts)(request)
    }

    /// What is answered instead where this request may not end sessions, or not yet.
    fn may_not_end(
        &self,
        session: &Session,
        mount: &Mount,
        request: &Parts,
        token: &str,
    ) -> Result<Option<Response>, Refused> {
        self.gate.user(session, mount, &self.texts_of(request).not_logged_in)?;
        session.verify_form_token(token)?;
        Ok(self.gate.confirm(session, mount).map(|path| see_other(&path)))
    }
}

fn back(session: &Session, mount: &Mount, done: Done) -> Answer {
    session.insert(DONE, done)?;
    Ok(see_other(mount.page()))
}
