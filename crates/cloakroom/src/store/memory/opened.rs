//! The records that were used last, as they were handed out or written.

use super::body::{Common, Contents};
use super::handles::Handles;
use super::slot::Slot;
use super::slots::At;
use crate::record::Handle;

/// Contents that were unpacked, and the handle: the next load of the same record copies nothing, and the next write packs nothing.
///
/// A record has one place here, which it shares with others: who comes takes it.
#[derive(Default)]
pub(super) struct Opened(Vec<Option<(At, Open)>>);

pub(super) struct Open {
    pub(super) handle: Handle,
    pub(super) contents: Contents,
    /// They were written, and the slot still keeps what they were before; the user excepted, which is never behind.
    pub(super) is_ahead: bool,
}

impl Open {
    pub(super) fn of(slot: &Slot, handles: &Handles, common: &mut Common) -> Open {
        Open { handle: handles.of(slot.number), contents: slot.body.contents(common), is_ahead: false }
    }
}

/// Times the shards: so many browsers are in the midst of something.
const PLACES: usize = 64;

impl Opened {
    pub(super) fn get(&mut self, at: At) -> Option<&Open> {
        self.place(at).as_ref().filter(|(there, _)| *there == at).map(|(_, open)| open)
    }

    /// Gives back which record had to go, and what of it was open.
    pub(super) fn put(&mut self, at: At, open: Open) -> Option<(At, Open)> {
        self.place(at).replace((at, open)).filter(|(there, _)| *there != at)
    }

    pub(super) fn take(&mut self, at: At) -> Option<Open> {
        self.place(at).take_if(|(there, _)| *there == at).map(|(_, open)| open)
    }

    /// Those whose slots are behind.
    pub(super) fn ahead(&mut self) -> impl Iterator<Item = (At, &mut Open)> {
        let open = self.0.iter_mut().flatten().map(|(at, open)| (*at, open));
        open.filter(|(_, open)| open.is_ahead)
    }

    fn place(&mut self, at: At) -> &mut Option<(At, Open)> {
        if self.0.is_empty() {
            self.0.resize_with(PLACES, || None);
        }
        &mut self.0[at.index() % PLACES]
    }
}
