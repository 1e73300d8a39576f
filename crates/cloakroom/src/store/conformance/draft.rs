//! Patches and values, written down in one go.

use crate::clock::Timestamp;
use crate::record::{Expiry, Lifetime, Patch, UserId, Value};

/// A value by its JSON.
pub(super) fn value(json: &str) -> Value {
    Value::from_json(json).unwrap_or_else(|error| panic!("the suite itself is wrong: {error}"))
}

/// A text as a value.
pub(super) fn text(text: &str) -> Value {
    Value::serialize(text).unwrap_or_else(|error| panic!("the suite itself is wrong: {error}"))
}

/// A patch to be written down in one go.
#[derive(Clone, Default)]
pub(super) struct Draft(Patch);

pub(super) fn patch() -> Draft {
    Draft::default()
}

impl From<Draft> for Patch {
    fn from(draft: Draft) -> Patch {
        draft.0
    }
}

impl std::ops::Deref for Draft {
    type Target = Patch;

    fn deref(&self) -> &Patch {
        &self.0
    }
}

impl Draft {
    pub(super) fn set(self, key: &str, json: &str) -> Draft {
        self.set_value(key, value(json))
    }

    pub(super) fn set_value(mut self, key: &str, value: Value) -> Draft {
        self.0.set(key, value);
        self
    }

    pub(super) fn unset(mut self, key: &str) -> Draft {
        self.0.unset(key);
        self
    }

    pub(super) fn add(mut self, key: &str, by: i64) -> Draft {
        let added = self.0.add(key, by);
        added.unwrap_or_else(|error| panic!("the suite itself is wrong: {error}"));
        self
    }

    pub(super) fn clear(mut self) -> Draft {
        self.0.clear();
        self
    }

    pub(super) fn user(mut self, user: &UserId) -> Draft {
        self.0.user = Some(user.clone());
        self
    }

    pub(super) fn expiry(mut self, expiry: Expiry) -> Draft {
        self.0.expiry = expiry;
        self
    }

    /// A touch to an end: what a request does that changes nothing.
    pub(super) fn touch(self, end: Timestamp) -> Draft {
        self.expiry(Expiry::AtLeast(end))
    }

    pub(super) fn absolute_end(mut self, end: Timestamp) -> Draft {
        self.0.absolute_end = Some(end);
        self
    }

    pub(super) fn lifetime(mut self, lifetime: Lifetime) -> Draft {
        self.0.lifetime = Some(lifetime);
        self
    }

    /// Sets a key of the metadata, or unsets it.
    pub(super) fn metadata(mut self, key: &str, value: Option<Value>) -> Draft {
        match value {
            Some(value) => self.0.set_metadata(key, value),
            None => self.0.unset_metadata(key),
        }
        self
    }
}
