//! A record as the fields of a hash, and back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Data, Handle, Lifetime, Record, UserId, Value};
use cloakroom::store::{Found, StoreError, Token};
use redis::Value as Reply;

use crate::error::corrupt;

/// Counts the changes, touches apart.
pub(crate) const VERSION: &str = "v";
const CREATED: &str = "c";
const SEEN: &str = "s";
/// The idle end.
pub(crate) const IDLE_END: &str = "e";
/// The absolute end.
pub(crate) const ABSOLUTE_END: &str = "a";
/// Whose it is, if anybody's.
pub(crate) const USER: &str = "u";
/// The session's own idle timeout in milliseconds.
pub(crate) const OWN_IDLE: &str = "i";
/// Whether its cookie outlives the browser: 1 or 0.
pub(crate) const PERSISTENT: &str = "r";
/// The public name.
pub(crate) const HANDLE: &str = "h";
/// When its entry in the index of all sessions was written.
pub(crate) const WRITTEN: &str = "x";
/// The digest before the last rotation.
pub(crate) const PREVIOUS: &str = "p";
/// Of a key that was rotated away: the digest since.
pub(crate) const NEXT: &str = "n";
/// Of such a key: until when that is told.
pub(crate) const NEXT_UNTIL: &str = "nt";
/// Of a key that a rotation has reserved: the digest that it comes from.
pub(crate) const RESERVED: &str = "w";
/// What the application's keys begin with.
const DATA: &str = "d:";
/// What the keys of the metadata begin with.
const METADATA: &str = "m:";

/// The version of a new record.
pub(crate) const FIRST_VERSION: i64 = 1;

/// The field of an application's key.
pub(crate) fn data_field(key: &str) -> Vec<u8> {
    format!("{DATA}{key}").into_bytes()
}

/// The field of a key of the metadata.
pub(crate) fn metadata_field(key: &str) -> Vec<u8> {
    format!("{METADATA}{key}").into_bytes()
}

/// A whole number as it is written.
pub(crate) fn millis(time: Timestamp) -> String {
    time.as_millis().to_string()
}

/// The fields and values of a lifetime; none where a field is not there.
pub(crate) fn lifetime(lifetime: Lifetime) -> [(&'static str, Option<String>); 2] {
    let idle = lifetime.idle.map(|idle| i64::try_from(idle.as_millis()).unwrap_or(i64::MAX).to_string());
    let persistent = lifetime.persistent.map(|persistent| u8::from(persistent).to_string());
    [(OWN_IDLE, idle), (PERSISTENT, persistent)]
}

/// The fields and values of a new record, but for its place in the indexes.
pub(crate) fn fields(record: &Record) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut put = |field: Vec<u8>, value: &[u8]| fields.extend([field, value.to_vec()]);
    put(VERSION.into(), FIRST_VERSION.to_string().as_bytes());
    for (field, time) in [
        (CREATED, record.created),
        (SEEN, record.seen),
        (IDLE_END, record.idle_end),
        (ABSOLUTE_END, record.absolute_end),
    ] {
        put(field.into(), millis(time).as_bytes());
    }
    if let Some(user) = &record.user {
        put(USER.into(), user.as_str().as_bytes());
    }
    for (field, value) in lifetime(record.lifetime) {
        if let Some(value) = value {
            put(field.into(), value.as_bytes());
        }
    }
    for (key, value) in record.data.iter() {
        put(data_field(key), value.as_json().as_bytes());
    }
    for (key, value) in record.metadata.iter() {
        put(metadata_field(key), value.as_json().as_bytes());
    }
    fields
}

/// The fields of one hash, as the server has told them.
#[derive(Debug, Default)]
pub(crate) struct Fields(HashMap<Vec<u8>, Vec<u8>>);

impl Fields {
    /// Reads an answer of pairs, as `HGETALL` and the scripts give it.
    pub(crate) fn read(answer: Reply) -> Result<Fields, StoreError> {
        let pairs: Vec<(Reply, Reply)> = match answer {
            Reply::Map(pairs) => pairs,
            Reply::Array(flat) => {
                let mut flat = flat.into_iter();
                let mut pairs = Vec::with_capacity(flat.len() / 2);
                while let (Some(field), Some(value)) = (flat.next(), flat.next()) {
                    pairs.push((field, value));
                }
                pairs
            }
            Reply::Nil => Vec::new(),
            _ => return Err(corrupt("a hash")),
        };
        let mut fields = HashMap::with_capacity(pairs.len());
        for (field, value) in pairs {
            fields.insert(bytes(field)?, bytes(value)?);
        }
        Ok(Fields(fields))
    }

    /// All fields and values, but for these, which are others.
    pub(crate) fn with(&self, others: &[(&str, &str)]) -> Vec<Vec<u8>> {
        let kept = self.0.iter().filter(|(field, _)| others.iter().all(|(other, _)| other.as_bytes() != &***field));
        let kept = kept.flat_map(|(field, value)| [field.clone(), value.clone()]);
        kept.chain(others.iter().flat_map(|(field, value)| [field.as_bytes().to_vec(), value.as_bytes().to_vec()]))
            .collect()
    }

    /// Whether it is a record, and not what a rotation has left or reserved.
    pub(crate) fn is_record(&self) -> bool {
        self.0.contains_key(VERSION.as_bytes())
    }

    /// The text of a field.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&str>, StoreError> {
        let value = self.0.get(field.as_bytes());
        value.map(|value| std::str::from_utf8(value).map_err(|_| corrupt("a field"))).transpose()
    }

    pub(crate) fn number(&self, field: &str) -> Result<Option<i64>, StoreError> {
        self.text(field)?.map(|number| number.parse().map_err(|_| corrupt("a number"))).transpose()
    }

    /// A time that must be there.
    pub(crate) fn time(&self, field: &str) -> Result<Timestamp, StoreError> {
        self.number(field)?.map(Timestamp::from_millis).ok_or_else(|| corrupt("a time"))
    }

    /// The public name.
    pub(crate) fn handle(&self) -> Result<Handle, StoreError> {
        self.text(HANDLE)?.map(Handle::new).ok_or_else(|| corrupt("a handle"))
    }

    pub(crate) fn user(&self) -> Result<Option<UserId>, StoreError> {
        self.text(USER)?.map(|user| UserId::new(user).map_err(|_| corrupt("a user"))).transpose()
    }

    /// The record, with its data as far as that was told.
    pub(crate) fn record(&self) -> Result<Record, StoreError> {
        let mut record = Record::new(self.time(CREATED)?, self.time(IDLE_END)?, self.time(ABSOLUTE_END)?);
        record.seen = self.time(SEEN)?;
        record.user = self.user()?;
        let idle = self.number(OWN_IDLE)?.map(|idle| Duration::from_millis(u64::try_from(idle).unwrap_or(0)));
        record.lifetime = Lifetime { idle, persistent: self.text(PERSISTENT)?.map(|is| is == "1") };
        let (mut data, mut metadata) = (Vec::new(), Vec::new());
        for (field, value) in &self.0 {
            let of = |prefix: &str| field.strip_prefix(prefix.as_bytes());
            if let Some(key) = of(DATA) {
                data.push(pair(key, value)?);
            } else if let Some(key) = of(METADATA) {
                metadata.push(pair(key, value)?);
            }
        }
        record.data = Arc::new(sorted(data));
        record.metadata = Arc::new(sorted(metadata));
        Ok(record)
    }

    pub(crate) fn found(&self) -> Result<Found, StoreError> {
        let version = self.number(VERSION)?.ok_or_else(|| corrupt("a version"))?;
        Ok(Found::new(self.record()?, Token::version(version), self.handle()?))
    }
}

fn pair(key: &[u8], value: &[u8]) -> Result<(Arc<str>, Value), StoreError> {
    let key = std::str::from_utf8(key).map_err(|_| corrupt("a key"))?;
    let value = std::str::from_utf8(value).map_err(|_| corrupt("a value"))?;
    Ok((key.into(), Value::from_json(value).map_err(|_| corrupt("a value"))?))
}

/// In the order of the keys: so each is put behind the one before.
fn sorted(mut pairs: Vec<(Arc<str>, Value)>) -> Data {
    pairs.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    pairs.into_iter().collect()
}

/// A text of an answer.
pub(crate) fn bytes(answer: Reply) -> Result<Vec<u8>, StoreError> {
    match answer {
        Reply::BulkString(bytes) => Ok(bytes),
        Reply::SimpleString(text) => Ok(text.into_bytes()),
        Reply::Okay => Ok(b"OK".to_vec()),
        Reply::Int(number) => Ok(number.to_string().into_bytes()),
        _ => Err(corrupt("an answer")),
    }
}

/// A text of an answer.
pub(crate) fn string(answer: Reply) -> Result<String, StoreError> {
    String::from_utf8(bytes(answer)?).map_err(|_| corrupt("an answer"))
}

/// A list of an answer.
pub(crate) fn list(answer: Reply) -> Result<Vec<Reply>, StoreError> {
    match answer {
        Reply::Array(list) | Reply::Set(list) => Ok(list),
        _ => Err(corrupt("an answer")),
    }
}

/// A number of an answer.
pub(crate) fn number(answer: &Reply) -> Result<i64, StoreError> {
    match answer {
        Reply::Int(number) => Ok(*number),
        _ => Err(corrupt("an answer")),
    }
}
