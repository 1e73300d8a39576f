//! The changes of one request, which a store applies in one step.

use std::fmt;
use std::sync::Arc;

use super::{Data, Lifetime, Record, Times, UserId, Value};
use crate::clock::Timestamp;

/// What one request changes in a record. A store applies all of it or nothing.
///
/// A patch names each key at most once, of the data as of the metadata, so the order of its changes does not matter;
/// only `clear` comes before them.
///
/// ```
/// use cloakroom::record::{Patch, Value};
///
/// let mut patch = Patch::default();
/// patch.set("theme", Value::serialize("dark")?);
/// patch.add("visits", 1)?;
/// patch.add("visits", 1)?;
/// assert_eq!(patch.changes().count(), 2);
/// assert!(patch.changes_data());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Patch {
    clear: bool,
    changes: Vec<(Arc<str>, Change)>,
    metadata: Vec<(Arc<str>, Option<Value>)>,
    /// Binds the session to this user.
    pub user: Option<UserId>,
    /// What happens to the idle end. Anything but `Keep` is a touch: the store then sets
    /// [`seen`](Record::seen) to the time of the call, unless it is later already.
    pub expiry: Expiry,
    /// A new absolute end, exactly.
    pub absolute_end: Option<Timestamp>,
    /// A new lifetime of its own.
    pub lifetime: Option<Lifetime>,
}

/// What a patch does to one key.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Sets it, whatever it was.
    Set(Value),
    /// Removes it; fine if it is not there.
    Unset,
    /// Adds to its integer; a missing key counts as 0.
    Add(i64),
}

/// What a patch does to a record's idle end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Leaves it.
    #[default]
    Keep,
    /// Moves it there unless it is later already: a touch never shortens.
    AtLeast(Timestamp),
    /// Moves it there, earlier or later.
    Exactly(Timestamp),
}

/// The keys that a patch added to, with their true new numbers.
pub type Numbers = Vec<(Arc<str>, i64)>;

impl Patch {
    /// Sets a key.
    pub fn set(&mut self, key: impl Into<Arc<str>>, value: Value) {
        self.put(key.into(), Change::Set(value));
    }

    /// Removes a key.
    pub fn unset(&mut self, key: impl Into<Arc<str>>) {
        let key = key.into();
        if !self.clear {
            self.put(key, Change::Unset);
        } else if let Ok(at) = self.position(&key) {
            self.changes.remove(at);
        }
    }

    /// Adds to a key's integer.
    ///
    /// # Errors
    ///
    /// If this patch itself sets the key to something that is no integer, or the sum leaves the range of `i64`.
    pub fn add(&mut self, key: impl Into<Arc<str>>, by: i64) -> Result<(), WrongType> {
        let key = key.into();
        let change = match self.change(&key) {
            Some(Change::Set(value)) => Change::Set(Value::from(sum(Some(value), by)?)),
            Some(Change::Add(before)) => Change::Add(before.checked_add(by).ok_or(WrongType)?),
            Some(Change::Unset) => Change::Set(Value::from(by)),
            None if self.clear => Change::Set(Value::from(by)),
            None => Change::Add(by),
        };
        self.put(key, change);
        Ok(())
    }

    /// Removes all keys, those that this patch has set so far among them.
    pub fn clear(&mut self) {
        self.changes.clear();
        self.clear = true;
    }

    /// Whether all of the record's keys go before the [`changes`](Patch::changes) are made.
    pub fn clears(&self) -> bool {
        self.clear
    }

    /// What it does to each key that it names, in the order of the keys.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Change)> {
        self.changes.iter().map(|(key, change)| (key, change))
    }

    /// What it does to one key, [`clears`](Patch::clears) apart.
    pub fn change(&self, key: &str) -> Option<&Change> {
        self.position(key).ok().map(|at| &self.changes[at].1)
    }

    /// Sets a key of the metadata.
    pub fn set_metadata(&mut self, key: impl Into<Arc<str>>, value: Value) {
        put(&mut self.metadata, key.into(), Some(value));
    }

    /// Removes a key of the metadata; fine if it is not there.
    pub fn unset_metadata(&mut self, key: impl Into<Arc<str>>) {
        put(&mut self.metadata, key.into(), None);
    }

    /// The keys of the metadata that it sets or, where there is no value, unsets, in their order.
    pub fn metadata(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, Option<&Value>)> {
        self.metadata.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// Whether it changes more than the times of a touch.
    pub fn changes_data(&self) -> bool {
        self.clear
            || !self.changes.is_empty()
            || self.user.is_some()
            || self.lifetime.is_some()
            || !self.metadata.is_empty()
    }

    /// Whether it does no more than to put off the idle end.
    pub fn is_touch(&self) -> bool {
        !self.changes_data() && self.absolute_end.is_none() && !matches!(self.expiry, Expiry::Exactly(_))
    }

    /// Whether it changes nothing at all.
    pub fn is_empty(&self) -> bool {
        !self.changes_data() && self.expiry == Expiry::Keep && self.absolute_end.is_none()
    }

    /// Applies the patch to a record in memory: what every store's [`apply`](crate::store::Store::apply) must amount
    /// to. Gives the new numbers.
    ///
    /// # Errors
    ///
    /// If a key that it adds to is no integer, or the sum leaves the range of `i64`; the record is then unchanged.
    pub fn apply_to(&self, record: &mut Record, now: Timestamp) -> Result<Numbers, WrongType> {
        let numbers = self.numbers(&record.data)?;
        self.apply_stored_data(record, &numbers);
        self.apply_beside_data(record, now);
        Ok(numbers)
    }

    /// Applies what it does to the data as a store has applied it, with the numbers that the store told.
    pub(crate) fn apply_stored_data(&self, record: &mut Record, numbers: &Numbers) {
        if self.clear || !self.changes.is_empty() {
            self.apply_to_data(Arc::make_mut(&mut record.data), numbers);
        }
    }

    /// Applies all else that it does.
    pub(crate) fn apply_beside_data(&self, record: &mut Record, now: Timestamp) {
        if !self.metadata.is_empty() {
            let metadata = Arc::make_mut(&mut record.metadata);
            for (key, value) in &self.metadata {
                match value {
                    Some(value) => drop(metadata.insert(key.clone(), value.clone())),
                    None => drop(metadata.remove(key)),
                }
            }
        }
        if let Some(user) = &self.user {
            record.user = Some(user.clone());
        }
        if let Some(lifetime) = self.lifetime {
            record.lifetime = lifetime;
        }
        if self.expiry != Expiry::Keep || self.absolute_end.is_some() {
            let mut times = record.times();
            self.apply_to_times(&mut times, now);
            record.set_times(times);
        }
    }

    /// Applies what it does to the times.
    pub(crate) fn apply_to_times(&self, times: &mut Times, now: Timestamp) {
        times.absolute_end = self.absolute_end.unwrap_or(times.absolute_end);
        match self.expiry {
            Expiry::Keep => return,
            Expiry::AtLeast(end) => times.idle_end = times.idle_end.max(end),
            Expiry::Exactly(end) => times.idle_end = end,
        }
        times.seen = times.seen.max(now);
    }

    /// Makes it this patch and then `later`, whose times are the ones that count.
    ///
    /// # Errors
    ///
    /// If `later` adds to a key that this patch sets to something that is no integer, or a sum leaves the range of `i64`. All
    /// else is merged.
    pub(crate) fn then(&mut self, later: Patch) -> Result<(), WrongType> {
        if later.clear {
            self.clear();
        }
        let mut first_fault = Ok(());
        for (key, change) in later.changes {
            match change {
                Change::Set(value) => self.set(key, value),
                Change::Unset => self.unset(key),
                Change::Add(by) => first_fault = first_fault.and(self.add(key, by)),
            }
        }
        self.user = later.user.or(self.user.take());
        self.lifetime = later.lifetime.or(self.lifetime);
        for (key, value) in later.metadata {
            put(&mut self.metadata, key, value);
        }
        self.expiry = later.expiry;
        self.absolute_end = later.absolute_end;
        first_fault
    }

    fn numbers(&self, data: &Data) -> Result<Numbers, WrongType> {
        let added = self.changes.iter().filter_map(|(key, change)| match change {
            Change::Add(by) => Some((key, *by)),
            Change::Set(_) | Change::Unset => None,
        });
        added.map(|(key, by)| Ok((key.clone(), sum(data.get(key), by)?))).collect()
    }

    fn apply_to_data(&self, data: &mut Data, numbers: &Numbers) {
        if self.clear {
            data.clear();
        }
        for (key, change) in &self.changes {
            match change {
                Change::Set(value) => data.set(key, value.clone()),
                Change::Unset => drop(data.remove(key)),
                Change::Add(_) => {}
            }
        }
        for (key, number) in numbers {
            data.set(key, Value::from(*number));
        }
    }

    fn put(&mut self, key: Arc<str>, change: Change) {
        put(&mut self.changes, key, change);
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        position(&self.changes, key)
    }
}

/// Says of a key what happens to it, whatever was said before.
fn put<T>(sorted: &mut Vec<(Arc<str>, T)>, key: Arc<str>, change: T) {
    if sorted.is_empty() {
        // Most patches name one key alone.
        *sorted = vec![(key, change)];
        return;
    }
    match position(sorted, &key) {
        Ok(at) => sorted[at].1 = change,
        Err(at) => sorted.insert(at, (key, change)),
    }
}

fn position<T>(sorted: &[(Arc<str>, T)], key: &str) -> Result<usize, usize> {
    sorted.binary_search_by(|(each, _)| (**each).cmp(key))
}

/// The sum of a key's value and a number; a missing key counts as 0.
pub(crate) fn sum(value: Option<&Value>, by: i64) -> Result<i64, WrongType> {
    let before = value.map_or(Some(0), Value::as_i64);
    before.and_then(|before| before.checked_add(by)).ok_or(WrongType)
}

/// A number was to be added to what is no integer, or the sum would leave the range of `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key holds no integer, or the sum leaves the range of i64")
    }
}

impl std::error::Error for WrongType {}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let at = Timestamp::from_millis;
        let mut record = Record::new(at(0), at(100), at(200));
        record.data = Arc::new([("n", Value::from(1)), ("word", Value::serialize("w").unwrap())].into_iter().collect());
        record
    }

    #[test]
    fn later_changes_of_a_key_fold_into_one() {
        let mut patch = Patch::default();
        patch.set("n", Value::from(5));
        patch.add("n", 2).unwrap();
        assert_eq!(patch.change("n"), Some(&Change::Set(Value::from(7))));
        patch.unset("n");
        assert_eq!(patch.change("n"), Some(&Change::Unset));
        patch.add("n", 3).unwrap();
        assert_eq!(patch.change("n"), Some(&Change::Set(Value::from(3))));
        patch.clear();
        patch.unset("n");
        assert_eq!(patch.changes().len(), 0);
        assert!(patch.clears());
        patch.add("n", 4).unwrap();
        assert_eq!(patch.change("n"), Some(&Change::Set(Value::from(4))));
    }

    #[test]
    fn the_last_word_on_metadata_counts() {
        let mut patch = Patch::default();
        patch.set_metadata("b", Value::from(1));
        patch.unset_metadata("a");
        patch.unset_metadata("b");
        let mut later = Patch::default();
        later.set_metadata("a", Value::from(2));
        later.set_metadata("0", Value::from(3));
        patch.then(later).unwrap();
        let named: Vec<_> = patch.metadata().map(|(key, value)| (&**key, value.and_then(Value::as_i64))).collect();
        assert_eq!(named, [("0", Some(3)), ("a", Some(2)), ("b", None)]);
    }

    #[test]
    fn all_or_nothing_is_applied() {
        let mut patch = Patch::default();
        patch.set("other", Value::from(1));
        patch.add("word", 1).unwrap();
        let (before, mut record) = (record(), record());
        assert_eq!(patch.apply_to(&mut record, Timestamp::from_millis(5)), Err(WrongType));
        assert_eq!(record, before);
    }

    #[test]
    fn a_sum_beyond_i64_is_refused() {
        let mut patch = Patch::default();
        patch.add("n", i64::MAX).unwrap();
        assert_eq!(patch.add("n", 1), Err(WrongType));
        assert_eq!(patch.apply_to(&mut record(), Timestamp::from_millis(5)), Err(WrongType));
    }

    #[test]
    fn at_least_never_shortens_and_exactly_may() {
        let at = Timestamp::from_millis;
        let mut record = record();
        let touch = |expiry| Patch { expiry, ..Patch::default() };
        touch(Expiry::AtLeast(at(50))).apply_to(&mut record, at(7)).unwrap();
        assert_eq!((record.idle_end, record.seen), (at(100), at(7)));
        touch(Expiry::Exactly(at(50))).apply_to(&mut record, at(8)).unwrap();
        assert_eq!((record.idle_end, record.seen), (at(50), at(8)));
        Patch::default().apply_to(&mut record, at(9)).unwrap();
        assert_eq!(record.seen, at(8));
    }
}
