//! Whether there is an order of a session's operations that the model allows and that agrees with real time: an operation that
//! ended before another one began comes before it (Wing and Gong; remembering what was tried is Lowe's).

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use super::model::{Objection, State};
use super::operation::Operation;

/// How many steps are tried before it is given up.
const PATIENCE: usize = 300_000;

/// What became of a search.
#[derive(Debug)]
pub enum Verdict {
    /// There is an order.
    Fine,
    /// There is none. As far as one gets, the operation of this number stands in the way.
    Wrong(usize, Objection),
    /// It would take too long to know.
    Undecided,
}

/// Searches for an order.
pub fn search(operations: &[Operation]) -> Verdict {
    let mut order: Vec<usize> = (0..operations.len()).collect();
    // What must be first is tried first; what need not be at all, last.
    order.sort_by_key(|number| (operations[*number].end(), operations[*number].span.start));
    let mut search =
        Search { operations, order, seen: HashSet::new(), hasher: RandomState::new(), tried: 0, furthest: None };
    let mut done = vec![false; operations.len()];
    match search.go_on(&State::default(), &mut done, 0) {
        Some(true) => Verdict::Fine,
        Some(false) => match search.furthest {
            Some((_, operation, objection)) => Verdict::Wrong(operation, objection),
            None => Verdict::Fine,
        },
        None => Verdict::Undecided,
    }
}

struct Search<'a> {
    operations: &'a [Operation],
    order: Vec<usize>,
    /// Hashes of what was found to lead nowhere: which operations were done, and the state they led to.
    seen: HashSet<u64>,
    hasher: RandomState,
    tried: usize,
    /// How many operations were done at most, and what was in the way then.
    furthest: Option<(usize, usize, Objection)>,
}

impl Search<'_> {
    /// Whether the rest can be done; none if that takes too long.
    fn go_on(&mut self, state: &State, done: &mut [bool], count: usize) -> Option<bool> {
        self.tried += 1;
        if self.tried > PATIENCE {
            return None;
        }
        // A key of two halves is as good as none, but a collision of 64 bits is not to be expected among so few.
        if !self.seen.insert(self.hasher.hash_one((&*done, state))) {
            return Some(false);
        }
        let left = || self.order.iter().copied().filter(|number| !done[*number]);
        let Some(first_end) = left().map(|number| self.operations[number].end()).min() else { return Some(true) };
        if left().all(|number| self.operations[number].is_optional()) {
            return Some(true);
        }
        let next: Vec<_> = left().filter(|number| self.operations[*number].span.start < first_end).collect();
        for number in next {
            let operation = &self.operations[number];
            match state.after(operation) {
                Ok(after) => {
                    done[number] = true;
                    let count = count + usize::from(!operation.is_optional());
                    if self.go_on(&after, done, count)? {
                        return Some(true);
                    }
                    done[number] = false;
                }
                Err(objection) => {
                    let is_due = operation.end() == first_end;
                    if is_due && self.furthest.as_ref().is_none_or(|(before, ..)| *before < count) {
                        self.furthest = Some((count, number, objection));
                    }
                }
            }
        }
        Some(false)
    }
}
