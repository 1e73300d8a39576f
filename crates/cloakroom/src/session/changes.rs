//! What a request has changed and the store does not have yet, laid over what the store has.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::SessionError;
use crate::record::{Change, Data, Patch, UserId, Value, WrongType, sum};

/// The changes of a request that are not known to be stored.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Being written, until the store answers.
    in_flight: Option<Patch>,
    /// To be written. Its times are decided only then.
    pub(super) pending: Patch,
}

impl Changes {
    pub(super) fn user(&self) -> Option<&UserId> {
        self.pending.user.as_ref().or_else(|| self.in_flight.as_ref()?.user.as_ref())
    }

    /// The value of a key over the stored one.
    pub(super) fn value(&self, key: &str, stored: Option<&Data>) -> Result<Option<Value>, SessionError> {
        let mut value = stored.and_then(|data| data.get(key)).cloned();
        for patch in self.layers() {
            value = match patch.change(key) {
                Some(Change::Set(value)) => Some(value.clone()),
                Some(Change::Unset) => None,
                Some(Change::Add(by)) => Some(Value::from(sum(value.as_ref(), *by)?)),
                None if patch.clears() => None,
                None => value,
            };
        }
        Ok(value)
    }

    /// The keys over the stored ones, sorted.
    pub(super) fn keys(&self, stored: Option<&Data>) -> Vec<Arc<str>> {
        let stored = stored.into_iter().flat_map(Data::iter).map(|(key, _)| key.clone());
        let mut keys: BTreeSet<_> = stored.collect();
        for patch in self.layers() {
            if patch.clears() {
                keys.clear();
            }
            for (key, change) in patch.changes() {
                match change {
                    Change::Unset => keys.remove(key),
                    Change::Set(_) | Change::Add(_) => keys.insert(key.clone()),
                };
            }
        }
        keys.into_iter().collect()
    }

    /// The size of all keys and values but those of `key`. A number that is added to counts as it is stored.
    pub(super) fn size_without(&self, key: &str, stored: Option<&Data>) -> usize {
        let stored = stored.into_iter().flat_map(Data::iter).filter(|(each, _)| self.outlives(each, 0));
        let set = self.layers().enumerate().flat_map(|(layer, patch)| {
            patch.changes().filter_map(move |(each, change)| match change {
                Change::Set(value) if self.outlives(each, layer + 1) => Some((each, value)),
                _ => None,
            })
        });
        let others = stored.chain(set).filter(|(each, _)| ***each != *key);
        others.map(|(each, value)| each.len() + value.as_json().len()).sum()
    }

    /// From now on what was pending is being written.
    pub(super) fn depart(&mut self) {
        self.in_flight = Some(std::mem::take(&mut self.pending));
    }

    /// It is written.
    pub(super) fn arrived(&mut self) {
        self.in_flight = None;
    }

    /// It is not written: all of it is pending again, with what has come since.
    pub(super) fn came_back(&mut self) -> Result<(), WrongType> {
        let Some(mut all) = self.in_flight.take() else { return Ok(()) };
        let merged = all.then(std::mem::take(&mut self.pending));
        self.pending = all;
        merged
    }

    /// Whether a key that was there before the layer `from` is left alone by it and those above.
    fn outlives(&self, key: &str, from: usize) -> bool {
        !self.layers().skip(from).any(|patch| match patch.change(key) {
            Some(Change::Set(_) | Change::Unset) => true,
            Some(Change::Add(_)) | None => patch.clears(),
        })
    }

    /// The older first.
    fn layers(&self) -> impl Iterator<Item = &Patch> {
        self.in_flight.iter().chain(std::iter::once(&self.pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::serialize(value).unwrap()
    }

    fn stored() -> Data {
        [("a", text("stored")), ("n", Value::from(1))].into_iter().collect()
    }

    #[test]
    fn the_newest_layer_wins_and_numbers_add_up() {
        let (stored, mut changes) = (stored(), Changes::default());
        changes.pending.add("n", 10).unwrap();
        changes.pending.set("b", text("first"));
        changes.depart();
        changes.pending.add("n", 100).unwrap();
        changes.pending.unset("a");
        assert_eq!(changes.value("n", Some(&stored)).unwrap(), Some(Value::from(111)));
        assert_eq!(changes.value("a", Some(&stored)).unwrap(), None);
        assert_eq!(changes.value("b", None).unwrap(), Some(text("first")));
        assert_eq!(changes.keys(Some(&stored)).iter().map(|key| &**key).collect::<Vec<_>>(), ["b", "n"]);
        changes.pending.clear();
        assert!(changes.keys(Some(&stored)).is_empty());
        assert_eq!(changes.value("n", Some(&stored)).unwrap(), None);
    }

    #[test]
    fn what_comes_back_lies_below_what_came_since() {
        let mut changes = Changes::default();
        changes.pending.set("a", text("old"));
        changes.pending.add("n", 1).unwrap();
        changes.depart();
        changes.pending.set("a", text("new"));
        changes.pending.add("n", 1).unwrap();
        changes.came_back().unwrap();
        assert_eq!(changes.pending.change("a"), Some(&Change::Set(text("new"))));
        assert_eq!(changes.pending.change("n"), Some(&Change::Add(2)));
        changes.depart();
        changes.arrived();
        assert_eq!(changes.value("a", None).unwrap(), None);
    }

    #[test]
    fn the_size_counts_each_key_once() {
        let (stored, mut changes) = (stored(), Changes::default());
        // `a` with 8 bytes of JSON, `n` with 1.
        assert_eq!(changes.size_without("x", Some(&stored)), 9 + 2);
        changes.pending.set("a", text("1"));
        changes.depart();
        changes.pending.set("a", text("12"));
        changes.pending.unset("n");
        assert_eq!(changes.size_without("x", Some(&stored)), 5);
        assert_eq!(changes.size_without("a", Some(&stored)), 0);
        changes.pending.clear();
        assert_eq!(changes.size_without("x", Some(&stored)), 0);
    }
}
