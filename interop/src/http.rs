//! One request and its answer.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server has answered.
#[derive(Debug)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// Each header, its name in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

/// One request on a connection of its own. None if the connection breaks before all of the answer is there.
pub fn exchange(address: &str, what: &str, headers: &str, body: &str) -> Option<Answer> {
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

    /// The first header of a name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All headers of a name, which is in lower case.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}
