//! The socket and the end.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;

const FIRST_PORT: u16 = 3000;
const LAST_PORT: u16 = 3020;

/// How long requests that run may take to finish once the shop is told to stop.
const GRACE: Duration = Duration::from_secs(3);

/// Listens on this machine alone: on the port that was asked for, or else on the first free one from 3000 on.
pub(crate) async fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let ports = port.map_or(FIRST_PORT..=LAST_PORT, |port| port..=port);
    let last = *ports.end();
    for port in ports {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && port < last => {}
            bound => return bound.with_context(|| format!("the shop can't listen on port {port}")),
        }
    }
    anyhow::bail!("there is no port to listen on")
}

/// Serves until Ctrl-C or SIGTERM, then lets running requests finish, but not for ever: a client that sends its request
/// byte by byte can't keep the process alive.
pub(crate) async fn until_stopped(listener: TcpListener, app: Router) -> anyhow::Result<()> {
    let server = axum::serve(listener, app).with_graceful_shutdown(stopped());
    let too_late = async {
        stopped().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = async { server.await } => Ok(ended?),
        () = too_late => Ok(()),
    }
}

async fn stopped() {
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C can't be listened for");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM can't be listened for");
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
