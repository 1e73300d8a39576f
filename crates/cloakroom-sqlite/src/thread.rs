//! The threads that have the connections: one writes, some read.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use cloakroom::store::StoreErrorKind;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use crate::error::Fault;
use crate::job::Job;
use crate::link::{LOOK_AGAIN, Link, Place, Role};
use crate::queue::{Queue, Taken};

/// How many writes one commit has at most.
const AT_ONCE: usize = 512;
/// So long may one process go on without a pause.
const TURN: Duration = Duration::from_millis(50);
/// Longer than another process takes to look again whether it is its turn.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) type Jobs = Queue<Box<dyn Job>>;

/// Where calls wait for the threads.
pub(crate) struct Queues {
    pub(crate) reads: Jobs,
    pub(crate) writes: Jobs,
}

/// Starts the writer, which makes the file and starts the readers. They end once the queues are closed, and with the last of
/// them `ended`.
pub(crate) fn start(
    place: Place,
    readers: usize,
    queues: Arc<Queues>,
    ended: watch::Sender<()>,
    ready: oneshot::Sender<Result<(), Fault>>,
) -> io::Result<()> {
    let thread = move || {
        let writer = Writer { link: Link::new(place.clone(), Role::Writer), queues };
        writer.live(&place, readers, ready);
        drop(ended);
    };
    Builder::new().name("cloakroom-sqlite".to_owned()).spawn(thread).map(drop)
}

struct Writer {
    link: Link,
    queues: Arc<Queues>,
}

/// Nobody waits for an answer from a thread that has ended, however it ended.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queues.writes.abandon();
        self.queues.reads.close();
    }
}

impl Writer {
    fn live(mut self, place: &Place, readers: usize, ready: oneshot::Sender<Result<(), Fault>>) {
        let started = self.link.create().and_then(|()| {
            let start = |_| reader(place.clone(), self.queues.clone());
            (0..readers).map(start).collect::<io::Result<Vec<_>>>().map_err(|error| Fault::io(&error))
        });
        match started {
            Ok(readers) => {
                ready.send(Ok(())).ok();
                self.serve();
                // The last connection tidies up, and only this one may write.
                for reader in readers {
                    reader.join().ok();
                }
            }
            Err(fault) => drop(ready.send(Err(fault))),
        }
    }

    fn serve(&mut self) {
        let (mut turn, mut usual, mut took) = (Instant::now(), 0, Duration::ZERO);
        while let Some(Taken { mut all, was_idle }) = self.queues.writes.take(AT_ONCE) {
            if was_idle {
                turn = Instant::now();
            } else if turn.elapsed() > TURN {
                std::thread::sleep(PAUSE);
                turn = Instant::now();
            }
            // Who was just answered may well come back at once. To wait for them a little is less than the commit that they
            // would else wait for.
            if all.len() < usual / 2 {
                std::thread::sleep((took / 8).min(PAUSE));
                all.extend(self.queues.writes.take_now(AT_ONCE - all.len()));
            }
            usual = all.len();
            let begin = Instant::now();
            self.carry_out(all);
            took = begin.elapsed();
        }
    }

    /// All of them in one transaction.
    fn carry_out(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        match self.commit(&mut jobs) {
            // One that is too large must not harm the others.
            Err(fault) if fault.kind() == StoreErrorKind::Full && jobs.len() > 1 => {
                for job in jobs {
                    let mut alone = vec![job];
                    let fault = self.commit(&mut alone).err();
                    answer(alone, fault.as_ref());
                }
            }
            outcome => answer(jobs, outcome.err().as_ref()),
        }
    }

    fn commit(&mut self, jobs: &mut Vec<Box<dyn Job>>) -> Result<(), Fault> {
        let connection = self.link.get()?;
        let committed = transact(connection, jobs);
        if committed.is_err() && !connection.is_autocommit() {
            // If that fails too, the connection goes with it.
            connection.execute_batch("ROLLBACK").ok();
        }
        let is_lost = committed.is_ok() && self.link.is_lost();
        let is_spoilt = match &committed {
            Ok(is_spoilt) => *is_spoilt,
            Err(fault) => fault.spoils_connection(),
        };
        if is_lost || is_spoilt {
            self.link.close();
        }
        if is_lost { Err(Fault::gone()) } else { committed.map(drop) }
    }
}

/// Begins with the jobs that are still worth it, once no other process writes. False if none is left.
fn begin(connection: &Connection, jobs: &mut Vec<Box<dyn Job>>) -> Result<bool, Fault> {
    let mut begin = connection.prepare_cached("BEGIN IMMEDIATE")?;
    let mut late = Fault::late();
    loop {
        let now = Instant::now();
        *jobs = std::mem::take(jobs).into_iter().filter_map(|job| still_wanted(job, now, &late)).collect();
        if jobs.is_empty() {
            return Ok(false);
        }
        match begin.execute([]).map_err(Fault::from) {
            Ok(_) => return Ok(true),
            Err(fault) if fault.is_busy() => late = fault,
            Err(fault) => return Err(fault),
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Carries out the jobs. Tells whether one of them has met what spoils the connection.
fn transact(connection: &Connection, jobs: &mut Vec<Box<dyn Job>>) -> Result<bool, Fault> {
    let mut is_spoilt = false;
    if begin(connection, jobs)? {
        for job in jobs.iter_mut() {
            is_spoilt |= step(connection, job)?;
        }
        connection.prepare_cached("COMMIT")?.execute([]).map_err(|error| Fault::of_commit(&error))?;
    }
    Ok(is_spoilt)
}

/// One job within the transaction, all of it or nothing. An error only where the transaction itself is lost.
fn step(connection: &Connection, job: &mut Box<dyn Job>) -> Result<bool, Fault> {
    let mut is_spoilt = false;
    connection.prepare_cached("SAVEPOINT step")?.execute([])?;
    match job.run(connection) {
        Ok(()) => {}
        Err(fault) if connection.is_autocommit() => return Err(fault),
        Err(fault) => {
            is_spoilt = fault.spoils_connection();
            connection.prepare_cached("ROLLBACK TO step")?.execute([])?;
        }
    }
    connection.prepare_cached("RELEASE step")?.execute([])?;
    Ok(is_spoilt)
}

fn reader(place: Place, queues: Arc<Queues>) -> io::Result<JoinHandle<()>> {
    let mut link = Link::new(place, Role::Reader);
    let thread = move || {
        while let Some(Taken { all, .. }) = queues.reads.take(1) {
            let now = Instant::now();
            let wanted = all.into_iter().filter_map(|job| still_wanted(job, now, &Fault::late()));
            wanted.for_each(|job| read(&mut link, job));
        }
    };
    Builder::new().name("cloakroom-sqlite".to_owned()).spawn(thread)
}

fn read(link: &mut Link, mut job: Box<dyn Job>) {
    match link.get().map(|connection| job.run(connection)) {
        Ok(Ok(())) => job.answer(None),
        Ok(Err(fault)) => {
            if fault.spoils_connection() {
                link.close();
            }
            job.answer(None);
        }
        Err(fault) => job.answer(Some(fault)),
    }
}

/// The job, unless nobody waits for it any more, or it is too late to begin with it.
fn still_wanted(job: Box<dyn Job>, now: Instant, late: &Fault) -> Option<Box<dyn Job>> {
    if job.is_abandoned() {
        return None;
    }
    if job.until() <= now {
        job.answer(Some(late.clone()));
        return None;
    }
    Some(job)
}

fn answer(jobs: Vec<Box<dyn Job>>, fault: Option<&Fault>) {
    jobs.into_iter().for_each(|job| job.answer(fault.cloned()));
}
