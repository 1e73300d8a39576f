//! Records as rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Data, Handle, Lifetime, Record, UserId, Value};
use cloakroom::store::{Entry, Found, StoreError, Token};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error;
use crate::escape::{escape, unescape};

/// The version of a new record.
pub(crate) const FIRST_VERSION: i64 = 1;

/// Before all handles.
pub(crate) const NO_HANDLE: &str = "00000000-0000-0000-0000-000000000000";

/// A new handle: a UUID of version 7 (RFC 9562), so that new rows stand side by side in the index.
pub(crate) fn new_handle(created: Timestamp) -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(error::no_random)?;
    bytes[..6].copy_from_slice(&created.as_millis().max(0).to_be_bytes()[2..]);
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(NO_HANDLE.len());
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend([byte >> 4, byte & 15].iter().filter_map(|digit| char::from_digit((*digit).into(), 16)));
    }
    Ok(text)
}

/// The handle as the database writes it, if a session can have it.
pub(crate) fn id_of(handle: &Handle) -> Option<&str> {
    let text = handle.as_str();
    let fits = |(byte, pattern)| if pattern == b'-' { byte == b'-' } else { matches!(byte, b'0'..=b'9' | b'a'..=b'f') };
    (text.len() == NO_HANDLE.len() && text.bytes().zip(NO_HANDLE.bytes()).all(fits)).then_some(text)
}

/// Keys and values as an object of texts: the keys spelt so that there is no NUL in them, the values as the JSON that they
/// are. PostgreSQL's own JSON would keep neither their numbers nor NUL.
pub(crate) fn object<'a>(data: impl Iterator<Item = (&'a Arc<str>, &'a Value)>) -> String {
    let texts: serde_json::Map<String, serde_json::Value> =
        data.map(|(key, value)| (escape(key).into_owned(), value.as_json().into())).collect();
    serde_json::Value::Object(texts).to_string()
}

/// The keys and values of such an object.
pub(crate) fn data(object: &str, column: &'static str) -> Result<Data, StoreError> {
    let corrupt = || error::corrupt(column);
    let texts: BTreeMap<String, String> = serde_json::from_str(object).map_err(|_| corrupt())?;
    let mut data = Data::default();
    for (name, text) in texts {
        // No key of ours is spelt otherwise, so nobody could change it: it is as if it were not there.
        if let Some(key) = unescape(&name) {
            data.insert(&*key, Value::from_json(&text).map_err(|_| corrupt())?);
        }
    }
    Ok(data)
}

/// The session of a row of `load`; none if it only tells that the key was rotated away.
pub(crate) fn found(row: &Row) -> Result<Option<Found>, StoreError> {
    let Some((handle, mut record)) = read(row)? else { return Ok(None) };
    let version: i64 = column(row, 9, "version")?;
    record.data = Arc::new(data(column(row, 10, "data")?, "data")?);
    Ok(Some(Found::new(record, Token::version(version), handle)))
}

/// What a directory tells of a row.
pub(crate) fn entry(row: &Row) -> Result<Entry, StoreError> {
    let (handle, record) = read(row)?.ok_or_else(|| error::corrupt("handle"))?;
    Ok(Entry::new(handle, &record))
}

fn read(row: &Row) -> Result<Option<(Handle, Record)>, StoreError> {
    let Some(handle) = column::<Option<&str>>(row, 0, "handle")? else { return Ok(None) };
    let time = |index, name| column(row, index, name).map(Timestamp::from_millis);
    let mut record = Record::new(time(2, "created_at")?, time(4, "idle_end")?, time(5, "absolute_end")?);
    record.seen = time(3, "seen_at")?;
    if let Some(spelt) = column::<Option<&str>>(row, 1, "user_id")? {
        let user = unescape(spelt).and_then(|user| UserId::new(&*user).ok());
        record.user = Some(user.ok_or_else(|| error::corrupt("user_id"))?);
    }
    let idle: Option<i64> = column(row, 6, "own_idle")?;
    let idle = idle.map(|millis| u64::try_from(millis).map_err(|_| error::corrupt("own_idle"))).transpose()?;
    record.lifetime = Lifetime { idle: idle.map(Duration::from_millis), persistent: column(row, 7, "persistent")? };
    record.metadata = Arc::new(data(column(row, 8, "metadata")?, "metadata")?);
    Ok(Some((Handle::new(handle), record)))
}

/// A column by its place.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize, name: &'static str) -> Result<T, StoreError> {
    row.try_get(index).map_err(|_| error::corrupt(name))
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_would_change_stays_text() {
        let texts = [r#""\u0000""#, "-0.0", "1.0", "1", "9007199254740993", "1e300", r#"{"b":1,"a":2,"b":3}"#, "[ 1 ]"];
        let keys = ["", "a.b", "\0", "%00", "%", "__proto__", "0", "é\"\\"];
        let before: Data =
            keys.into_iter().zip(texts).map(|(key, text)| (key, Value::from_json(text).unwrap())).collect();
        let object = object(before.iter());
        assert!(!object.contains('\0') && !object.replace("\\\\", "").contains("\\u0000"), "{object}");
        assert_eq!(data(&object, "data").unwrap(), before);
    }

    #[test]
    fn what_is_none_of_ours_is_corrupt_or_passed_over() {
        assert!(data(r#"{"%":"1","n":"2"}"#, "data").unwrap().get("n").is_some());
        for object in ["[]", r#"{"n":1}"#, r#"{"n":"x"}"#, r#"{"n":"18446744073709551615"}"#] {
            assert!(data(object, "data").is_err(), "{object}");
        }
    }

    #[test]
    fn a_handle_is_a_uuid_that_grows_with_time() {
        let at = |millis| new_handle(Timestamp::from_millis(millis)).unwrap();
        let handle = at(1_700_000_000_000);
        assert!(handle.starts_with("018bcfe5-6800-7"), "{handle}");
        assert!(at(-5) < handle && handle < at(i64::MAX));
        assert_eq!(id_of(&Handle::new(&*handle)), Some(&*handle));
        for text in ["", "x", &handle.to_uppercase(), &handle.replace('-', ""), "018bcfe5-6800-7000-8000-00000000000é"]
        {
            assert_eq!(id_of(&Handle::new(text)), None);
        }
    }
}
