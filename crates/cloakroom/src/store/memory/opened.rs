//! The records that were used last, as they were handed out or written.

use super::body::Common;
use super::handles::Handles;
use super::slot::Slot;
use super::slots::{At, Slots};
use super::spread::spread;
use crate::record::{Handle, Record, SessionId};

/// Records that were unpacked, and their handles: the next load of the same one copies nothing, and the next write packs nothing.
///
/// A record has one place here, which it shares with others: who is loaded twice, and nobody else between, takes it. Where many
/// come by once, that spares all of them the closing of what another one has left open, which lies far away in memory.
#[derive(Default)]
pub(super) struct Opened {
    places: Vec<Place>,
    handles: Handles,
    common: Common,
    scratch: Vec<u8>,
}

#[derive(Default)]
struct Place {
    /// The hash of the id whose record is open: that it is another's is seen without a look at its slot.
    hash: u64,
    open: Option<(At, Open)>,
    /// Whose record was loaded last of those that are not open.
    passed: Option<At>,
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

    /// Where the record of this id may be, if one is open that can be it.
    pub(super) fn in_place_of(&self, id: &SessionId) -> Option<At> {
        let hash = spread(id);
        let place = self.places.get(place_of(hash)).filter(|place| place.hash == hash)?;
        place.open.as_ref().map(|(at, _)| *at)
    }

    /// The record at this address, and its handle. It is open from now on if nobody else's is, or if it is asked for again.
    pub(super) fn load(&mut self, at: At, slots: &mut Slots) -> (Record, Handle) {
        self.places.resize_with(PLACES, Place::default);
        let hash = spread(&slots[at].id);
        let place = &mut self.places[place_of(hash)];
        match &place.open {
            Some((there, open)) if *there == at => return (open.record.clone(), open.handle.clone()),
            Some(_) if place.passed != Some(at) => {
                place.passed = Some(at);
                return self.unpack(&slots[at]);
            }
            Some((other, _)) => {
                let other = *other;
                self.close(other, slots);
            }
            None => {}
        }
        let (record, handle) = self.unpack(&slots[at]);
        let open = Open { handle: handle.clone(), record: record.clone(), is_ahead: false };
        self.places[place_of(hash)] = Place { hash, open: Some((at, open)), passed: None };
        (record, handle)
    }

    /// The record at this address, if it is open.
    pub(super) fn of(&mut self, slot: &Slot, at: At) -> Option<&mut Open> {
        let place = self.places.get_mut(place_of(spread(&slot.id)))?;
        place.open.as_mut().filter(|(there, _)| *there == at).map(|(_, open)| open)
    }

    /// A record that is not open, and its handle.
    fn unpack(&mut self, slot: &Slot) -> (Record, Handle) {
        (self.record(slot), self.handles.of(slot.number))
    }

    /// A record that is not open, to be changed and packed again.
    pub(super) fn record(&mut self, slot: &Slot) -> Record {
        slot.record(&mut self.common)
    }

    /// Lets the slot of a record have what was written, if it is open, and forgets it.
    pub(super) fn close(&mut self, at: At, slots: &mut Slots) {
        let place = self.places.get_mut(place_of(spread(&slots[at].id)));
        let open = place.and_then(|place| place.open.take_if(|(there, _)| *there == at));
        if let Some((_, open)) = open.filter(|(_, open)| open.is_ahead) {
            slots[at].body.keep(&open.record, &mut self.scratch);
        }
    }

    /// Lets all slots have what was written.
    pub(super) fn settle(&mut self, slots: &mut Slots) {
        for (at, open) in
            self.places.iter_mut().filter_map(|place| place.open.as_mut()).filter(|(_, open)| open.is_ahead)
        {
            slots[*at].body.keep(&open.record, &mut self.scratch);
            open.is_ahead = false;
        }
    }

    /// Packs a record for its slot.
    pub(super) fn pack(&mut self, record: &Record, slot: &mut Slot) {
        slot.body.keep(record, &mut self.scratch);
    }

    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        self.places.iter().filter_map(|place| place.open.as_ref()).all(|(_, open)| !open.is_ahead)
    }
}

/// By other characters of the hash than those that tell the shard and the chain.
fn place_of(hash: u64) -> usize {
    (hash >> 52) as usize % PLACES
}
