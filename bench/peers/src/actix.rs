//! actix-web without sessions, and with actix-session, whose sessions are in the cookie: encrypted, as it comes.

use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::web::{get, post};
use actix_web::{App, Error, HttpServer};
use anyhow::{Context as _, Result};

use crate::bare;
use crate::serving::announce;

pub(crate) fn serve_bare() -> Result<()> {
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(|| {
            App::new()
                .route("/", get().to(async || "ok"))
                .route("/read", get().to(async || bare::read()))
                .route("/incr", post().to(async || bare::incr()))
        });
        let server = server.workers(1).bind(("127.0.0.1", 0))?;
        announce(*server.addrs().first().context("no address")?)?;
        Ok(server.run().await?)
    })
}

pub(crate) fn serve_with_sessions() -> Result<()> {
    let key = Key::from(&[7; 64]);
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || {
            let sessions =
                SessionMiddleware::builder(CookieSessionStore::default(), key.clone()).cookie_secure(false).build();
            App::new()
                .wrap(sessions)
                .route("/", get().to(async || "ok"))
                .route("/read", get().to(read))
                .route("/incr", post().to(incr))
        });
        let server = server.workers(1).bind(("127.0.0.1", 0))?;
        announce(*server.addrs().first().context("no address")?)?;
        Ok(server.run().await?)
    })
}

async fn read(session: Session) -> Result<String, Error> {
    Ok(session.get::<i64>("n")?.unwrap_or(0).to_string())
}

async fn incr(session: Session) -> Result<String, Error> {
    let n = session.get::<i64>("n")?.unwrap_or(0) + 1;
    session.insert("n", n)?;
    Ok(n.to_string())
}
