//! The shop: a small web shop on Cloakroom sessions and cookies. `cargo run` opens it at <http://127.0.0.1:3000>.
//!
//! The parts, in reading order: [`app`] puts the routes and the layers together; [`pages`] are the handlers, with what they
//! share in [`frame`]; [`cart`], [`recent`] and [`theme`] are what the shop keeps in sessions and in cookies;
//! [`accounts`] and [`next`] are for logging in; [`place`] is where the sessions are kept, which is the shop's own [`folder`] beside
//! a [`key_file`] if nothing else is said; [`express`] is for a shop that has an Express app beside it; [`form`], [`headers`]
//! and [`errors`] stand around it all.

mod app;
mod express;
mod folder;
mod key_file;
mod place;
mod serve;

mod frame;
mod pages;

mod cart;
mod catalogue;
mod form;
mod recent;
mod theme;

mod accounts;
mod next;

mod assets;
mod errors;
mod headers;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use argon2::Argon2;
use clap::Parser;
use cloakroom::cookie::KeyRing;
use cloakroom::store::Store;
use cloakroom::{ConfigError, SessionLayer};
use cloakroom_pages::History;
use tracing_subscriber::EnvFilter;

use crate::accounts::Accounts;
use crate::app::{Shop, Tokens};
use crate::express::Express;
use crate::pages::sessions::Office;
use crate::place::Place;

/// The administrator's charts show the last hour, by the minute.
const STEP: Duration = Duration::from_secs(60);
const STEPS: usize = 60;

/// The shop: the demo of Cloakroom, sessions and cookies for Rust web services.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where the sessions are kept: memory, sqlite:PATH, or a URL such as mongodb://localhost:27017/shop, redis://localhost or
    /// postgres://shop@localhost/shop [default: an SQLite file in the user's data folder, and the key beside it]
    // Its URL may hold a password, so it is parsed where no message repeats it.
    #[arg(long, env = "CLOAKROOM_STORE", hide_env_values = true)]
    store: Option<String>,

    /// The port on 127.0.0.1 [default: 3000, or the next one that is free]
    #[arg(long)]
    port: Option<u16>,

    /// What signs the cookies, of 32 bytes or more; several, newest first, with commas between
    #[arg(long, env = "CLOAKROOM_SECRET", hide_env_values = true, value_delimiter = ',')]
    secret: Vec<String>,

    /// The account that may see everybody's sessions, at /admin/sessions
    #[arg(long, env = "CLOAKROOM_ADMIN", value_name = "NAME", default_value = "ada")]
    admin: String,

    #[command(flatten)]
    express: Express,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let place = Place::find(args.store.as_deref(), &args.express.store_options())?;
    let keys = key_ring(&args.secret, &place)?;
    // The pages of an Express app beside us have forms too, and no tokens.
    let tokens = if place.store.is_express() { Tokens::Unknown } else { Tokens::Needed };
    let shop = Shop { accounts: Arc::new(Accounts::samples(&Argon2::default())?), keys: keys.clone(), tokens };
    // It doesn't wait for a server: while that is down, what needs a session is answered with 503.
    let store = place.store.open().await;
    let store =
        store.with_context(|| format!("the sessions can't be kept in {place}; --store memory needs nothing"))?;
    let history = History::new(STEP, STEPS);
    let store = Arc::new(history.count(store));
    let sessions =
        if place.store.is_express() { args.express.sessions(store, &args.secret)? } else { sessions(store, keys)? };
    let office = Office { admin: args.admin, sessions: sessions.sessions(), history: history.clone() };
    tokio::spawn(history.watch(sessions.sessions()));
    let app = app::router(shop, sessions, office);

    let listener = serve::listen(args.port).await?;
    announce(&format!("The shop is open: http://{} (sessions in {place})", listener.local_addr()?));
    serve::until_stopped(listener, app).await
}

/// The middleware, set up for plain HTTP on one's own machine. A shop on the net leaves `insecure_http` out.
fn sessions(store: Arc<dyn Store>, keys: KeyRing) -> Result<SessionLayer, ConfigError> {
    SessionLayer::builder(store, keys).insecure_http().keep_user_agent().build()
}

/// The secrets that were given, or the key beside the sessions.
fn key_ring(secrets: &[String], place: &Place) -> anyhow::Result<KeyRing> {
    if !secrets.is_empty() {
        return KeyRing::from_secrets(secrets).context("--secret can't be used");
    }
    match place.key()? {
        Some(key) => KeyRing::from_secrets([key]).context("the key beside the sessions can't be used"),
        None => {
            tracing::info!(
                "no --secret is given, so a random one signs the cookies: all log-ins end with this process"
            );
            Ok(KeyRing::generate()?)
        }
    }
}

#[expect(clippy::print_stdout, reason = "the one line that the shop is asked for on its standard output")]
fn announce(line: &str) {
    println!("{line}");
}
