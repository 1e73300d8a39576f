//! Writing to MongoDB: any key and any value is stored as itself, and none is read as a path or an operator.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Expiry, Lifetime, Patch, Record, StoreKey, UserId, Value};
use cloakroom_mongodb::fuzzing::{read, update, write};
use mongodb::bson::{Bson, Document};

use crate::input::{Bytes, Fields};
use crate::mongodb_document::is_same;

/// A byte of flags, four times, and fields: a user, then for each change a letter with a key, and a value.
pub fn check(input: &[u8]) {
    let mut bytes = Bytes(input);
    let flags = bytes.byte();
    let times: [_; 4] = std::array::from_fn(|_| Timestamp::from_millis(bytes.number()));
    let mut fields = Fields::new(bytes.0);
    let mut record = Record::new(times[0], times[1], times[2]);
    let mut patch = Patch::default();
    record.user = UserId::new(fields.text()).ok();
    patch.user = UserId::new(fields.text()).ok();
    record.lifetime = lifetime(flags, times[3]);
    patch.lifetime = (flags & 8 != 0).then(|| lifetime(flags >> 4, times[1]));
    patch.expiry =
        [Expiry::Keep, Expiry::AtLeast(times[3]), Expiry::Exactly(times[3]), Expiry::Keep][usize::from(flags & 3)];
    patch.absolute_end = (flags & 4 != 0).then_some(times[3]);
    while !fields.is_over() {
        let key = fields.next();
        let (how, key) = key.split_first().map_or((0, String::new()), |(how, key)| (*how, lossy(key)));
        let text = fields.text();
        let value = || Value::from_json(&text).or_else(|_| Value::serialize(&*text)).expect("text is JSON");
        match how {
            // Beside a set of the same key this may be refused; it then changes nothing.
            b'+' => drop(patch.add(key, value().as_i64().unwrap_or(1))),
            b'-' => patch.unset(key),
            b'=' => patch.set(key, value()),
            b'!' => patch.clear(),
            b'm' => drop(Arc::make_mut(&mut record.metadata).insert(key, value())),
            b'M' => patch.set_metadata(key, value()),
            b'_' => patch.unset_metadata(key),
            _ => drop(Arc::make_mut(&mut record.data).insert(key, value())),
        }
    }
    let stored = comes_back(&record);
    patch_is_itself(stored, &record, &patch, times[3]);
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A store keeps whole milliseconds, as many as i64 has.
fn lifetime(flags: u8, idle: Timestamp) -> Lifetime {
    let millis = idle.as_millis().unsigned_abs().min(i64::MAX.unsigned_abs());
    Lifetime {
        idle: (flags & 4 != 0).then(|| Duration::from_millis(millis)),
        persistent: [None, None, Some(false), Some(true)][usize::from(flags & 3)],
    }
}

fn document(bytes: &[u8]) -> Document {
    Document::from_reader(bytes).expect("it is BSON")
}

fn comes_back(record: &Record) -> Document {
    let key = StoreKey::generate().expect("random bytes");
    let written = write([7; 12], &key, record).expect("a record can be written");
    is_same(&read(&written).expect("what was written can be read").record, record);

    let stored = document(&written);
    let known = ["_id", "k", "d", "v", "exp", "abs", "c", "s", "u", "i", "r", "m"];
    assert!(stored.keys().all(|field| known.contains(&field.as_str())), "{stored}");
    for field in ["d", "m"] {
        if let Some(data) = stored.get(field) {
            are_literal(data);
        }
    }
    stored
}

/// No name in it, at any depth, can be read as a path, an operator or nothing.
fn are_literal(bson: &Bson) {
    match bson {
        Bson::Document(document) => {
            for (name, value) in document {
                assert!(!name.is_empty() && !name.contains(['.', '$', '\0']), "{name:?}");
                are_literal(value);
            }
        }
        Bson::Array(values) => values.iter().for_each(are_literal),
        _ => {}
    }
}

/// The update does to the document what the patch does to the record, by plain operators on plain paths.
fn patch_is_itself(mut stored: Document, record: &Record, patch: &Patch, now: Timestamp) {
    let update = document(&update(patch, now).expect("a patch can be written"));
    let mut paths = BTreeMap::new();
    for (operator, fields) in &update {
        assert!(["$set", "$unset", "$inc", "$max"].contains(&operator.as_str()), "{update}");
        for (path, value) in fields.as_document().expect("an operator has fields") {
            assert_eq!(paths.insert(path.as_str(), operator.as_str()), None, "{path:?} twice");
            if operator == "$set" {
                are_literal(value);
            }
        }
    }
    for path in paths.keys() {
        let (field, name) = path.split_once('.').map_or((*path, None), |(field, name)| (field, Some(name)));
        let is_plain =
            name.is_none_or(|name| matches!(field, "d" | "m") && !name.is_empty() && !name.contains(['.', '$']));
        assert!(is_plain && ["d", "m", "v", "exp", "abs", "s", "u", "i", "r"].contains(&field), "{path:?}");
        // MongoDB refuses an update that names both a field and what is in it.
        assert!(name.is_none() || !paths.contains_key(field), "{path:?} and {field:?}");
    }

    let mut expected = record.clone();
    let is_possible = patch.apply_to(&mut expected, now).is_ok();
    let applied = apply(&mut stored, &update);
    assert_eq!(applied.is_some(), is_possible);
    if is_possible {
        let bytes = mongodb::bson::RawDocumentBuf::try_from(&stored).expect("it is BSON").into_bytes();
        is_same(&read(&bytes).expect("a patched document can be read").record, &expected);
    }
}

/// What the server does with such an update. None if a sum does not exist.
fn apply(stored: &mut Document, update: &Document) -> Option<()> {
    for (operator, fields) in update {
        for (path, value) in fields.as_document()? {
            let (parent, name) = match path.split_once('.') {
                Some((field, name)) => {
                    let parent = stored.entry(field.to_owned()).or_insert_with(|| Document::new().into());
                    (parent.as_document_mut()?, name)
                }
                None => (&mut *stored, path.as_str()),
            };
            let before = parent.get(name);
            let after = match operator.as_str() {
                "$unset" => None,
                "$inc" => {
                    let before = before.map_or(Some(0), Bson::as_i64)?;
                    Some(Bson::Int64(before.checked_add(value.as_i64()?)?))
                }
                "$max" if before.is_some_and(|before| before.as_datetime() >= value.as_datetime()) => before.cloned(),
                _ => Some(value.clone()),
            };
            match after {
                Some(after) => drop(parent.insert(name, after)),
                None => drop(parent.remove(name)),
            }
        }
    }
    Some(())
}
