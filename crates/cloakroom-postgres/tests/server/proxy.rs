//! A way to the server that counts, freezes and breaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::scratch::url;

/// What happens to what is sent.
#[derive(Clone, Copy, Debug, Default)]
struct Mode {
    /// It stays on its way until the proxy is open again.
    is_frozen: bool,
    /// How often all connections were broken.
    breaks: usize,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    server: String,
    mode: watch::Sender<Mode>,
    asked: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start() -> Proxy {
        let (url, server) = (url(), server());
        assert!(url.contains(&server), "the connection string names its host and port as {server}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mode, asked) = (watch::Sender::new(Mode::default()), Arc::default());
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(accept(listener, server.clone(), mode.clone(), Arc::clone(&asked)));
        Proxy { address, server, mode, asked, accepting }
    }

    /// The connection string that leads through here.
    pub(crate) fn url(&self) -> String {
        let glue = if url().contains('?') { '&' } else { '?' };
        format!("{}{glue}sslmode=disable", url().replacen(&self.server, &self.address.to_string(), 1))
    }

    /// How often the server was asked and had to answer, since the last call.
    pub(crate) fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    /// From now on nothing arrives.
    pub(crate) fn freeze(&self) {
        self.mode.send_modify(|mode| mode.is_frozen = true);
    }

    /// All arrives, also what was on its way.
    pub(crate) fn open(&self) {
        self.mode.send_modify(|mode| mode.is_frozen = false);
    }

    /// Breaks all connections. New ones can be made.
    pub(crate) fn cut(&self) {
        self.mode.send_modify(|mode| *mode = Mode { is_frozen: false, breaks: mode.breaks + 1 });
    }

    /// Nobody listens any more.
    pub(crate) async fn close(&mut self) {
        self.accepting.abort();
        assert!((&mut self.accepting).await.is_err());
        self.cut();
    }

    /// Somebody listens again.
    pub(crate) async fn reopen(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let asked = Arc::clone(&self.asked);
        self.accepting = tokio::spawn(accept(listener, self.server.clone(), self.mode.clone(), asked));
    }
}

/// Host and port of the server, as they stand in the connection string.
fn server() -> String {
    let url = url();
    let behind = url.split("://").nth(1).unwrap().split(['/', '?']).next().unwrap();
    behind.rsplit('@').next().unwrap().to_owned()
}

async fn accept(listener: TcpListener, server: String, mode: watch::Sender<Mode>, asked: Arc<AtomicUsize>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (mode, server, asked) = (mode.subscribe(), server.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            let upstream = TcpStream::connect(server).await.unwrap();
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), upstream.into_split());
            let (breaks, mut watched) = (mode.borrow().breaks, mode.clone());
            let broken = watched.wait_for(|mode| mode.breaks != breaks);
            let open = both_ways(&asked, from_client, to_server, from_server, to_client, mode);
            tokio::select! { _ = broken => {}, () = open => {} }
        });
    }
}

async fn both_ways(
    asked: &AtomicUsize,
    from_client: OwnedReadHalf,
    to_server: OwnedWriteHalf,
    from_server: OwnedReadHalf,
    to_client: OwnedWriteHalf,
    mode: watch::Receiver<Mode>,
) {
    let mut messages = Messages::default();
    let count = |bytes: &[u8]| {
        asked.fetch_add(messages.asking(bytes), Ordering::SeqCst);
    };
    let up = forward(from_client, to_server, mode.clone(), count);
    let down = forward(from_server, to_client, mode, |_| {});
    tokio::select! { () = up => {}, () = down => {} }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    mut see: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if mode.wait_for(|mode| !mode.is_frozen).await.is_err() {
            return;
        }
        see(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// What a client sends: a start without a type, then messages of a type and a length (PostgreSQL's manual, section 55.7).
#[derive(Default)]
struct Messages {
    pending: Vec<u8>,
    has_started: bool,
}

impl Messages {
    /// How many of the messages that are whole by now ask for an answer: Sync, and simple queries.
    fn asking(&mut self, bytes: &[u8]) -> usize {
        self.pending.extend_from_slice(bytes);
        let mut asking = 0;
        loop {
            let head = usize::from(self.has_started);
            let Some(length) = self.pending.get(head..head + 4) else { return asking };
            let length = head + u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if self.pending.len() < length {
                return asking;
            }
            asking += usize::from(self.has_started && matches!(self.pending[0], b'S' | b'Q'));
            self.has_started = true;
            self.pending.drain(..length);
        }
    }
}
