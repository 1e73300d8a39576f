//! Server processes, a small HTTP client, and databases that go away again.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A reference server as a process of its own, on a free port.
pub struct Server {
    process: Child,
    address: String,
}

impl Server {
    pub fn start(store: &str) -> Server {
        Server::start_with(store, &[])
    }

    pub fn start_with(store: &str, variables: &[(&str, &str)]) -> Server {
        let mut process = Command::new(env!("CARGO_BIN_EXE_reference-server"))
            .env_clear()
            .envs([("PORT", "0"), ("SECRET", "new,keyboard cat"), ("STORE", store)])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Server { process, address }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// Sends a signal and waits for the end, in bounded time.
    pub fn stop(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "the server does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already where a test has stopped it.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A browser with one connection that stays open, and at most one cookie: the session's.
pub struct Client {
    address: String,
    connection: BufReader<TcpStream>,
    pub cookie: Option<String>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Client {
    fn new(address: &str) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Client { address: address.to_owned(), connection: BufReader::new(stream), cookie: None }
    }

    /// Another connection with the same cookie.
    pub fn again(&self) -> Client {
        Client { cookie: self.cookie.clone(), ..Client::new(&self.address) }
    }

    /// The same cookie on a connection to another server.
    pub fn at(&self, other: &Server) -> Client {
        Client { cookie: self.cookie.clone(), ..other.client() }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path)
    }

    pub fn post(&mut self, path: &str) -> Answer {
        self.send("POST", path)
    }

    /// The body of an answer that must be 200.
    pub fn ok(&mut self, method: &str, path: &str) -> String {
        let answer = self.send(method, path);
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        answer.body
    }

    fn send(&mut self, method: &str, path: &str) -> Answer {
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{length}{cookie}\r\n", self.address);
        self.connection.get_mut().write_all(head.as_bytes()).unwrap();
        let answer = self.receive();
        if let Some(line) = answer.header("set-cookie") {
            let pair = line.split(';').next().unwrap();
            if pair.starts_with("sid=") {
                self.cookie = Some(pair.to_owned()).filter(|pair| pair != "sid=");
            }
        }
        answer
    }

    fn receive(&mut self) -> Answer {
        let mut line = String::new();
        self.connection.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line:?}")).parse().unwrap();
        let mut headers = HashMap::new();
        loop {
            line.clear();
            self.connection.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            let seen = headers.insert(name.to_ascii_lowercase(), value.to_owned());
            assert!(seen.is_none(), "{name} comes twice");
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).unwrap();
        Answer { status, headers, body: String::from_utf8(body).unwrap() }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A database with a name that nobody else has, dropped at the end.
pub struct Database {
    uri: String,
    name: String,
}

impl Database {
    /// # Panics
    ///
    /// Without a server: a test that is skipped in silence protects nobody.
    pub fn new() -> Database {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let uri = std::env::var("CLOAKROOM_TEST_MONGODB").unwrap_or_else(|_| {
            panic!("CLOAKROOM_TEST_MONGODB is not set: run `cargo xtask test`, which starts a MongoDB, or give its URI")
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Database { uri, name: format!("cloakroom_bench_{}_{now:x}_{count}", std::process::id()) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's URI, which names another database or none.
    pub fn server(&self) -> &str {
        &self.uri
    }

    /// The URI with this database in it.
    pub fn store(&self) -> String {
        let (scheme, rest) = self.uri.split_once("://").unwrap();
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = address.split('/').next().unwrap();
        format!("{scheme}://{hosts}/{}?{options}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (uri, name) = (self.uri.clone(), self.name.clone());
        // A thread of its own, since a test may be inside of a runtime already.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { mongodb::Client::with_uri_str(uri).await?.database(&name).drop().await })
        });
        let dropped = dropped.join();
        assert!(std::thread::panicking() || matches!(dropped, Ok(Ok(()))), "the database is still there: {dropped:?}");
    }
}
