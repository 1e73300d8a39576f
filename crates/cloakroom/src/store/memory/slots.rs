//! Where the slots of a shard lie, and how they are found.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

use super::slot::Slot;
use super::spread::spread;
use crate::record::SessionId;

/// The slots of a shard: each stays at its address for as long as it is taken, and is found by its id.
///
/// They lie in chunks, so that none is ever copied for another one to find room. They are found by linear hashing (Litwin 1980): a
/// table of chains that grows by one chain with each slot, so that no growth ever stops everybody.
#[derive(Default)]
pub(super) struct Slots {
    chunks: Vec<Vec<Slot>>,
    /// The first of those that are free.
    free: Option<At>,
    taken: usize,
    /// The first of each chain.
    chains: Vec<Option<At>>,
}

/// The address of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(NonZeroU32);

const CHUNK: usize = 256;

impl At {
    fn new(index: usize) -> At {
        At(NonZeroU32::MIN.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Slots {
    pub(super) fn find(&self, id: &SessionId) -> Option<At> {
        let mut next = *self.chains.get(self.chain_of(id))?;
        while let Some(at) = next {
            let slot = &self[at];
            if slot.id == *id {
                return Some(at);
            }
            next = slot.next;
        }
        None
    }

    /// Puts in a slot whose id no other one has.
    pub(super) fn insert(&mut self, mut slot: Slot) -> At {
        if self.taken == self.chains.len() {
            self.add_chain();
        }
        self.taken += 1;
        let chain = self.chain_of(&slot.id);
        slot.next = self.chains[chain];
        let at = self.place(slot);
        self.chains[chain] = Some(at);
        at
    }

    pub(super) fn remove(&mut self, at: At) -> Slot {
        self.unchain(at);
        self.taken -= 1;
        let mut vacant = Slot::vacant();
        vacant.next = self.free.replace(at);
        std::mem::replace(&mut self[at], vacant)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.chunks.iter().flatten().filter(|slot| slot.is_taken())
    }

    fn place(&mut self, slot: Slot) -> At {
        if let Some(at) = self.free {
            let vacant = std::mem::replace(&mut self[at], slot);
            self.free = vacant.next;
            return at;
        }
        let full = self.chunks.len() * CHUNK;
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => {
                chunk.push(slot);
                At::new(full - CHUNK + chunk.len() - 1)
            }
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(slot);
                self.chunks.push(chunk);
                At::new(full)
            }
        }
    }

    /// The chain that an id is in. As many bits of its hash count as number the chains; where that is a chain that is not there yet,
    /// the highest one does not.
    fn chain_of(&self, id: &SessionId) -> usize {
        let mask = self.chains.len().next_power_of_two() - 1;
        let chain = spread(id) as usize & mask;
        if chain < self.chains.len() { chain } else { chain & (mask >> 1) }
    }

    /// The chain that is divided when the next one is added.
    fn divided(&self) -> usize {
        let new = self.chains.len();
        new & (((new + 1).next_power_of_two() - 1) >> 1)
    }

    /// Adds a chain, and moves there what belongs there now: all of it was in one other chain.
    fn add_chain(&mut self) {
        let divided = self.divided();
        self.chains.push(None);
        let mut next = self.chains[divided].take();
        while let Some(at) = next {
            let chain = self.chain_of(&self[at].id);
            next = self[at].next;
            self[at].next = self.chains[chain].replace(at);
        }
        self.look_ahead();
    }

    /// What is divided next lies anywhere in memory. Who looks at it now need not wait for it, nor will who divides it then.
    fn look_ahead(&self) {
        let first = self.chains.get(self.divided()).copied().flatten();
        std::hint::black_box(first.map(|at| self[at].next));
    }

    fn unchain(&mut self, at: At) {
        let chain = self.chain_of(&self[at].id);
        let after = self[at].next;
        if self.chains[chain] == Some(at) {
            self.chains[chain] = after;
            return;
        }
        let mut next = self.chains[chain];
        while let Some(before) = next {
            next = self[before].next;
            if next == Some(at) {
                self[before].next = after;
                return;
            }
        }
    }
}

impl Index<At> for Slots {
    type Output = Slot;

    fn index(&self, at: At) -> &Slot {
        &self.chunks[at.index() / CHUNK][at.index() % CHUNK]
    }
}

impl IndexMut<At> for Slots {
    fn index_mut(&mut self, at: At) -> &mut Slot {
        &mut self.chunks[at.index() / CHUNK][at.index() % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::clock::Timestamp;
    use crate::record::Record;

    fn id(number: u64) -> SessionId {
        SessionId::from_ticket(&number.to_string())
    }

    fn slot(number: u64) -> Slot {
        let at = Timestamp::from_millis(0);
        Slot::new(id(number), Record::new(at, at, at).times(), number)
    }

    #[test]
    fn what_is_in_is_found_however_many_come_and_go() {
        let (mut slots, mut all) = (Slots::default(), HashMap::new());
        assert_eq!(slots.find(&id(0)), None);
        for number in 0..3_000_u64 {
            all.insert(number, slots.insert(slot(number)));
            // Some leave: more and more at first, and almost all of the later ones.
            let leaving = number / 2;
            if number % 7 < number / 300
                && let Some(at) = all.remove(&leaving)
            {
                assert_eq!(slots.remove(at).number, leaving);
            }
            if number.is_multiple_of(100) {
                assert!((0..=number).all(|each| slots.find(&id(each)) == all.get(&each).copied()), "at {number}");
            }
        }
        assert!(all.iter().all(|(number, at)| slots[*at].number == *number));
        let mut found: Vec<_> = slots.iter().map(|slot| slot.number).collect();
        let mut expected: Vec<_> = all.into_keys().collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_place_that_is_free_is_taken_again() {
        let mut slots = Slots::default();
        for number in 0..10_000 {
            let at = slots.insert(slot(number));
            if number >= 300 {
                slots.remove(at);
            }
        }
        let places: usize = slots.chunks.iter().map(Vec::len).sum();
        assert_eq!((places, slots.taken, slots.chains.len()), (301, 300, 301));
    }

    #[test]
    fn chains_are_short() {
        let mut slots = Slots::default();
        for number in 0..5_000 {
            let mut slot = slot(number);
            slot.id = SessionId::generate().unwrap();
            slots.insert(slot);
        }
        let length = |first: &Option<At>| std::iter::successors(*first, |at| slots[*at].next).count();
        let longest = slots.chains.iter().map(length).max();
        assert!(longest < Some(12), "{longest:?}");
    }
}
