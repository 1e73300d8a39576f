//! What the administrator's pages do.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use cloakroom::{Handle, Key, Session, SessionErrorKind, UserId};
use serde::{Deserialize, Serialize};

use super::view::{self, All, Charts, Frame, Overview, User};
use super::{AdminPage, chart};
use crate::history::count_live;
use crate::layout::{Content, failed};
use crate::mount::{Mount, see_other, with_query};
use crate::refused::{Answer, Refused};
use crate::style::STYLE_PATH;

/// How many sessions stand on a page.
const PAGE: usize = 50;

/// How many sessions of one user are listed at most.
const MOST_LISTED: u64 = 1_000;

/// What was done last, for the page that comes next.
const DONE: Key<Done> = Key::new("cloakroom-pages-admin");

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Done {
    Ended,
    EndedBefore,
    AllEnded(u64),
    NotSure,
    NoGlobalRevocation,
}

pub(super) async fn overview(State(page): State<AdminPage>, mount: Mount, session: Session, request: Parts) -> Answer {
    page.admit(&session, &mount, &request)?;
    let live = match &page.history {
        Some(history) => history.live(&page.sessions).await?,
        None => count_live(&page.sessions).await?,
    };
    let charts = page.history.as_ref().map(|history| {
        let points = history.points();
        Charts {
            reach: view::span(history.reach()),
            began: chart::with_commas(points.iter().map(|point| point.began).sum()),
            ended: chart::with_commas(points.iter().map(|point| point.ended).sum()),
            line: chart::line(&points),
            bars: chart::bars(&points),
            rows: view::point_rows(&points),
        }
    });
    let frame = page.frame(&session, &mount).await?;
    let live = view::in_words(live);
    let view = Overview { frame, live, charts, ends_everything: page.ends_everything };
    Ok(page.respond(&request, &session, &mount, "Sessions", &view))
}

#[derive(Deserialize)]
pub(super) struct Behind {
    after: Option<String>,
}

pub(super) async fn all(
    State(page): State<AdminPage>,
    Query(behind): Query<Behind>,
    mount: Mount,
    session: Session,
    request: Parts,
) -> Answer {
    page.admit(&session, &mount, &request)?;
    let after = behind.after.map(Handle::new);
    let part = page.sessions.page(after.as_ref(), PAGE).await?;
    let view = All {
        frame: page.frame(&session, &mount).await?,
        rows: view::rows(&part.sessions, session.now()),
        is_first: after.is_none(),
        next: part.next,
    };
    Ok(page.respond(&request, &session, &mount, "All sessions", &view))
}

#[derive(Deserialize)]
pub(super) struct Whose {
    #[serde(default)]
    user: String,
}

pub(super) async fn user(
    State(page): State<AdminPage>,
    Query(whose): Query<Whose>,
    mount: Mount,
    session: Session,
    request: Parts,
) -> Answer {
    page.admit(&session, &mount, &request)?;
    let name = whose.user.trim().to_owned();
    // A text that can be nobody's id is that of a user without sessions, here and below.
    let (count, rows) = match UserId::new(name.as_str()) {
        Err(_) => (0, Some(Vec::new())),
        Ok(user) => match page.sessions.count(&user).await? {
            count if count > MOST_LISTED => (count, None),
            _ => {
                let entries = page.sessions.of_user(&user).await?;
                (entries.len() as u64, Some(view::rows(&entries, session.now())))
            }
        },
    };
    let has_sessions = count > 0;
    let count = chart::with_commas(count);
    let view = User { frame: page.frame(&session, &mount).await?, name, count, has_sessions, rows };
    Ok(page.respond(&request, &session, &mount, "Sessions of a user", &view))
}

#[derive(Deserialize)]
pub(super) struct One {
    user: String,
    session: String,
    #[serde(default)]
    form_token: String,
}

pub(super) async fn end(
    State(page): State<AdminPage>,
    mount: Mount,
    session: Session,
    request: Parts,
    Form(form): Form<One>,
) -> Answer {
    if let Some(elsewhere) = page.may_not_end(&session, &mount, &request, &form.form_token)? {
        return Ok(elsewhere);
    }
    let ended = match UserId::new(form.user.as_str()) {
        Ok(user) => page.sessions.revoke(&user, &Handle::new(form.session)).await?,
        Err(_) => false,
    };
    tracing::info!(ended = u64::from(ended), "an administrator ended a session");
    to_user(&session, &mount, &form.user, if ended { Done::Ended } else { Done::EndedBefore })
}

#[derive(Deserialize)]
pub(super) struct AllOf {
    user: String,
    #[serde(default)]
    form_token: String,
}

pub(super) async fn end_all(
    State(page): State<AdminPage>,
    mount: Mount,
    session: Session,
    request: Parts,
    Form(form): Form<AllOf>,
) -> Answer {
    if let Some(elsewhere) = page.may_not_end(&session, &mount, &request, &form.form_token)? {
        return Ok(elsewhere);
    }
    let ended = match UserId::new(form.user.as_str()) {
        Ok(user) => page.sessions.revoke_all(&user).await?,
        Err(_) => 0,
    };
    tracing::info!(ended, "an administrator ended all sessions of a user");
    to_user(&session, &mount, &form.user, Done::AllEnded(ended))
}

#[derive(Deserialize)]
pub(super) struct Sure {
    /// A checkbox: there or not.
    sure: Option<String>,
    #[serde(default)]
    form_token: String,
}

pub(super) async fn end_everything(
    State(page): State<AdminPage>,
    mount: Mount,
    session: Session,
    request: Parts,
    Form(form): Form<Sure>,
) -> Answer {
    if let Some(elsewhere) = page.may_not_end(&session, &mount, &request, &form.form_token)? {
        return Ok(elsewhere);
    }
    let done = if !page.ends_everything {
        Some(Done::NoGlobalRevocation)
    } else if form.sure.is_none() {
        Some(Done::NotSure)
    } else {
        match page.sessions.revoke_everything().await {
            Ok(()) => None,
            Err(error) if error.kind() == SessionErrorKind::NoGlobalRevocation => Some(Done::NoGlobalRevocation),
            Err(error) => return Err(error.into()),
        }
    };
    match done {
        // This session has ended as well: it can keep no message.
        None => tracing::info!("an administrator ended all sessions of everybody"),
        Some(done) => session.insert(DONE, done)?,
    }
    Ok(see_other(mount.page()))
}

impl AdminPage {
    /// Lets administrators in. Whom the guard does not know learns not even that there is such a page.
    fn admit(&self, session: &Session, mount: &Mount, request: &Parts) -> Result<(), Refused> {
        if self.guard.wants_user() {
            self.gate.user(session, mount, "Please log in first.")?;
        }
        if self.guard.admits(session, request) { Ok(()) } else { Err(StatusCode::NOT_FOUND.into_response().into()) }
    }

    /// What is answered instead where this request may not end sessions, or not yet.
    fn may_not_end(
        &self,
        session: &Session,
        mount: &Mount,
        request: &Parts,
        token: &str,
    ) -> Result<Option<Response>, Refused> {
        self.admit(session, mount, request)?;
        session.verify_form_token(token)?;
        Ok(self.gate.confirm(session, mount).map(|path| see_other(&path)))
    }

    async fn frame(&self, session: &Session, mount: &Mount) -> Result<Frame, Refused> {
        Ok(Frame {
            token: session.form_token().await?,
            home: mount.page().to_owned(),
            all: mount.below("/all"),
            user: mount.below("/user"),
            end: mount.below("/end"),
            end_all: mount.below("/end-all"),
            end_everything: mount.below("/end-everything"),
            confirm: self.gate.confirm(session, mount),
            done: session.take(DONE)?.map(in_words),
        })
    }

    fn respond(
        &self,
        request: &Parts,
        session: &Session,
        mount: &Mount,
        title: &str,
        view: &impl Template,
    ) -> Response {
        let html = match view.render() {
            Ok(html) => html,
            Err(error) => return failed(&error),
        };
        let style = mount.below(STYLE_PATH);
        let content = Content { request, session, title, language: "en", style: &style, html: &html };
        self.layout.respond(StatusCode::OK, &content)
    }
}

fn to_user(session: &Session, mount: &Mount, user: &str, done: Done) -> Answer {
    session.insert(DONE, done)?;
    Ok(see_other(&with_query(&mount.below("/user"), "user", user)))
}

fn in_words(done: Done) -> String {
    match done {
        Done::Ended => "That session has ended.".to_owned(),
        Done::EndedBefore => "That session had ended already.".to_owned(),
        Done::AllEnded(0) => "There was no session to end.".to_owned(),
        Done::AllEnded(1) => "1 session has ended.".to_owned(),
        Done::AllEnded(count) => format!("{} sessions have ended.", chart::with_commas(count)),
        Done::NotSure => "Nothing was ended: tick the box if you are sure.".to_owned(),
        Done::NoGlobalRevocation => "Nothing was ended: the session layer has no global revocation.".to_owned(),
    }
}
