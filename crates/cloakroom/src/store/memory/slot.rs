//! A record in its place.

use super::body::{Body, Common};
use super::slots::At;
use crate::clock::Timestamp;
use crate::record::{Record, SessionId, Times};
use crate::store::{Guard, Token};

/// A record, and where it stands. A million of them are a million times its size, so it is as small as can be.
pub(super) struct Slot {
    pub(super) id: SessionId,
    pub(super) times: Times,
    pub(super) body: Body,
    /// How many were created before it in the whole store.
    pub(super) number: u64,
    /// Never 0 while it is taken.
    version: u32,
    /// The next one of those that are found alike, or of those that are free.
    pub(super) next: Option<At>,
    /// Its neighbours in each [`Order`].
    pub(super) links: [Links; 2],
}

/// An order of all slots that a slot stands in.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// By when they end.
    End,
    /// By when they were seen.
    Seen,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Links {
    pub(super) before: Option<At>,
    pub(super) after: Option<At>,
}

impl Slot {
    pub(super) fn new(id: SessionId, times: Times, number: u64) -> Slot {
        Slot { id, times, body: Body::EMPTY, number, version: 1, next: None, links: Default::default() }
    }

    /// One that nothing is in.
    pub(super) fn vacant() -> Slot {
        let never = Timestamp::from_millis(0);
        let times = Times { created: never, seen: never, idle_end: never, absolute_end: never };
        Slot { version: 0, ..Slot::new(SessionId::from_ticket(""), times, 0) }
    }

    pub(super) fn is_taken(&self) -> bool {
        self.version > 0
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.times.is_live(now)
    }

    /// The record, unpacked.
    pub(super) fn record(&self, common: &mut Common) -> Record {
        self.body.record(self.times, common)
    }

    /// The record, unpacked for this once.
    pub(super) fn whole(&self) -> Record {
        self.record(&mut Common::default())
    }

    pub(super) fn token(&self) -> Token {
        Token::version(self.version.into())
    }

    /// Makes all tokens that were told so far those of an earlier state. After four billion of them the first ones come again; no
    /// request holds one for so long.
    pub(super) fn renew_token(&mut self) {
        self.version = self.version.checked_add(1).unwrap_or(1);
    }

    pub(super) fn allows(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Exists => true,
            Guard::Unchanged(token) => *token == self.token(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/performance.md` tells what a session takes in all: this, four bytes to find it by, and what the allocator adds.
    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot>(), 144);
    }
}
