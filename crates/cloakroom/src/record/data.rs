//! The keys and values of a session.

use std::sync::Arc;

use super::Value;

/// The keys of a session and their values, sorted by key.
///
/// ```
/// use cloakroom::record::{Data, Value};
///
/// let mut data = Data::default();
/// data.insert("n", Value::from(1));
/// assert_eq!(data.get("n"), Some(&Value::from(1)));
/// assert_eq!(data.size(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data(Vec<(Arc<str>, Value)>);

const FEW: usize = 8;

impl Data {
    /// No keys. What is shared here is each thread's own, so that no two wait for each other.
    pub(crate) fn none() -> Arc<Data> {
        thread_local!(static NONE: Arc<Data> = Arc::default());
        NONE.with(Arc::clone)
    }

    /// Pairs that are sorted by their keys, each of which is there once.
    pub(crate) fn from_sorted(pairs: Vec<(Arc<str>, Value)>) -> Data {
        Data(pairs)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).ok().map(|at| &self.0[at].1)
    }

    /// A key as it is kept here, if it is here.
    pub(crate) fn key(&self, key: &str) -> Option<&Arc<str>> {
        self.position(key).ok().map(|at| &self.0[at].0)
    }

    /// Sets a key; gives back the value it had.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: Value) -> Option<Value> {
        let key = key.into();
        match self.position(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Sets a key, which is shared with others.
    pub(crate) fn set(&mut self, key: &Arc<str>, value: Value) {
        match self.position(key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key.clone(), value)),
        }
    }

    /// Removes a key; gives back the value it had.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.position(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Removes all keys.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The keys and values in the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of all keys and all values as JSON: what a session's size limit counts.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.size()).sum()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        // Among few keys, to see that lengths differ is quicker than to compare texts.
        let at = if self.0.len() <= FEW { self.0.iter().position(|(each, _)| **each == *key) } else { None };
        at.map_or_else(|| self.0.binary_search_by(|(each, _)| (**each).cmp(key)), Ok)
    }
}

impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Data {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(pairs: I) -> Data {
        let mut data = Data::default();
        for (key, value) in pairs {
            data.insert(key, value);
        }
        data
    }
}
