//! What a request has changed and the store does not have yet, laid over what the store has.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::SessionError;
use super::policy::Remember;
use crate::record::facts::Proof;
use crate::record::{Change, Data, Patch, UserId, Value, WrongType, sum};

/// The bytes that a number may come to take.
pub(super) const LONGEST_NUMBER: usize = 20;

/// The changes of a request that are not known to be stored.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// A write is under way.
    is_under_way: bool,
    /// Being written, until the store answers; none while there is nothing. Shared with who writes it.
    in_flight: Option<Arc<Intent>>,
    /// To be written; none while there is nothing, as in most requests.
    pending: Option<Arc<Intent>>,
}

/// What is to be done to a session in one write.
#[derive(Clone, Debug, Default)]
pub(super) struct Intent {
    /// Its times are decided only when it is written.
    pub(super) patch: Patch,
    /// The session is to have a new id.
    pub(super) rotate: bool,
    /// Somebody has proved who they are; a log-in begins the absolute end and the lifetime anew.
    pub(super) proof: Option<Proof>,
    pub(super) remember: Option<Remember>,
    /// It does no more than what is noted by the way, and nobody misses it where the session has ended.
    pub(super) is_by_the_way: bool,
}

impl Intent {
    pub(super) fn is_empty(&self) -> bool {
        self.patch.is_empty() && !self.rotate && self.proof.is_none() && self.remember.is_none()
    }

    /// Whether the session's life begins anew.
    pub(super) fn renews(&self) -> bool {
        matches!(self.proof, Some(Proof::LogIn(_))) || self.remember.is_some()
    }

    /// Makes it this and then `later`.
    fn then(&mut self, later: Intent) -> Result<(), WrongType> {
        self.rotate |= later.rotate;
        self.prove(later.proof);
        self.remember = later.remember.or(self.remember);
        self.patch.then(later.patch)
    }

    pub(super) fn prove(&mut self, later: Option<Proof>) {
        self.proof = match (self.proof.take(), later) {
            (Some(proof), Some(later)) => Some(proof.then(later)),
            (proof, later) => later.or(proof),
        };
    }
}

impl Changes {
    /// What is to be written.
    pub(super) fn pending(&mut self) -> &mut Intent {
        Arc::make_mut(self.pending.get_or_insert_default())
    }

    /// What is to be written, as it is now.
    pub(super) fn to_write(&self) -> Arc<Intent> {
        self.pending.clone().unwrap_or_default()
    }

    pub(super) fn is_anything_pending(&self) -> bool {
        self.pending.as_ref().is_some_and(|intent| !intent.is_empty())
    }

    /// Whether there is anything that the store does not have, or may not have yet.
    pub(super) fn is_anything(&self) -> bool {
        self.pending.is_some() || self.in_flight.is_some()
    }

    /// Nothing is to be written any more.
    pub(super) fn drop_pending(&mut self) {
        self.pending = None;
    }

    /// Whether somebody has just proved who they are, and that is not known to be stored.
    pub(super) fn has_proof(&self) -> bool {
        [&self.pending, &self.in_flight].into_iter().flatten().any(|intent| intent.proof.is_some())
    }

    /// Who logs in with the next write.
    pub(super) fn logging_in(&self) -> Option<&UserId> {
        let intent = self.pending.as_ref().filter(|intent| matches!(intent.proof, Some(Proof::LogIn(_))))?;
        intent.patch.user.as_ref()
    }

    pub(super) fn user(&self) -> Option<&UserId> {
        [&self.pending, &self.in_flight].into_iter().flatten().find_map(|intent| intent.patch.user.as_ref())
    }

    /// The metadata over the stored one.
    pub(super) fn metadata(&self, mut stored: Arc<Data>) -> Arc<Data> {
        for (key, value) in self.layers().flat_map(Patch::metadata) {
            match value {
                Some(value) => drop(Arc::make_mut(&mut stored).insert(key.clone(), value.clone())),
                None => drop(Arc::make_mut(&mut stored).remove(key)),
            }
        }
        stored
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

    /// The size of all keys and values but those of `key`, at most: a number that is added to may be shorter.
    pub(super) fn size_without(&self, key: &str, stored: Option<&Data>) -> usize {
        let is_stored = |each: &str| stored.is_some_and(|data| data.get(each).is_some());
        let kept = stored.into_iter().flat_map(Data::iter).filter(|(each, _)| self.outlives(each, 0));
        let kept = kept.map(|(each, value)| (each, value.size()));
        let set = self.layers().enumerate().flat_map(|(layer, patch)| {
            patch.changes().filter_map(move |(each, change)| match change {
                Change::Set(value) if self.outlives(each, layer + 1) => Some((each, value.size())),
                Change::Add(_) if !is_stored(each) && self.outlives(each, layer + 1) => Some((each, LONGEST_NUMBER)),
                _ => None,
            })
        });
        kept.chain(set).filter(|(each, _)| ***each != *key).map(|(each, length)| each.len() + length).sum()
    }

    /// From now on what was pending is being written.
    pub(super) fn depart(&mut self) {
        self.is_under_way = true;
        self.in_flight = self.pending.take();
    }

    /// Whether anything is being written, be it only what was never pending.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// What is being written of that which was pending.
    pub(super) fn departed(&self) -> Option<&Intent> {
        self.in_flight.as_deref()
    }

    /// It is written, or given up.
    pub(super) fn arrived(&mut self) {
        self.is_under_way = false;
        self.in_flight = None;
    }

    /// It is not written: all of it is pending again, with what has come since.
    pub(super) fn came_back(&mut self) -> Result<(), WrongType> {
        self.is_under_way = false;
        let Some(before) = self.in_flight.take() else { return Ok(()) };
        match self.pending.replace(before) {
            Some(since) => self.pending().then(Arc::unwrap_or_clone(since)),
            None => Ok(()),
        }
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
        [&self.in_flight, &self.pending].into_iter().flatten().map(|intent| &intent.patch)
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
        changes.pending().patch.add("n", 10).unwrap();
        changes.pending().patch.set("b", text("first"));
        changes.depart();
        changes.pending().patch.add("n", 100).unwrap();
        changes.pending().patch.unset("a");
        assert_eq!(changes.value("n", Some(&stored)).unwrap(), Some(Value::from(111)));
        assert_eq!(changes.value("a", Some(&stored)).unwrap(), None);
        assert_eq!(changes.value("b", None).unwrap(), Some(text("first")));
        assert_eq!(changes.keys(Some(&stored)).iter().map(|key| &**key).collect::<Vec<_>>(), ["b", "n"]);
        changes.pending().patch.clear();
        assert!(changes.keys(Some(&stored)).is_empty());
        assert_eq!(changes.value("n", Some(&stored)).unwrap(), None);
    }

    #[test]
    fn what_comes_back_lies_below_what_came_since() {
        let mut changes = Changes::default();
        changes.pending().patch.set("a", text("old"));
        changes.pending().patch.add("n", 1).unwrap();
        changes.depart();
        changes.pending().patch.set("a", text("new"));
        changes.pending().patch.add("n", 1).unwrap();
        changes.came_back().unwrap();
        assert_eq!(changes.pending().patch.change("a"), Some(&Change::Set(text("new"))));
        assert_eq!(changes.pending().patch.change("n"), Some(&Change::Add(2)));
        changes.depart();
        changes.arrived();
        assert_eq!(changes.value("a", None).unwrap(), None);
    }

    #[test]
    fn the_size_counts_each_key_once() {
        let (stored, mut changes) = (stored(), Changes::default());
        // `a` with 8 bytes of JSON, `n` with 1.
        assert_eq!(changes.size_without("x", Some(&stored)), 9 + 2);
        changes.pending().patch.set("a", text("1"));
        changes.depart();
        changes.pending().patch.set("a", text("12"));
        changes.pending().patch.unset("n");
        assert_eq!(changes.size_without("x", Some(&stored)), 5);
        assert_eq!(changes.size_without("a", Some(&stored)), 0);
        changes.pending().patch.add("n", 1).unwrap();
        assert_eq!(changes.size_without("x", Some(&stored)), 5 + 2, "it is set to 1");
        changes.pending().patch.clear();
        assert_eq!(changes.size_without("x", Some(&stored)), 0);
        let mut adding = Changes::default();
        adding.pending().patch.add("new", 1).unwrap();
        assert_eq!(adding.size_without("x", Some(&stored)), 11 + 3 + LONGEST_NUMBER);
    }

    #[test]
    fn intents_depart_and_come_back_with_their_patch() {
        let mut changes = Changes::default();
        changes.pending().patch.set("a", text("old"));
        changes.depart();
        changes.pending().rotate = true;
        changes.arrived();
        assert!(changes.pending().rotate, "it came after the departure");
        changes.depart();
        changes.came_back().unwrap();
        assert!(changes.pending().rotate);
    }
}
