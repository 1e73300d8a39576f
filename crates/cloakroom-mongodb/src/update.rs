//! A patch as one update of plain operators, and the filter that lets it through only where it may happen.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::record::{Change, Expiry, Lifetime, Numbers, Patch, StoreKey, Value};
use cloakroom::store::{Guard, SUPERSEDED_FOR, StoreError, Written};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, doc};

use crate::error::{corrupt, no_bson};
use crate::escape::escape;
use crate::layout::{self, date, digest, live};
use crate::style::Style;
use crate::value::to_bson;

/// A patch in MongoDB's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Update {
    set: Document,
    unset: Document,
    add: Document,
    max: Document,
    adds: Vec<(Arc<str>, i64)>,
    rekeys: bool,
}

impl Update {
    pub(crate) fn new(patch: &Patch, now: Timestamp) -> Result<Update, StoreError> {
        let mut update = Update::default();
        update.data(patch)?;
        update.metadata(patch)?;
        update.times(patch, now);
        if let Some(user) = &patch.user {
            update.set.insert(layout::USER, user.as_str());
        }
        if let Some(lifetime) = &patch.lifetime {
            update.lifetime(lifetime);
        }
        // Adding nothing is the update that changes nothing: an empty one would be a replacement.
        update.add.insert(layout::VERSION, i64::from(patch.changes_data()));
        Ok(update)
    }

    /// Gives the record another key as well.
    pub(crate) fn rekey(&mut self, old: &StoreKey, new: &StoreKey, now: Timestamp) {
        self.rekeys = true;
        self.set.insert(layout::KEY, digest(new));
        self.set.insert(layout::PREVIOUS, digest(old));
        self.set.insert(layout::PREVIOUS_UNTIL, date(now + SUPERSEDED_FOR));
    }

    /// The update document.
    pub(crate) fn document(&self) -> Document {
        let parts = [("$set", &self.set), ("$unset", &self.unset), ("$inc", &self.add), ("$max", &self.max)];
        let used = parts.into_iter().filter(|(_, fields)| !fields.is_empty());
        used.map(|(operator, fields)| (operator.to_owned(), Bson::from(fields.clone()))).collect()
    }

    /// Matches the live record of the key if the guard allows the update and each sum is one.
    pub(crate) fn filter(&self, key: &StoreKey, guard: &Guard, now: Timestamp) -> Document {
        let mut filter = live(doc! { layout::KEY: digest(key) }, now);
        if let Guard::Unchanged(token) = guard {
            // A token of another store's is a state that this one never has.
            filter.insert(layout::VERSION, token.as_version().unwrap_or(i64::MIN));
        }
        if !self.adds.is_empty() {
            let sums: Vec<Bson> = self.adds.iter().map(|(key, by)| sum_exists(key, *by).into()).collect();
            filter.insert("$and", sums);
        }
        filter
    }

    /// The fields that tell what became of it: the version, the keys that it adds to, and the handle of a new key.
    pub(crate) fn projection(&self) -> Document {
        let mut projection = doc! { layout::ID: i32::from(self.rekeys), layout::VERSION: 1 };
        for (key, _) in &self.adds {
            projection.insert(path(layout::DATA, key), 1);
        }
        projection
    }

    /// Whether it adds to a key.
    pub(crate) fn adds(&self) -> bool {
        !self.adds.is_empty()
    }

    /// What is to be told of it, from the document after it.
    pub(crate) fn written(&self, after: &RawDocument) -> Result<Written, StoreError> {
        let number = |key: &str| -> Result<i64, StoreError> {
            field_of(after, key)?.and_then(|number| Style::Native.integer(number)).ok_or_else(|| corrupt(layout::DATA))
        };
        let numbers =
            self.adds.iter().map(|(key, _)| Ok((key.clone(), number(key)?))).collect::<Result<Numbers, _>>()?;
        Ok(Written::new(layout::token(after)?, numbers))
    }

    /// Whether each key that it adds to holds an integer that leaves room, in a document that was not updated.
    pub(crate) fn fits(&self, document: &RawDocument) -> Result<bool, StoreError> {
        for (key, by) in &self.adds {
            let before = field_of(document, key)?.map_or(Some(0), |number| Style::Native.integer(number));
            if before.and_then(|before| before.checked_add(*by)).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn data(&mut self, patch: &Patch) -> Result<(), StoreError> {
        if patch.clears() {
            let mut whole = Document::new();
            for (key, change) in patch.changes() {
                match change {
                    Change::Set(value) => drop(whole.insert(escape(key), bson(value)?)),
                    // A key that was just cleared counts as 0.
                    Change::Add(by) => drop(whole.insert(escape(key), *by)),
                    Change::Unset => {}
                }
            }
            self.set.insert(layout::DATA, whole);
            return Ok(());
        }
        for (key, change) in patch.changes() {
            let path = path(layout::DATA, key);
            match change {
                Change::Set(value) => drop(self.set.insert(path, bson(value)?)),
                Change::Unset => drop(self.unset.insert(path, "")),
                Change::Add(by) => {
                    self.add.insert(path, *by);
                    self.adds.push((key.clone(), *by));
                }
            }
        }
        Ok(())
    }

    fn metadata(&mut self, patch: &Patch) -> Result<(), StoreError> {
        for (key, value) in patch.metadata() {
            let path = path(layout::METADATA, key);
            match value {
                Some(value) => drop(self.set.insert(path, bson(value)?)),
                None => drop(self.unset.insert(path, "")),
            }
        }
        Ok(())
    }

    fn times(&mut self, patch: &Patch, now: Timestamp) {
        match patch.expiry {
            Expiry::Keep => {}
            Expiry::AtLeast(end) => drop(self.max.insert(layout::IDLE_END, date(end))),
            Expiry::Exactly(end) => drop(self.set.insert(layout::IDLE_END, date(end))),
        }
        if patch.expiry != Expiry::Keep {
            self.max.insert(layout::SEEN, date(now));
        }
        if let Some(end) = patch.absolute_end {
            self.set.insert(layout::ABSOLUTE_END, date(end));
        }
    }

    fn lifetime(&mut self, lifetime: &Lifetime) {
        self.put(layout::OWN_IDLE, lifetime.idle.map(layout::millis).map(Bson::from));
        self.put(layout::PERSISTENT, lifetime.persistent.map(Bson::from));
    }

    fn put(&mut self, field: &str, value: Option<Bson>) {
        match value {
            Some(value) => self.set.insert(field, value),
            None => self.unset.insert(field, ""),
        };
    }
}

/// Matches where a key is missing or holds an integer to which `by` can be added.
fn sum_exists(key: &str, by: i64) -> Document {
    let path = path(layout::DATA, key);
    // The operators look into arrays too, so these are ruled out by name.
    let mut number = doc! { "$type": ["int", "long"], "$not": { "$type": "array" } };
    if by > 0 {
        number.insert("$lte", i64::MAX - by);
    } else {
        number.insert("$gte", i64::MIN - by);
    }
    doc! { "$or": [{ &path: { "$exists": false } }, { &path: number }] }
}

fn path(parent: &str, key: &str) -> String {
    format!("{parent}.{}", escape(key))
}

fn bson(value: &Value) -> Result<Bson, StoreError> {
    to_bson(value, Style::Native).ok_or_else(no_bson)
}

fn field_of<'a>(document: &'a RawDocument, key: &str) -> Result<Option<RawBsonRef<'a>>, StoreError> {
    let Some(data) = layout::get(document, layout::DATA)? else { return Ok(None) };
    let data = data.as_document().ok_or_else(|| corrupt(layout::DATA))?;
    data.get(escape(key)).map_err(|_| corrupt(layout::DATA))
}

#[cfg(test)]
mod tests {
    use cloakroom::UserId;
    use cloakroom::store::Token;
    use mongodb::bson::RawDocumentBuf;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn update(patch: &Patch) -> Document {
        Update::new(patch, NOW).unwrap().document()
    }

    #[test]
    fn a_patch_becomes_plain_operators() {
        let mut patch = Patch::default();
        patch.set("a.b", Value::serialize("$u").unwrap());
        patch.unset("$x");
        patch.add("n", -3).unwrap();
        patch.user = UserId::new("ada").ok();
        patch.expiry = Expiry::AtLeast(Timestamp::from_millis(9_000));
        let expected = doc! {
            "$set": { "d.a%2Eb": "$u", "u": "ada" },
            "$unset": { "d.%24x": "" },
            "$inc": { "d.n": -3_i64, "v": 1_i64 },
            "$max": { "exp": date(Timestamp::from_millis(9_000)), "s": date(NOW) },
        };
        assert_eq!(update(&patch), expected);
    }

    #[test]
    fn a_touch_leaves_the_version_and_nothing_is_never_a_replacement() {
        assert_eq!(update(&Patch::default()), doc! { "$inc": { "v": 0_i64 } });
        let end = Timestamp::from_millis(7);
        let mut touch = Patch::default();
        (touch.expiry, touch.absolute_end) = (Expiry::Exactly(end), Some(end));
        let expected = doc! {
            "$set": { "exp": date(end), "abs": date(end) }, "$inc": { "v": 0_i64 }, "$max": { "s": date(NOW) },
        };
        assert_eq!(update(&touch), expected);
    }

    #[test]
    fn clearing_sets_the_data_whole() {
        let mut patch = Patch::default();
        patch.add("n", 1).unwrap();
        patch.clear();
        patch.add("m", 2).unwrap();
        patch.unset("x");
        assert_eq!(update(&patch), doc! { "$set": { "d": { "m": 2_i64 } }, "$inc": { "v": 1_i64 } });
    }

    #[test]
    fn metadata_is_set_and_unset_key_by_key() {
        let mut patch = Patch::default();
        patch.set_metadata("user.agent", Value::from(1));
        patch.unset_metadata("place");
        let expected =
            doc! { "$set": { "m.user%2Eagent": 1_i64 }, "$unset": { "m.place": "" }, "$inc": { "v": 1_i64 } };
        assert_eq!(update(&patch), expected);
    }

    #[test]
    fn the_filter_asks_for_life_version_and_integers() {
        let mut patch = Patch::default();
        patch.add("n", 2).unwrap();
        let (key, update) = (StoreKey::generate().unwrap(), Update::new(&patch, NOW).unwrap());
        let filter = update.filter(&key, &Guard::Unchanged(Token::version(4)), NOW);
        let integer = doc! { "$type": ["int", "long"], "$not": { "$type": "array" }, "$lte": i64::MAX - 2 };
        let expected = doc! {
            "k": digest(&key), "exp": { "$gt": date(NOW) }, "abs": { "$gt": date(NOW) }, "v": 4_i64,
            "$and": [{ "$or": [{ "d.n": { "$exists": false } }, { "d.n": integer }] }],
        };
        assert_eq!(filter, expected);
        assert_eq!(update.projection(), doc! { "_id": 0, "v": 1, "d.n": 1 });
        let mut rekeyed = update.clone();
        rekeyed.rekey(&key, &key, NOW);
        assert_eq!(rekeyed.projection(), doc! { "_id": 1, "v": 1, "d.n": 1 });
    }

    #[test]
    fn sums_that_do_not_exist_are_told_from_those_that_do() {
        let raw = |document: Document| RawDocumentBuf::try_from(&document).unwrap();
        for by in [i64::MIN, -1, 0, 1, i64::MAX] {
            let mut patch = Patch::default();
            patch.add("n", by).unwrap();
            let update = Update::new(&patch, NOW).unwrap();
            assert!(update.fits(&raw(doc! { "d": {} })).unwrap());
            assert!(update.fits(&raw(doc! { "d": { "n": 0_i32 } })).unwrap());
            assert!(!update.fits(&raw(doc! { "d": { "n": 0.0 } })).unwrap());
            assert!(!update.fits(&raw(doc! { "d": { "n": [0_i64] } })).unwrap());
            let edge = if by > 0 { i64::MAX } else { i64::MIN };
            assert_eq!(update.fits(&raw(doc! { "d": { "n": edge } })).unwrap(), by == 0);
        }
    }
}
