//! The records that were used last, as they were handed out or written.

use super::body::Common;
use super::handles::Handles;
use super::slot::Slot;
use super::slots::{At, Slots};
use super::spread::spread;
use crate::record::{Handle, Record, SessionId};

/// Records that were unpacked, and their handles: the next load of the same one copies nothing, and the next write packs nothing.
///
/// A record has one place here, which it shares with others: who comes takes it.
#[derive(Default)]
pub(super) struct Opened {
    places: Vec<Option<(At, Open)>>,
    handles: Handles,
    common: Common,
    scratch: Vec<u8>,
}

pub(super) struct Open {
    pub(super) handle: Handle,
    /// With the times of its slot.
    pub(super) record: Record,
    /// It was written, and the slot still keeps what was there before; the user and the times excepted, which are never behind.
    pub(super) is_ahead: bool,
}

/// Times the shards: so many browsers are in the midst of something.
const PLACES: usize = 256;

impl Opened {
    pub(super) fn new(handles: Handles) -> Opened {
        Opened { handles, ..Opened::default() }
    }

    /// The record that is open in the place of this id, be it its own or another's.
    pub(super) fn in_place_of(&self, id: &SessionId) -> Option<At> {
        self.places.get(place_of(id))?.as_ref().map(|(at, _)| *at)
    }

    /// The record of this id, which is at this address.
    pub(super) fn open(&mut self, id: &SessionId, at: At, slots: &mut Slots) -> &mut Open {
        let place = place_of(id);
        self.make_room(place, at, slots);
        let unpack = || {
            let slot = &slots[at];
            let (handle, record) = (self.handles.of(slot.number), slot.record(&mut self.common));
            (at, Open { handle, record, is_ahead: false })
        };
        &mut self.places[place].get_or_insert_with(unpack).1
    }

    /// Lets the slot of a record have what was written, if it is open, and forgets it.
    pub(super) fn close(&mut self, at: At, slots: &mut Slots) {
        let place = self.places.get_mut(place_of(&slots[at].id));
        let open = place.and_then(|place| place.take_if(|(there, _)| *there == at));
        if let Some((_, open)) = open.filter(|(_, open)| open.is_ahead) {
            slots[at].body.keep(&open.record, &mut self.scratch);
        }
    }

    /// Lets all slots have what was written.
    pub(super) fn settle(&mut self, slots: &mut Slots) {
        for (at, open) in self.places.iter_mut().flatten().filter(|(_, open)| open.is_ahead) {
            slots[*at].body.keep(&open.record, &mut self.scratch);
            open.is_ahead = false;
        }
    }

    /// Packs a record for its slot.
    pub(super) fn pack(&mut self, record: &Record, slot: &mut Slot) {
        slot.body.keep(record, &mut self.scratch);
    }

    /// The times of a slot have changed, which may be open.
    pub(super) fn set_times(&mut self, at: At, slot: &Slot) {
        let place = self.places.get_mut(place_of(&slot.id)).and_then(Option::as_mut);
        if let Some((_, open)) = place.filter(|(there, _)| *there == at) {
            open.record.set_times(slot.times);
        }
    }

    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        self.places.iter().flatten().all(|(_, open)| !open.is_ahead)
    }

    /// Closes what of others is open in the place of a record.
    fn make_room(&mut self, place: usize, at: At, slots: &mut Slots) {
        match self.places.get(place) {
            Some(Some((other, _))) if *other != at => self.close(*other, slots),
            Some(_) => {}
            None => self.places.resize_with(PLACES, || None),
        }
    }
}

/// By other characters of the hash than those that tell the shard and the chain.
fn place_of(id: &SessionId) -> usize {
    (spread(id) >> 52) as usize % PLACES
}
