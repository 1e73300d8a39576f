//! Measuring servers in rounds, in which they take turns.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::figures::Rounds;
use crate::load::{Cookies, Jar, Load};
use crate::servers::{Cpus, Kind, Server};

/// How long and how often is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often each is measured. What is told is the median.
    pub rounds: usize,
    /// How long one measurement takes, roughly.
    pub one: Duration,
    /// How many browsers there are.
    pub browsers: usize,
}

impl Plan {
    /// For figures that are worth something, or for those that are there soon.
    pub fn new(quick: bool) -> Plan {
        if quick {
            Plan { rounds: 2, one: Duration::from_millis(60), browsers: 64 }
        } else {
            // Short ones, and many: what disturbs the machine for seconds meets all that take turns.
            Plan { rounds: 15, one: Duration::from_millis(500), browsers: 1000 }
        }
    }
}

/// A kind of request.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What it is called in tables.
    pub name: &'a str,
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// What becomes of cookies.
    pub cookies: Cookies,
}

/// A request that no session layer has to do with.
const UNTOUCHED: Case<'_> = Case { name: "untouched", method: "GET", path: "/", cookies: Cookies::None };

/// A request that reads the session.
pub const READ: Case<'_> = Case { name: "read", method: "GET", path: "/read", cookies: Cookies::Send };

/// A request that changes the session.
pub const INCREMENT: Case<'_> = Case { name: "increment", method: "POST", path: "/incr", cookies: Cookies::Send };

/// All kinds of requests that sessions are measured with.
pub const CASES: [Case<'_>; 5] = [
    Case { name: "untouched, no cookie", ..UNTOUCHED },
    Case { cookies: Cookies::Send, ..UNTOUCHED },
    READ,
    INCREMENT,
    Case { name: "new session", cookies: Cookies::None, ..INCREMENT },
];

impl<'a> Case<'a> {
    fn load(&self, connections: usize, requests: usize) -> Load<'a> {
        Load::new(self.method, self.path, connections, requests).cookies(self.cookies)
    }
}

/// A server that is measured, with browsers that have a session each, or a cookie like that of one.
#[derive(Debug)]
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    /// The process.
    pub server: Server,
    /// The browsers.
    pub browsers: Vec<Jar>,
}

impl Subject {
    /// Starts a server, sees whether it counts, and gives each browser a session. Where there are none it is a cookie of which
    /// the server knows nothing, so that all are sent the same requests.
    ///
    /// # Errors
    ///
    /// If it can't be started, or does not count.
    pub fn start(kind: Kind, cpus: &Cpus, database: Option<&str>, browsers: usize) -> Result<Subject> {
        Subject::of(kind, kind.start(cpus, database)?, browsers)
    }

    /// The same with a server that runs.
    ///
    /// # Errors
    ///
    /// If it does not count.
    pub fn of(kind: Kind, server: Server, browsers: usize) -> Result<Subject> {
        let mut subject = Subject { kind, server, browsers: Vec::new() };
        if kind.has_sessions() {
            subject.check().with_context(|| format!("{} does not keep its sessions", kind.name))?;
            let load = Load::new("POST", "/incr", browsers.min(32), browsers).cookies(Cookies::Collect(1));
            load.run(subject.server.address(), &mut subject.browsers)?;
            ensure!(subject.browsers.len() == browsers, "{}: not every answer sets a cookie", kind.name);
        } else {
            subject.browsers = vec![Jar::foreign(); browsers];
        }
        Ok(subject)
    }

    /// What does not count is not worth measuring.
    fn check(&self) -> Result<()> {
        let mut jars = vec![Jar::default()];
        let mut told = |method, path, cookies| -> Result<String> {
            let outcome = Load::new(method, path, 1, 1).cookies(cookies).run(self.server.address(), &mut jars)?;
            Ok(outcome.last().to_owned())
        };
        let answers = [
            told("POST", "/incr", Cookies::Send)?,
            told("POST", "/incr", Cookies::Send)?,
            told("GET", "/read", Cookies::Send)?,
            told("GET", "/read", Cookies::None)?,
            told("GET", "/", Cookies::Send)?,
        ];
        ensure!(answers == ["1", "2", "2", "0", "ok"], "it says {answers:?}");
        Ok(())
    }

    /// Sends requests until it is known how many take that long. Nearly every browser comes once before that, so that the server is
    /// warm: what it loads from a database only once is no part of the figures, nor of this one.
    fn requests(&mut self, case: &Case<'_>, connections: usize, time: Duration) -> Result<usize> {
        let address = self.server.address();
        let mut requests = connections.max(self.browsers.len());
        case.load(connections, requests).run(address, &mut self.browsers)?;
        loop {
            let outcome = case.load(connections, requests).run(address, &mut self.browsers)?;
            if outcome.taken() * 4 > time {
                let fitting = outcome.rate() * time.as_secs_f64();
                return Ok((fitting as usize).max(connections));
            }
            requests *= 2;
        }
    }
}

/// What a server needed for requests of one kind, over all rounds.
#[derive(Clone, Debug)]
pub struct Needed {
    /// Microseconds of processor time for a request.
    pub cpu: Rounds,
    /// Requests in a second.
    pub rate: Rounds,
    /// Microseconds until half of the requests were answered.
    pub half: Rounds,
    /// Microseconds until all but one of a hundred requests were answered.
    pub most: Rounds,
    /// What else was counted, for a request.
    pub others: [Rounds; 2],
}

/// Measures all servers in turn, again and again. What `count` counts before and after is told for one request.
///
/// # Errors
///
/// If a server fails.
pub fn measure(
    subjects: &mut [Subject],
    case: &Case<'_>,
    connections: usize,
    plan: &Plan,
    mut count: impl FnMut() -> Result<[f64; 2]>,
) -> Result<Vec<Needed>> {
    let mut counts = Vec::new();
    for subject in &mut *subjects {
        let requests = subject.requests(case, connections, plan.one);
        counts.push(requests.with_context(|| format!("{}, {}", subject.kind.name, case.name))?);
    }
    let mut figures: Vec<Vec<[f64; 6]>> = vec![Vec::new(); subjects.len()];
    for _ in 0..plan.rounds {
        for ((subject, requests), figures) in subjects.iter_mut().zip(&counts).zip(&mut figures) {
            let load = case.load(connections, *requests);
            let (counted, used) = (count()?, subject.server.cpu_time()?);
            let outcome = load.run(subject.server.address(), &mut subject.browsers);
            let outcome = outcome.with_context(|| format!("{}, {}", subject.kind.name, case.name))?;
            let used = subject.server.cpu_time()?.saturating_sub(used);
            let each = |all: f64| all / outcome.requests() as f64;
            let counted_now = count()?;
            figures.push([
                each(used.as_secs_f64() * 1e6),
                outcome.rate(),
                outcome.percentile(50).as_secs_f64() * 1e6,
                outcome.percentile(99).as_secs_f64() * 1e6,
                each(counted_now[0] - counted[0]),
                each(counted_now[1] - counted[1]),
            ]);
        }
    }
    let rounds = |figures: &Vec<[f64; 6]>, index: usize| figures.iter().map(|all| all[index]).collect::<Rounds>();
    let needed = |figures: &Vec<[f64; 6]>| Needed {
        cpu: rounds(figures, 0),
        rate: rounds(figures, 1),
        half: rounds(figures, 2),
        most: rounds(figures, 3),
        others: [rounds(figures, 4), rounds(figures, 5)],
    };
    Ok(figures.iter().map(needed).collect())
}

/// Where nothing else is counted.
///
/// # Errors
///
/// None.
pub fn nothing() -> Result<[f64; 2]> {
    Ok([0.0; 2])
}
