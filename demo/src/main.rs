//! The shop: a small web shop on Cloakroom sessions and cookies. `cargo run` opens it at <http://127.0.0.1:3000>.
//!
//! The parts, in reading order: [`app`] puts the routes and the layers together; [`pages`] are the handlers, with what they
//! share in [`frame`]; [`cart`], [`flash`], [`recent`] and [`theme`] are what the shop keeps in sessions and in cookies;
//! [`accounts`] and [`next`] are for logging in; [`express`] is for a shop that has an Express app beside it; [`cross_site`], [`headers`] and [`errors`] stand around it all.

mod app;
mod express;
mod serve;

mod frame;
mod pages;

mod cart;
mod catalogue;
mod flash;
mod form;
mod recent;
mod theme;

mod accounts;
mod next;
mod times;

mod assets;
mod errors;
mod headers;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context as _;
use argon2::Argon2;
use clap::Parser;
use cloakroom::cookie::KeyRing;
use cloakroom::store::{MemoryStore, Store};
use cloakroom::{ConfigError, SessionLayer};
use cloakroom_mongodb::MongoStore;
use tracing_subscriber::EnvFilter;

use crate::accounts::Accounts;
use crate::app::{Shop, Tokens};
use crate::express::Express;

/// The shop: the demo of Cloakroom, sessions and cookies for Rust web services.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Where the sessions are kept: "memory", or a URI such as mongodb://localhost:27017/shop
    #[arg(long, env = "CLOAKROOM_STORE", default_value = "memory")]
    store: String,

    /// The port on 127.0.0.1 [default: 3000, or the next one that is free]
    #[arg(long)]
    port: Option<u16>,

    /// What signs the cookies, of 32 bytes or more; several, newest first, with commas between
    #[arg(long, env = "CLOAKROOM_SECRET", hide_env_values = true, value_delimiter = ',')]
    secret: Vec<String>,

    #[command(flatten)]
    express: Express,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let keys = key_ring(&args.secret)?;
    let accounts = Arc::new(Accounts::samples(&Argon2::default())?);
    let (sessions, tokens, place) = match args.express.sessions(&args.store, &args.secret).await? {
        Some(sessions) => (sessions, Tokens::Unknown, "MongoDB, shared with Express"),
        None => {
            let (store, place) = open_store(&args.store).await?;
            (sessions(store, keys.clone())?, Tokens::Needed, place)
        }
    };
    let shop = Shop { accounts, keys, tokens };
    let app = app::router(shop, sessions);

    let listener = serve::listen(args.port).await?;
    announce(&format!("The shop is open: http://{} (sessions in {place})", listener.local_addr()?));
    serve::until_stopped(listener, app).await
}

/// The middleware, set up for plain HTTP on one's own machine. A shop on the net leaves `insecure_http` out.
fn sessions(store: Arc<dyn Store>, keys: KeyRing) -> Result<SessionLayer, ConfigError> {
    SessionLayer::builder(store, keys).insecure_http().build()
}

fn key_ring(secrets: &[String]) -> anyhow::Result<KeyRing> {
    if secrets.is_empty() {
        tracing::info!("no --secret is given, so a random one signs the cookies: all log-ins end with this process");
        return Ok(KeyRing::generate()?);
    }
    KeyRing::from_secrets(secrets).context("--secret can't be used")
}

/// The store, and what to call it.
async fn open_store(uri: &str) -> anyhow::Result<(Arc<dyn Store>, &'static str)> {
    match uri.split_once(':').map_or(uri, |(scheme, _)| scheme) {
        "memory" => Ok((Arc::new(MemoryStore::new()), "memory")),
        // It doesn't wait for the server: while that is down, what needs a session is answered with 503.
        "mongodb" | "mongodb+srv" => Ok((Arc::new(MongoStore::connect(uri).await?), "MongoDB")),
        // The URI may hold a password, so no message repeats it.
        scheme => anyhow::bail!("--store: there is no store of the kind {scheme:?}; try memory or mongodb://…"),
    }
}

#[expect(clippy::print_stdout, reason = "the one line that the shop is asked for on its standard output")]
fn announce(line: &str) {
    println!("{line}");
}
