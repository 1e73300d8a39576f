//! Clients that hang up in the middle, on real connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use cloakroom::{Session, SessionError};
use cloakroom_mongodb::MongoStore;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::app::{App, layer};
use super::browser::{get, post as send};
use super::gate::{Gate, Keeper};
use super::ledger::Ledger;
use super::load::Scale;
use super::replica_set::ReplicaSet;
use super::report::Report;
use super::server::LOOK_AGAIN;

/// For each thing that is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients hang up while their handler runs, and while its changes are being written.
///
/// A handler that has finished is committed all the same; one that was cancelled changes nothing.
pub(super) async fn hang_up(scale: Scale) -> Result<Report> {
    let set = ReplicaSet::start(1).await?;
    let uri = set.uri("hang_up");
    let (ledger, began) = (Ledger::default(), Instant::now());
    // What is stored is seen through an application of its own.
    let eyes = App::at(&uri).await?;
    let server = Server::start(&uri).await?;
    let born = send(&eyes, "/set/name/session", None).await?;
    ledger.note("/set", &born);
    let cookie = born.cookie.context("a new session got no cookie")?;
    for round in 0..scale.requests / 10 {
        server.hang_up_at_commit(round, &cookie).await?;
        let stored = async {
            while !keys(&eyes, &cookie, &ledger).await?.contains(&format!("\"finished{round}\"")) {
                sleep(LOOK_AGAIN).await;
            }
            anyhow::Ok(())
        };
        match timeout(PATIENCE, stored).await {
            Ok(stored) => stored?,
            Err(_) => ledger.violated(format!("round {round}: the client hung up, and the commit never came")),
        }
        server.hang_up_in_handler(round, &cookie).await?;
    }
    // What a cancelled handler left behind would have been written by one of the rounds after it.
    let keys = keys(&eyes, &cookie, &ledger).await?;
    if keys.contains("cancelled") || server.keeper.unexpected() > 0 {
        ledger.violated("a handler that was cancelled has changed the session".to_owned());
    }
    Ok(Report::of("MongoDB: clients hang up".to_owned(), &ledger, began, None).with(ledger.violations()))
}

async fn keys(eyes: &App, cookie: &str, ledger: &Ledger) -> Result<String> {
    let answer = get(eyes, "/dump", Some(cookie)).await?;
    ledger.note("/dump", &answer);
    Ok(answer.body)
}

/// The application on a port.
struct Server {
    address: SocketAddr,
    keeper: Keeper,
    signals: Arc<Signals>,
    serving: JoinHandle<()>,
}

/// What happens inside of the application.
#[derive(Debug)]
struct Signals {
    /// A handler has changed the session, and waits for ever.
    waits: Semaphore,
    /// A request is over: it was answered, or its client is gone.
    over: Semaphore,
}

impl Server {
    async fn start(uri: &str) -> Result<Server> {
        let (gate, keeper) = Gate::new(MongoStore::connect(uri).await?);
        let signals = Arc::new(Signals { waits: Semaphore::new(0), over: Semaphore::new(0) });
        let app = Router::new()
            .route("/finish/{round}", post(finish))
            .route("/wait/{round}", post(wait))
            .with_state(signals.clone())
            .layer(layer(gate)?.insecure_http().build()?)
            .layer(from_fn_with_state(signals.clone(), watch));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("there is no free port")?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            // It ends with the task.
            axum::serve(listener, app).await.ok();
        });
        Ok(Server { address, keeper, signals, serving })
    }

    /// Hangs up when the handler has finished, and before its changes are written.
    async fn hang_up_at_commit(&self, round: u64, cookie: &str) -> Result<()> {
        let client = self.request(&format!("/finish/{round}"), cookie).await?;
        soon("no commit begins", self.keeper.arrival()).await?;
        drop(client);
        soon("the server does not notice that the client is gone", self.over()).await?;
        self.keeper.allow();
        Ok(())
    }

    /// Hangs up while the handler, which has changed the session, still runs.
    async fn hang_up_in_handler(&self, round: u64, cookie: &str) -> Result<()> {
        let client = self.request(&format!("/wait/{round}"), cookie).await?;
        soon("the handler does not begin", async {
            if let Ok(waits) = self.signals.waits.acquire().await {
                waits.forget();
            }
        })
        .await?;
        drop(client);
        soon("the server does not notice that the client is gone", self.over()).await
    }

    async fn request(&self, path: &str, cookie: &str) -> Result<TcpStream> {
        let mut client = TcpStream::connect(self.address).await?;
        let head = format!("POST {path} HTTP/1.1\r\nHost: torture\r\nContent-Length: 0\r\nCookie: {cookie}\r\n\r\n");
        client.write_all(head.as_bytes()).await?;
        Ok(client)
    }

    async fn over(&self) {
        if let Ok(over) = self.signals.over.acquire().await {
            over.forget();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn soon(what_if_not: &'static str, condition: impl Future<Output = ()>) -> Result<()> {
    if timeout(PATIENCE, condition).await.is_err() {
        bail!(what_if_not);
    }
    Ok(())
}

async fn finish(session: Session, Path(round): Path<u64>) -> Result<&'static str, SessionError> {
    session.insert(format!("finished{round}"), true)?;
    Ok("ok")
}

async fn wait(
    State(signals): State<Arc<Signals>>,
    session: Session,
    Path(round): Path<u64>,
) -> Result<&'static str, SessionError> {
    session.insert(format!("cancelled{round}"), true)?;
    signals.waits.add_permits(1);
    std::future::pending().await
}

async fn watch(State(signals): State<Arc<Signals>>, request: Request, next: Next) -> Response {
    let _over = Over(signals);
    next.run(request).await
}

/// Tells that a request is over, however it ends.
struct Over(Arc<Signals>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over.add_permits(1);
    }
}
