//! Slots in the order of a time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::slot::{Links, Order};
use super::slots::{At, Slots};
use crate::clock::Timestamp;

/// Slots in the order of a time, to four seconds; within those, in the order in which they came.
///
/// To enter, to leave and to be the first take the same time however many there are: a span of four seconds is a list, whose links
/// are in the slots. How many spans there are depends on how far the times are apart, and not on the number of slots.
pub(super) struct Calendar {
    order: Order,
    spans: BTreeMap<Span, Ends>,
}

/// Four seconds, more exactly 4,096 milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span(i64);

struct Ends {
    first: At,
    last: At,
}

impl Span {
    fn of(time: Timestamp) -> Span {
        Span(time.as_millis() >> 12)
    }
}

impl Calendar {
    pub(super) fn new(order: Order) -> Calendar {
        Calendar { order, spans: BTreeMap::new() }
    }

    pub(super) fn enter(&mut self, slots: &mut Slots, at: At, time: Timestamp) {
        let before = match self.spans.entry(Span::of(time)) {
            Entry::Vacant(span) => {
                span.insert(Ends { first: at, last: at });
                None
            }
            Entry::Occupied(mut span) => Some(std::mem::replace(&mut span.get_mut().last, at)),
        };
        if let Some(before) = before {
            self.links(slots, before).after = Some(at);
        }
        *self.links(slots, at) = Links { before, after: None };
    }

    /// Takes out a slot that has entered with this time.
    pub(super) fn leave(&mut self, slots: &mut Slots, at: At, time: Timestamp) {
        let Links { before, after } = std::mem::take(self.links(slots, at));
        if let Some(before) = before {
            self.links(slots, before).after = after;
        }
        if let Some(after) = after {
            self.links(slots, after).before = before;
        }
        if before.is_some() && after.is_some() {
            return;
        }
        let Entry::Occupied(mut span) = self.spans.entry(Span::of(time)) else { return };
        match (before, after) {
            (None, Some(after)) => span.get_mut().first = after,
            (Some(before), None) => span.get_mut().last = before,
            _ => {
                span.remove();
            }
        }
    }

    pub(super) fn first(&self) -> Option<At> {
        self.spans.first_key_value().map(|(_, ends)| ends.first)
    }

    /// All until this time, and some beyond it: those of its last four seconds.
    pub(super) fn until<'a>(&'a self, slots: &'a Slots, time: Timestamp) -> impl Iterator<Item = At> {
        let order = self.order as usize;
        let spans = self.spans.range(..=Span::of(time));
        spans
            .flat_map(move |(_, ends)| std::iter::successors(Some(ends.first), move |at| slots[*at].links[order].after))
    }

    fn links<'a>(&self, slots: &'a mut Slots, at: At) -> &'a mut Links {
        &mut slots[at].links[self.order as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::Slot;
    use super::*;
    use crate::record::{Record, SessionId};

    fn slots(count: u64) -> (Slots, Vec<At>) {
        let (mut slots, at) = (Slots::default(), Timestamp::from_millis(0));
        let slot = |number: u64| {
            Slot::new(SessionId::from_ticket(&number.to_string()), Record::new(at, at, at).times(), number)
        };
        let all = (0..count).map(|number| slots.insert(slot(number))).collect();
        (slots, all)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn those_of_earlier_times_come_first_and_of_the_same_those_that_came_first() {
        let (mut slots, all) = slots(100);
        let mut calendar = Calendar::new(Order::Seen);
        let span = |number: usize| (number as i64 * 37) % 11 - 5;
        for (number, each) in all.iter().enumerate() {
            calendar.enter(&mut slots, *each, at(span(number) * 5));
        }
        // Of the first, the last and those between, some leave.
        let leaves = |number: usize| number.is_multiple_of(3) || number < 12;
        for (number, each) in all.iter().enumerate().filter(|(number, _)| leaves(*number)) {
            calendar.leave(&mut slots, *each, at(span(number) * 5));
        }
        let mut expected: Vec<_> = (0..100).filter(|number| !leaves(*number)).collect();
        expected.sort_by_key(|number| span(*number));
        let found: Vec<_> = calendar.until(&slots, at(1_000)).map(|each| slots[each].number as usize).collect();
        assert_eq!(found, expected);
        assert_eq!(calendar.first(), Some(all[expected[0]]));
        for number in expected {
            calendar.leave(&mut slots, all[number], at(span(number) * 5));
        }
        assert!(calendar.first().is_none() && calendar.spans.is_empty());
    }

    #[test]
    fn until_a_time_are_all_that_are_due_and_few_others() {
        let (mut slots, all) = slots(100);
        let mut calendar = Calendar::new(Order::End);
        for (second, each) in all.iter().enumerate() {
            calendar.enter(&mut slots, *each, at(second as i64));
        }
        let due = calendar.until(&slots, at(50)).count();
        assert!((51..=55).contains(&due), "{due}");
        assert_eq!(calendar.until(&slots, at(-5)).count(), 0);
    }

    #[test]
    fn all_of_time_has_a_place() {
        let (mut slots, all) = slots(3);
        let mut calendar = Calendar::new(Order::End);
        let times = [i64::MAX, i64::MIN, 0].map(Timestamp::from_millis);
        for (each, time) in all.iter().zip(times) {
            calendar.enter(&mut slots, *each, time);
        }
        assert_eq!(calendar.until(&slots, times[0]).collect::<Vec<_>>(), [all[1], all[2], all[0]]);
    }
}
