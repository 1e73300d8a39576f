//! Both pages in their plain look: `cargo run -p cloakroom-pages --example plain`, then <http://127.0.0.1:3000>. Ada runs it.

use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::response::{Html, Redirect};
use axum::routing::get;
use cloakroom::cookie::KeyRing;
use cloakroom::store::MemoryStore;
use cloakroom::{FormGuard, FormToken, Session, SessionError, SessionLayer};
use cloakroom_pages::{AdminPage, DevicesPage, Guard, History};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let history = History::new(Duration::from_secs(10), 60);
    let builder = SessionLayer::builder(history.count(MemoryStore::new()), KeyRing::generate()?);
    let layer = builder.insecure_http().keep_user_agent().global_revocation(true).build()?;
    tokio::spawn(history.clone().watch(layer.sessions()));

    let devices = DevicesPage::new().log_in_at("/log-in").step_up(Duration::from_secs(60), "/log-in");
    let admin = AdminPage::new(layer.sessions(), Guard::users(["ada"])).log_in_at("/log-in").history(history);
    let app = Router::new()
        .route("/", get(async || Redirect::to("/devices")))
        .route("/log-in", get(form).post(log_in))
        .nest("/devices", devices.router())
        .nest("/admin", admin.end_everything().router())
        .layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

/// Here everybody is who they say they are.
async fn form(token: FormToken) -> Html<String> {
    let (field, token) = (FormToken::FIELD, token.as_str());
    Html(format!(
        "<!doctype html><title>Log in</title><form method=post><input type=hidden name={field} value={token}>\
         <p><button name=as value=ada>I am Ada</button> <button name=as value=grace>I am Grace</button></form>"
    ))
}

#[derive(serde::Deserialize)]
struct Who {
    r#as: String,
}

#[derive(serde::Deserialize)]
struct Goal {
    next: Option<String>,
}

async fn log_in(
    session: Session,
    Query(goal): Query<Goal>,
    FormGuard(axum::Form(who)): FormGuard<axum::Form<Who>>,
) -> Result<Redirect, SessionError> {
    session.log_in_by(who.r#as, "button")?;
    // Only to pages of this example: whoever writes the address chooses the rest of it.
    let next = goal.next.filter(|next| next.starts_with("/devices") || next.starts_with("/admin"));
    Ok(Redirect::to(next.as_deref().unwrap_or("/devices")))
}
