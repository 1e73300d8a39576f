//! A server with another session layer, for comparison with Cloakroom's reference server: `peer NAME`.
//!
//! Each has the routes `GET /`, `GET /read` and `POST /incr` of the reference server, and those with sessions in memory
//! `POST /ext/fill/{bytes}` and `GET /ext/length` too. It binds a free port of 127.0.0.1, prints
//! `listening on http://127.0.0.1:PORT`, and serves with one thread. Their settings are the ones they come with, but for a cookie
//! that plain HTTP can carry and a lifetime of an hour.

mod actix;
mod axum_sessions;
mod bare;
mod by_hand;
mod serving;
mod tower_sessions_peer;
mod value;

use anyhow::{Context as _, Result, bail};

fn main() -> Result<()> {
    let name = std::env::args().nth(1).context("usage: peer NAME")?;
    match &*name {
        "axum" => serving::axum(async { Ok(bare::router()) }),
        "by-hand" => serving::axum(async { Ok(by_hand::router()) }),
        "tower-sessions" => serving::axum(async { Ok(tower_sessions_peer::router()) }),
        "tower-sessions-signed" => serving::axum(async { Ok(tower_sessions_peer::signed_router()) }),
        "axum_session" => serving::axum(axum_sessions::in_memory()),
        "axum_session-mongo" => serving::axum(axum_sessions::in_mongodb()),
        "actix-web" => actix::serve_bare(),
        "actix-session" => actix::serve_with_sessions(),
        _ => bail!("there is no peer `{name}`"),
    }
}
