//! The reference server: the library over HTTP, for load tests, race tests and side-by-side comparison.
//!
//! What the environment tells it and which routes it has stands in the README beside the manifest.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::serve::ListenerExt as _;
use cloakroom_bench::{Settings, router};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

/// How long requests that are under way when the signal comes may take.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    // Only on demand: whoever starts a server for a load test rarely reads its log, and a full pipe would stop it.
    if std::env::var_os(EnvFilter::DEFAULT_ENV).is_some() {
        tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    }
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    runtime(settings.workers.get())?.block_on(serve(&settings))
}

/// With one worker everything runs on the thread that waits for the sockets: nothing is handed from thread to thread and no
/// thread is woken, which is faster than a pool of one.
fn runtime(workers: usize) -> std::io::Result<Runtime> {
    let mut builder = if workers == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.worker_threads(workers).enable_all().build()
}

async fn serve(settings: &Settings) -> Result<()> {
    let app = router(settings.layer().await?);
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await;
    let listener = listener.with_context(|| format!("port {}", settings.port))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let server = axum::serve(
        listener.tap_io(|stream| {
            // Without it, answers that are written in two parts may wait for the client's acknowledgement. That a
            // connection which is dead already refuses, harms nobody.
            stream.set_nodelay(true).ok();
        }),
        app,
    );
    let mut stopping = stopped.clone();
    let server = server.with_graceful_shutdown(async move {
        stopping.changed().await.ok();
    });
    announce(&format!("listening on http://{address}"))?;
    let [terminate, interrupt] = &mut ends;
    let signalled = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send(true).ok();
        sleep(GRACE).await;
    };
    tokio::select! {
        served = server.into_future() => Ok(served?),
        () = signalled => Ok(()),
    }
}

/// The one line that tells whoever started the server that it is ready. A closed standard output is fine.
fn announce(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
