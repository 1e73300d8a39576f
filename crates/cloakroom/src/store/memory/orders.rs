//! In which order records leave a shard.

use super::calendar::Calendar;
use super::slot::{Order, Slot};
use super::slots::{At, Slots};
use crate::clock::Timestamp;

/// The slots by when they end, and by when they were seen: visitors' and users' apart.
pub(super) struct Orders {
    by_end: Calendar,
    visitors: Calendar,
    users: Calendar,
}

/// What a slot's places in the orders rest on.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Places {
    end: Timestamp,
    seen: Timestamp,
    is_user: bool,
}

/// The order of eviction: anonymous sessions before users', among each the longest idle first, and the first created of
/// those that were seen at the same moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) is_user: bool,
    seen: Timestamp,
    number: u64,
}

impl Places {
    pub(super) fn of(slot: &Slot) -> Places {
        Places { end: slot.times.end(), seen: slot.times.seen, is_user: slot.body.has_user() }
    }
}

impl Default for Orders {
    fn default() -> Orders {
        let by_seen = || Calendar::new(Order::Seen);
        Orders { by_end: Calendar::new(Order::End), visitors: by_seen(), users: by_seen() }
    }
}

impl Orders {
    pub(super) fn enter(&mut self, slots: &mut Slots, at: At, places: Places) {
        self.by_end.enter(slots, at, places.end);
        self.by_seen(places).enter(slots, at, places.seen);
    }

    /// Takes out a slot that has entered with these places.
    pub(super) fn leave(&mut self, slots: &mut Slots, at: At, places: Places) {
        self.by_end.leave(slots, at, places.end);
        self.by_seen(places).leave(slots, at, places.seen);
    }

    /// Who is to leave for another one, and its rank among those of other shards.
    pub(super) fn first_to_go(&self, slots: &Slots) -> Option<(Rank, At)> {
        let at = self.visitors.first().or_else(|| self.users.first())?;
        let slot = &slots[at];
        Some((Rank { is_user: slot.body.has_user(), seen: slot.times.seen, number: slot.number }, at))
    }

    /// Those that have expired, of as many as are looked at.
    pub(super) fn expired<'a>(&'a self, slots: &'a Slots, look: usize, now: Timestamp) -> impl Iterator<Item = At> {
        self.by_end.until(slots, now).take(look).filter(move |at| !slots[*at].is_live(now))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        [&self.by_end, &self.visitors, &self.users].iter().all(|calendar| calendar.first().is_none())
    }

    fn by_seen(&mut self, places: Places) -> &mut Calendar {
        if places.is_user { &mut self.users } else { &mut self.visitors }
    }
}
