//! One connection, and what all connections share.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::answer::Answer;
use super::outcome::Outcome;
use super::{Cookies, Jar, Load};

/// A connection and the requests that are under way on it.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The request up to its cookies.
    head: Vec<u8>,
    unsent: Vec<u8>,
    received: Vec<u8>,
    /// When each request was sent, and which browser sent it.
    waiting: VecDeque<(Instant, usize)>,
    in_a_row: usize,
    /// The browser that is next, and by how much its successor is another.
    browser: usize,
    step: usize,
}

impl Connection {
    pub(crate) fn open(server: SocketAddr, load: &Load<'_>, number: usize) -> Result<Connection> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let length = if load.method == "POST" { "Content-Length: 0\r\n" } else { "" };
        let head = format!("{} {} HTTP/1.1\r\nHost: {server}\r\n{length}", load.method, load.path);
        Ok(Connection {
            stream,
            head: head.into_bytes(),
            unsent: Vec::new(),
            received: Vec::with_capacity(4096),
            waiting: VecDeque::new(),
            in_a_row: load.in_a_row,
            browser: number,
            step: load.connections,
        })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends requests until as many are under way as may be.
    pub(crate) fn send(&mut self, turn: &mut Turn<'_>) -> Result<()> {
        let now = Instant::now();
        while self.waiting.len() < self.in_a_row && turn.start() {
            self.unsent.extend_from_slice(&self.head);
            if turn.cookies == Cookies::Send {
                if self.browser >= turn.jars.len() {
                    self.browser %= self.step;
                }
                self.unsent.extend_from_slice(turn.jars[self.browser].line());
            }
            self.unsent.extend_from_slice(b"\r\n");
            self.waiting.push_back((now, self.browser));
            self.browser += self.step;
        }
        // What is under way on a connection is less than the system takes at once, so this never has to wait.
        self.stream.write_all(&self.unsent)?;
        self.unsent.clear();
        Ok(())
    }

    /// Takes what has come, and sends what is next.
    pub(crate) fn go_on(&mut self, turn: &mut Turn<'_>) -> Result<()> {
        let mut part = [0; 2048];
        match self.stream.read(&mut part) {
            Ok(0) => bail!("the server has closed the connection"),
            Ok(read) => self.received.extend_from_slice(&part[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.take(turn)?;
        if self.waiting.is_empty() { self.send(turn) } else { Ok(()) }
    }

    fn take(&mut self, turn: &mut Turn<'_>) -> Result<()> {
        let mut taken = 0;
        while let Some(answer) = Answer::read(&self.received[taken..])? {
            let Some((sent, browser)) = self.waiting.pop_front() else { bail!("an answer that nobody asked for") };
            taken += answer.length;
            turn.end(&answer, sent.elapsed(), browser)?;
        }
        self.received.drain(..taken);
        Ok(())
    }
}

/// How far all connections together have come.
pub(crate) struct Turn<'a> {
    to_start: usize,
    to_end: usize,
    cookies: Cookies,
    jars: &'a mut Vec<Jar>,
    latencies: Vec<Duration>,
    set_cookies: usize,
    last: Vec<u8>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(load: &Load<'_>, jars: &'a mut Vec<Jar>) -> Turn<'a> {
        Turn {
            to_start: load.requests,
            to_end: load.requests,
            cookies: load.cookies,
            jars,
            latencies: Vec::with_capacity(load.requests),
            set_cookies: 0,
            last: Vec::new(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.to_end == 0
    }

    /// Whether one more request is to be sent.
    fn start(&mut self) -> bool {
        let is_one_left = self.to_start > 0;
        self.to_start -= usize::from(is_one_left);
        is_one_left
    }

    fn end(&mut self, answer: &Answer<'_>, latency: Duration, browser: usize) -> Result<()> {
        if answer.status != 200 {
            bail!("the answer is {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        self.latencies.push(latency);
        self.to_end -= 1;
        if self.to_end == 0 {
            self.last = answer.body.to_vec();
        }
        let mut collected = Jar::default();
        let jar = match self.cookies {
            Cookies::Send => &mut self.jars[browser],
            Cookies::None | Cookies::Collect(_) => &mut collected,
        };
        let is_kept = match self.cookies {
            Cookies::None => false,
            Cookies::Collect(every) => self.latencies.len().is_multiple_of(every),
            Cookies::Send => true,
        };
        let mut sets = false;
        for line in answer.cookies() {
            sets = true;
            if is_kept {
                jar.set(line);
            }
        }
        self.set_cookies += usize::from(sets);
        if !collected.is_empty() {
            self.jars.push(collected);
        }
        Ok(())
    }

    pub(crate) fn outcome(self, taken: Duration) -> Outcome {
        let last = String::from_utf8_lossy(&self.last).into_owned();
        Outcome::new(taken, self.latencies, self.set_cookies, last)
    }
}
