//! A browser's part of HTTP: one cookie, taken to whichever server is asked.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::process::Server;

/// The name of the session cookie, on both sides.
pub(crate) const COOKIE: &str = "connect.sid";

/// How long an answer may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser that knows one cookie, the session's, and sends it to each server on the same host, as browsers do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn get(&mut self, server: &Server, path: &str) -> Answer {
        self.send(server, "GET", path).unwrap()
    }

    pub(crate) fn post(&mut self, server: &Server, path: &str) -> Answer {
        self.send(server, "POST", path).unwrap()
    }

    /// The body of an answer to a GET that must be 200.
    pub(crate) fn read(&mut self, server: &Server, path: &str) -> String {
        let answer = self.get(server, path);
        assert_eq!(answer.status, 200, "GET {path}: {answer:?}");
        answer.body
    }

    /// The body of an answer to a POST that must be 200.
    pub(crate) fn tell(&mut self, server: &Server, path: &str) -> String {
        let answer = self.post(server, path);
        assert_eq!(answer.status, 200, "POST {path}: {answer:?}");
        answer.body
    }

    /// The session's data as the server sees it.
    pub(crate) fn dump(&mut self, server: &Server) -> Value {
        serde_json::from_str(&self.read(server, "/dump")).unwrap()
    }

    /// Sends a form from the site itself.
    pub(crate) fn submit(&mut self, server: &Server, path: &str, form: &str) -> Answer {
        self.submit_from(&format!("http://{}", server.address()), server, path, form)
    }

    /// Sends a form that stands on a page of that origin.
    pub(crate) fn submit_from(&mut self, origin: &str, server: &Server, path: &str, form: &str) -> Answer {
        let headers = format!("Origin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        self.exchange(server, &format!("POST {path}"), &headers, form).unwrap()
    }

    /// None if the server breaks the connection before it has answered.
    pub(crate) fn send(&mut self, server: &Server, method: &str, path: &str) -> Option<Answer> {
        self.exchange(server, &format!("{method} {path}"), "", "")
    }

    fn exchange(&mut self, server: &Server, what: &str, headers: &str, body: &str) -> Option<Answer> {
        let cookie = self.cookie.as_ref().map(|pair| format!("Cookie: {pair}\r\n")).unwrap_or_default();
        let answer = exchange(server.address(), what, &format!("{headers}{cookie}"), body)?;
        for line in answer.all("set-cookie") {
            let pair = line.split(';').next().unwrap();
            if let Some(value) = pair.strip_prefix(COOKIE).and_then(|rest| rest.strip_prefix('=')) {
                self.cookie = (!value.is_empty()).then(|| pair.to_owned());
            }
        }
        Some(answer)
    }
}

/// One request on a connection of its own. None if the connection breaks before all of the answer is there.
pub(crate) fn exchange(address: &str, what: &str, headers: &str, body: &str) -> Option<Answer> {
    let length = body.len();
    let request = format!(
        "{what} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = Vec::new();
    let mut part = [0; 8192];
    // Not until the end: chromedriver leaves the connection open.
    loop {
        let answer = Answer::parse(&String::from_utf8_lossy(&received));
        if answer.is_some() {
            return answer;
        }
        match stream.read(&mut part) {
            Ok(0) => return None,
            Ok(length) => received.extend_from_slice(&part[..length]),
            // As a server that is killed leaves it.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

impl Answer {
    /// None unless it is there as a whole.
    fn parse(text: &str) -> Option<Answer> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let answer = Answer { status, headers: lines.filter_map(header).collect(), body: body.to_owned() };
        let length: usize = answer.header("content-length")?.parse().ok()?;
        (body.len() == length).then_some(answer)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}
