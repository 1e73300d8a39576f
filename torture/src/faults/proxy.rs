//! A network that can fail: a TCP proxy in front of one server.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// What happens to what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It arrives.
    Pass,
    /// It arrives so much later, in each direction.
    Late(Duration),
    /// Connections that are there are reset, and new ones as soon as they are made.
    Reset,
    /// Nothing arrives, in either direction, and nobody is told. What was swallowed stays so.
    Swallow,
}

/// Stands between a client and a server. Dropping it closes all that passes through it.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    mode: Arc<watch::Sender<Mode>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy on a free port of 127.0.0.1, in front of the server at `target`.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start(target: String) -> Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("there is no free port")?;
        let address = listener.local_addr()?.to_string();
        let mode = Arc::new(watch::Sender::new(Mode::Pass));
        let modes = mode.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, target.clone(), modes.subscribe()));
            }
        });
        Ok(Proxy { address, mode, accepting })
    }

    /// `host:port`, by which the server behind it is reached.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connection(client: TcpStream, target: String, mut modes: watch::Receiver<Mode>) {
    if *modes.borrow() == Mode::Reset {
        return reset(client);
    }
    let Ok(server) = TcpStream::connect(target).await else { return reset(client) };
    // Where it can't be set, things are slower by a little.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    abrupt(&client);
    abrupt(&server);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut there = tokio::spawn(carry(from_client, to_server, modes.clone()));
    let mut back = tokio::spawn(carry(from_server, to_client, modes.clone()));
    tokio::select! {
        _ = &mut there => {}
        _ = &mut back => {}
        // Or the proxy is gone, and the connection goes with it.
        _ = modes.wait_for(|mode| *mode == Mode::Reset) => {}
    }
    there.abort();
    back.abort();
}

/// Carries what comes to where it belongs, piece by piece, each as late as the mode says.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, modes: watch::Receiver<Mode>) {
    let (pieces, mut queue) = tokio::sync::mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length) = from.read(&mut buffer).await {
            let mode = *modes.borrow();
            let late = match mode {
                // Not even the end of a connection is told.
                Mode::Swallow if length == 0 => return std::future::pending().await,
                Mode::Swallow => continue,
                Mode::Late(late) => late,
                Mode::Pass | Mode::Reset => Duration::ZERO,
            };
            if length == 0 || pieces.send((Instant::now() + late, buffer[..length].to_vec())).is_err() {
                return sleep(late).await;
            }
        }
    };
    let writing = async {
        while let Some((due, piece)) = queue.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

/// Closes a connection with RST in place of FIN.
fn reset(stream: TcpStream) {
    abrupt(&stream);
    drop(stream);
}

/// However it ends, it is reset. Where that can't be set, it is closed the other way, which breaks it too.
fn abrupt(stream: &TcpStream) {
    stream.set_zero_linger().ok();
}
