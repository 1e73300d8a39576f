//! A load on a server: a number of connections, each of which sends its next request when the last one is answered.
//!
//! One thread, prepared requests and a reader of answers that reads no more than it must: what a server needs for a request is to
//! be seen, not what its client needs. No more of HTTP is understood than the servers that are measured speak.

mod answer;
mod connection;
mod jar;
mod outcome;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::event::epoll;
use rustix::time::Timespec;

use self::connection::{Connection, Turn};
pub use self::jar::Jar;
pub use self::outcome::Outcome;

/// How long all connections together may hear nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// `GET` or `POST`, with an empty body.
    pub method: &'a str,
    /// The path, with its query if there is one.
    pub path: &'a str,
    /// How many connections send.
    pub connections: usize,
    /// How many requests are sent, on all connections together.
    pub requests: usize,
    /// How many requests a connection sends before it waits for their answers: 1, but where sessions are only to be made.
    pub in_a_row: usize,
    /// What becomes of cookies.
    pub cookies: Cookies,
}

/// What becomes of cookies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cookies {
    /// None are sent, and those that are set are not kept.
    None,
    /// None are sent; those that every so many answers set are kept, each as a browser of its own.
    Collect(usize),
    /// The browsers take turns, each with its own cookies, and keep what is set. No browser is with two connections.
    Send,
}

impl<'a> Load<'a> {
    /// Requests on some connections, one at a time and without cookies.
    pub fn new(method: &'a str, path: &'a str, connections: usize, requests: usize) -> Load<'a> {
        Load { method, path, connections, requests, in_a_row: 1, cookies: Cookies::None }
    }

    /// The same with what becomes of cookies.
    pub fn cookies(self, cookies: Cookies) -> Load<'a> {
        Load { cookies, ..self }
    }

    /// Sends all of it, and waits for the answers.
    ///
    /// # Errors
    ///
    /// If a connection fails, an answer is not 200, or nothing comes for a minute.
    pub fn run(&self, server: SocketAddr, jars: &mut Vec<Jar>) -> Result<Outcome> {
        if self.cookies == Cookies::Send && jars.len() < self.connections {
            bail!("{} connections can't send the cookies of {} browsers", self.connections, jars.len());
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = (0..self.connections)
            .map(|number| {
                let connection = Connection::open(server, self, number)?;
                let data = epoll::EventData::new_u64(number as u64);
                epoll::add(&epoll, connection.stream(), data, epoll::EventFlags::IN)?;
                Ok(connection)
            })
            .collect::<Result<Vec<_>>>()
            .context("the connections can't be opened")?;
        let mut turn = Turn::new(self, jars);
        let started = Instant::now();
        for connection in &mut connections {
            connection.send(&mut turn)?;
        }
        let silence = Timespec { tv_sec: SILENCE.as_secs().cast_signed(), tv_nsec: 0 };
        let mut events = Vec::with_capacity(self.connections);
        while !turn.is_over() {
            events.clear();
            epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&silence))?;
            if events.is_empty() {
                bail!("{} {}: no answer for {SILENCE:?}", self.method, self.path);
            }
            for event in &events {
                // Copied out, since the kernel's record of an event is packed.
                let data = event.data;
                let number = usize::try_from(data.u64())?;
                connections[number].go_on(&mut turn).with_context(|| format!("{} {}", self.method, self.path))?;
            }
        }
        Ok(turn.outcome(started.elapsed()))
    }
}
