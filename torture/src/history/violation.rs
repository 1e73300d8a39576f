//! What can be wrong with a history, by name.

use std::fmt;

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A session that was ended was read or written afterwards.
    Resurrection,
    /// After a rotation, the old id was read or written.
    OldIdAlive,
    /// A session was read or written after its end.
    ExpiredServed,
    /// A session that lives was not found.
    LiveSessionLost,
    /// A write that was acknowledged is not there.
    LostWrite,
    /// Of two changes of one number or list, only one is there.
    LostUpdate,
    /// A write that was acknowledged was not seen by a later read, but by one after that.
    StaleRead,
    /// A value of another session was read.
    ForeignRead,
    /// A value was read that was refused, or that was never to be written.
    PhantomWrite,
    /// A session belongs to somebody else than who has logged in.
    WrongUser,
    /// A log-out was acknowledged, and the session lives.
    LogOutIgnored,
    /// It was told of a session that it was ended, or was not there, and that is not true.
    WrongRevocation,
    /// A response issues a ticket that nobody has asked for, or none where one was due.
    WrongTicket,
    /// An answer that no part of the contract explains.
    UnexpectedAnswer,
    /// Some requests never ended.
    Stuck,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Violation::Resurrection => "a dead session came back",
            Violation::OldIdAlive => "an id that was rotated away still works",
            Violation::ExpiredServed => "an expired session was served",
            Violation::LiveSessionLost => "a session that lives was not found",
            Violation::LostWrite => "an acknowledged write is lost",
            Violation::LostUpdate => "an acknowledged update is lost",
            Violation::StaleRead => "a read did not see an acknowledged write",
            Violation::ForeignRead => "data of another session was read",
            Violation::PhantomWrite => "a value was read that was never stored, as far as anybody was told",
            Violation::WrongUser => "a session belongs to somebody else",
            Violation::LogOutIgnored => "a log-out was acknowledged, and the session lives",
            Violation::WrongRevocation => "a wrong answer to a revocation",
            Violation::WrongTicket => "a wrong ticket",
            Violation::UnexpectedAnswer => "an answer that nothing explains",
            Violation::Stuck => "requests that never end",
        })
    }
}

/// A violation, and what shows it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub violation: Violation,
    /// The request that shows it.
    pub exchange: Option<usize>,
    /// How it shows.
    pub detail: String,
}

impl Finding {
    /// A finding in a request.
    pub fn new(violation: Violation, exchange: usize, detail: impl Into<String>) -> Finding {
        Finding { violation, exchange: Some(exchange), detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.violation)?;
        if let Some(exchange) = self.exchange {
            write!(f, ", as request r{exchange} shows")?;
        }
        write!(f, ": {}", self.detail)
    }
}
