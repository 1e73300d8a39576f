//! The records that were used last, as they were handed out.

use super::body::{Common, Contents};
use super::handles::Handles;
use super::slot::Slot;
use super::slots::At;
use crate::record::Handle;

/// Contents that were unpacked, and the handle: the next load of the same record copies nothing.
///
/// A record has one place here, which it shares with others: who comes takes it.
#[derive(Default)]
pub(super) struct Opened(Vec<Option<(At, Open)>>);

pub(super) struct Open {
    pub(super) handle: Handle,
    pub(super) contents: Contents,
}

impl Open {
    pub(super) fn of(slot: &Slot, handles: &Handles, common: &mut Common) -> Open {
        Open { handle: handles.of(slot.number), contents: slot.body.contents(common) }
    }
}

/// Times the shards: so many browsers are in the midst of something.
const PLACES: usize = 64;

impl Opened {
    /// What was opened of this record, or is now.
    pub(super) fn get(&mut self, at: At, open: impl FnOnce() -> Open) -> &Open {
        let place = self.place(at);
        if place.as_ref().is_none_or(|(there, _)| *there != at) {
            *place = None;
        }
        &place.get_or_insert_with(|| (at, open())).1
    }

    pub(super) fn put(&mut self, at: At, open: Open) {
        *self.place(at) = Some((at, open));
    }

    pub(super) fn take(&mut self, at: At) -> Option<Open> {
        self.place(at).take_if(|(there, _)| *there == at).map(|(_, open)| open)
    }

    fn place(&mut self, at: At) -> &mut Option<(At, Open)> {
        if self.0.is_empty() {
            self.0.resize_with(PLACES, || None);
        }
        &mut self.0[at.index() % PLACES]
    }
}
