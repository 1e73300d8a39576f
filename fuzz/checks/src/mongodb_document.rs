//! Reading what MongoDB holds: any document at all, since others can write there too.

use std::sync::Arc;

use cloakroom::record::{Data, Record, StoreKey, Value};
use cloakroom::store::StoreErrorKind;
use cloakroom_mongodb::fuzzing::{read, write};
use mongodb::bson::{RawBsonRef, RawDocument};
use serde_json::json;

/// How deep a value may be, and how deep one is shown that is not.
const MAX_DEPTH: usize = 100;

/// A document: as it is, and with its outer length made right.
pub fn check(input: &[u8]) {
    check_document(input);
    let mut whole = input.to_vec();
    if let (Ok(length), Some(start)) = (i32::try_from(input.len()), whole.first_chunk_mut::<4>()) {
        *start = length.to_le_bytes();
        if let Some(last) = whole.last_mut() {
            *last = 0;
        }
        check_document(&whole);
    }
}

fn check_document(bytes: &[u8]) {
    let found = match read(bytes) {
        Ok(found) => found,
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            return;
        }
    };
    let document = RawDocument::from_bytes(bytes).expect("it was read");
    assert_eq!(found.handle.as_str().len(), 24);
    let record = &found.record;
    for (field, data) in [("d", &record.data), ("m", &record.metadata)] {
        match document.get(field).expect("it was read") {
            Some(RawBsonRef::Document(fields)) => has_its_fields(data, fields),
            other => assert!(other.is_none() && data.is_empty()),
        }
    }
    comes_back(record);
}

/// Every field that a key can have is there, with its value, and nothing else.
fn has_its_fields(data: &Data, fields: &RawDocument) {
    let mut expected = std::collections::BTreeMap::new();
    for field in fields {
        let (name, value) = field.expect("it was read");
        if let Some(key) = key(name) {
            expected.insert(key, if depth(value) > MAX_DEPTH { json!(null) } else { shown(value) });
        }
    }
    let found: Vec<_> = data.iter().map(|(key, value)| (key.to_string(), read_value(value))).collect();
    assert_eq!(found, Vec::from_iter(expected));
}

fn read_value(value: &Value) -> serde_json::Value {
    value.deserialize().expect("every value can be read")
}

/// The key of a field name: `%` stands for none, and `%25`, `%2E`, `%24`, `%00` for what no field name may hold.
fn key(name: &str) -> Option<String> {
    if name == "%" {
        return Some(String::new());
    }
    if name.is_empty() || name.contains(['.', '$', '\0']) {
        return None;
    }
    let (mut key, mut rest) = (String::new(), name);
    while let Some(first) = rest.chars().next() {
        let escapes = [("%25", '%'), ("%2E", '.'), ("%24", '$'), ("%00", '\0')];
        let escape = escapes.into_iter().find(|(escape, _)| rest.starts_with(escape));
        let (length, letter) = escape.map_or((first.len_utf8(), first), |(escape, letter)| (escape.len(), letter));
        if first == '%' && escape.is_none() {
            return None;
        }
        key.push(letter);
        rest = &rest[length..];
    }
    Some(key)
}

fn depth(value: RawBsonRef<'_>) -> usize {
    match value {
        RawBsonRef::Document(fields) => 1 + fields.iter().flatten().map(|(_, value)| depth(value)).max().unwrap_or(0),
        RawBsonRef::Array(values) => 1 + values.into_iter().flatten().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A value as JSON: what has a natural word in it, else null.
fn shown(value: RawBsonRef<'_>) -> serde_json::Value {
    match value {
        RawBsonRef::Document(fields) => {
            let fields = fields.iter().map(|field| field.expect("it was read"));
            fields.map(|(name, value)| (key(name).unwrap_or_else(|| name.to_owned()), shown(value))).collect()
        }
        RawBsonRef::Array(values) => values.into_iter().map(|value| shown(value.expect("it was read"))).collect(),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) | RawBsonRef::JavaScriptCode(text) => json!(text),
        RawBsonRef::Boolean(yes) => json!(yes),
        RawBsonRef::Int32(number) => json!(number),
        RawBsonRef::Int64(number) => json!(number),
        RawBsonRef::Double(number) => json!(number),
        RawBsonRef::Decimal128(number) => json!(number.to_string()),
        RawBsonRef::ObjectId(id) => json!(id.to_hex()),
        RawBsonRef::DateTime(time) => json!(time.try_to_rfc3339_string().ok()),
        _ => json!(null),
    }
}

/// JSON that means the same: how a float is spelt, and space, may change.
pub(crate) fn is_same(found: &Record, expected: &Record) {
    let plain = |record: &Record| {
        let mut record = record.clone();
        let take = |data: &mut Arc<Data>| {
            let data = std::mem::take(data);
            data.iter().map(|(key, value)| (key.clone(), read_value(value))).collect::<Vec<_>>()
        };
        (take(&mut record.data), take(&mut record.metadata), record)
    };
    assert_eq!(plain(found), plain(expected));
    for (key, value) in found.data.iter() {
        assert_eq!(value.as_i64(), expected.data.get(key).and_then(Value::as_i64), "{key:?}");
    }
}

fn comes_back(record: &Record) {
    let key = StoreKey::generate().expect("random bytes");
    let written = write([7; 12], &key, record).expect("what was read can be written");
    let again = read(&written).expect("what was written can be read");
    assert_eq!(again.handle.as_str(), "07".repeat(12));
    is_same(&again.record, record);
}
