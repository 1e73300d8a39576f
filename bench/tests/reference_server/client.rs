//! A browser's part of HTTP: one connection, one cookie.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::process::Server;

/// A browser with one connection that stays open, and at most one cookie: the session's.
pub(crate) struct Client {
    address: String,
    connection: BufReader<TcpStream>,
    pub(crate) cookie: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(address: &str) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Client { address: address.to_owned(), connection: BufReader::new(stream), cookie: None }
    }

    /// Another connection with the same cookie.
    pub(crate) fn again(&self) -> Client {
        Client { cookie: self.cookie.clone(), ..Client::new(&self.address) }
    }

    /// The same cookie on a connection to another server.
    pub(crate) fn at(&self, other: &Server) -> Client {
        Client { cookie: self.cookie.clone(), ..other.client() }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path)
    }

    pub(crate) fn post(&mut self, path: &str) -> Answer {
        self.send("POST", path)
    }

    /// The body of an answer that must be 200.
    pub(crate) fn ok(&mut self, method: &str, path: &str) -> String {
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
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}
