//! The native layout: which field holds what, and records as documents.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Data, Handle, Lifetime, Record, StoreKey, UserId};
use cloakroom::store::{Entry, Found, StoreError, Token};
use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, RawBsonRef, RawDocument, doc};

use crate::error::{corrupt, no_bson};
use crate::escape::{escape, unescape};
use crate::index::{GRACE, garbage, partial};
use crate::style::Style;
use crate::value::{from_bson, to_bson};

/// The public handle, in hex.
pub(crate) const ID: &str = "_id";
/// SHA-256 of the session id.
pub(crate) const KEY: &str = "k";
/// The key before the last rotation.
pub(crate) const PREVIOUS: &str = "p";
/// Until when that is remembered.
pub(crate) const PREVIOUS_UNTIL: &str = "pt";
/// The application's keys and values.
pub(crate) const DATA: &str = "d";
/// How often more than the touch times changed.
pub(crate) const VERSION: &str = "v";
/// The idle end.
pub(crate) const IDLE_END: &str = "exp";
/// The absolute end.
pub(crate) const ABSOLUTE_END: &str = "abs";
/// When the session began.
pub(crate) const CREATED: &str = "c";
/// When it was last touched.
pub(crate) const SEEN: &str = "s";
/// Whose it is.
pub(crate) const USER: &str = "u";
/// Its own idle timeout in milliseconds.
pub(crate) const OWN_IDLE: &str = "i";
/// Whether its cookie outlives the browser.
pub(crate) const PERSISTENT: &str = "r";
/// The metadata.
pub(crate) const METADATA: &str = "m";

/// The version of a new record.
pub(crate) const FIRST_VERSION: i64 = 1;

/// The indexes, but for the unique one of the key.
pub(crate) fn indexes() -> Vec<IndexModel> {
    vec![
        partial(doc! { PREVIOUS: 1 }),
        garbage(IDLE_END, GRACE),
        // A session whose idle end lies far behind its absolute one, or that has none, is garbage at the absolute end.
        garbage(ABSOLUTE_END, GRACE),
        partial(doc! { USER: 1, IDLE_END: 1 }),
    ]
}

/// The document of a new record.
pub(crate) fn document(id: ObjectId, key: &StoreKey, record: &Record) -> Result<Document, StoreError> {
    let mut document = doc! {
        ID: id,
        KEY: digest(key),
        DATA: subdocument(&record.data)?,
        VERSION: FIRST_VERSION,
        IDLE_END: date(record.idle_end),
        ABSOLUTE_END: date(record.absolute_end),
        CREATED: date(record.created),
        SEEN: date(record.seen),
    };
    if let Some(user) = &record.user {
        document.insert(USER, user.as_str());
    }
    if let Some(idle) = record.lifetime.idle {
        document.insert(OWN_IDLE, millis(idle));
    }
    if let Some(persistent) = record.lifetime.persistent {
        document.insert(PERSISTENT, persistent);
    }
    if !record.metadata.is_empty() {
        document.insert(METADATA, subdocument(&record.metadata)?);
    }
    Ok(document)
}

/// Keys and values as a document.
pub(crate) fn subdocument(data: &Data) -> Result<Document, StoreError> {
    let fields = data
        .iter()
        .map(|(key, value)| Ok((escape(key).into_owned(), to_bson(value, Style::Native).ok_or_else(no_bson)?)));
    fields.collect()
}

/// The record of a document.
pub(crate) fn found(document: &RawDocument) -> Result<Found, StoreError> {
    Ok(Found::new(record(document)?, token(document)?, handle(document)?))
}

/// What a directory tells of a document, which may lack the data.
pub(crate) fn entry(document: &RawDocument) -> Result<Entry, StoreError> {
    Ok(Entry::new(handle(document)?, &record(document)?))
}

/// The state that a document is in.
pub(crate) fn token(document: &RawDocument) -> Result<Token, StoreError> {
    let version = get(document, VERSION)?.and_then(|version| Style::Native.integer(version));
    version.map(Token::version).ok_or_else(|| corrupt(VERSION))
}

/// Whether the record of a document lives.
pub(crate) fn is_live(document: &RawDocument, now: Timestamp) -> Result<bool, StoreError> {
    let (idle_end, absolute_end) = (time(document, IDLE_END)?, time(document, ABSOLUTE_END)?);
    Ok(Record::new(now, idle_end, absolute_end).is_live(now))
}

/// A key as the database knows it.
pub(crate) fn digest(key: &StoreKey) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: key.digest().to_vec() })
}

/// Adds to a filter that the record lives: what [`Record::is_live`] says, in MongoDB's words.
pub(crate) fn live(mut filter: Document, now: Timestamp) -> Document {
    filter.insert(IDLE_END, doc! { "$gt": date(now) });
    filter.insert(ABSOLUTE_END, doc! { "$gt": date(now) });
    filter
}

/// The id of a handle, if a session can have it.
pub(crate) fn id_of(handle: &Handle) -> Option<ObjectId> {
    ObjectId::parse_str(handle.as_str()).ok().filter(|id| id.to_hex() == handle.as_str())
}

pub(crate) fn date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millis())
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A field of a document, or of a subdocument of it.
pub(crate) fn get<'a>(document: &'a RawDocument, field: &'static str) -> Result<Option<RawBsonRef<'a>>, StoreError> {
    document.get(field).map_err(|_| corrupt(field))
}

fn record(document: &RawDocument) -> Result<Record, StoreError> {
    let mut record = Record::new(time(document, CREATED)?, time(document, IDLE_END)?, time(document, ABSOLUTE_END)?);
    record.seen = time(document, SEEN)?;
    record.data = Arc::new(data(document, DATA)?);
    record.metadata = Arc::new(data(document, METADATA)?);
    record.lifetime = lifetime(document)?;
    if let Some(user) = get(document, USER)? {
        let user = user.as_str().and_then(|user| UserId::new(user).ok());
        record.user = Some(user.ok_or_else(|| corrupt(USER))?);
    }
    Ok(record)
}

/// The public name of a document.
pub(crate) fn handle(document: &RawDocument) -> Result<Handle, StoreError> {
    let id = document.get_object_id(ID).map_err(|_| corrupt(ID))?;
    Ok(Handle::new(id.to_hex()))
}

fn lifetime(document: &RawDocument) -> Result<Lifetime, StoreError> {
    let idle = match get(document, OWN_IDLE)? {
        Some(idle) => {
            let millis = Style::Native.integer(idle).and_then(|millis| u64::try_from(millis).ok());
            Some(Duration::from_millis(millis.ok_or_else(|| corrupt(OWN_IDLE))?))
        }
        None => None,
    };
    let persistent = match get(document, PERSISTENT)? {
        Some(persistent) => Some(persistent.as_bool().ok_or_else(|| corrupt(PERSISTENT))?),
        None => None,
    };
    Ok(Lifetime { idle, persistent })
}

fn time(document: &RawDocument, field: &'static str) -> Result<Timestamp, StoreError> {
    let time = document.get_datetime(field).map_err(|_| corrupt(field))?;
    Ok(Timestamp::from_millis(time.timestamp_millis()))
}

fn data(document: &RawDocument, field: &'static str) -> Result<Data, StoreError> {
    let fields = match get(document, field)? {
        Some(RawBsonRef::Document(fields)) => fields,
        Some(_) => return Err(corrupt(field)),
        None => return Ok(Data::default()),
    };
    let mut data = Data::default();
    for each in fields {
        let (name, value) = each.map_err(|_| corrupt(field))?;
        // No key of ours has any other name, so nobody could change it: it is as if it were not there.
        if let Some(key) = unescape(name) {
            data.insert(&*key, from_bson(value, Style::Native).map_err(|_| corrupt(field))?);
        }
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use cloakroom::record::Value;
    use mongodb::bson::RawDocumentBuf;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn full_record() -> Record {
        let mut record = Record::new(at(1_000), at(5_000), at(9_000));
        let keys = ["", "a.b", "$x", "0", "%", "\0", "__proto__"];
        record.data = Arc::new(keys.into_iter().zip((0..).map(Value::from)).collect());
        record.seen = at(2_000);
        record.user = UserId::new("$where").ok();
        record.lifetime = Lifetime { idle: Some(Duration::from_millis(1_500)), persistent: Some(false) };
        record.metadata = Arc::new([("user.agent", Value::serialize("curl").unwrap())].into_iter().collect());
        record
    }

    fn raw(document: &Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).unwrap()
    }

    #[test]
    fn a_record_comes_back_the_same() {
        for record in [full_record(), Record::new(at(0), at(i64::MAX), at(i64::MAX))] {
            let (id, key) = (ObjectId::new(), StoreKey::generate().unwrap());
            let found = found(&raw(&document(id, &key, &record).unwrap())).unwrap();
            assert_eq!(found.record, record);
            assert_eq!(found.token, Token::version(FIRST_VERSION));
            assert_eq!(id_of(&found.handle), Some(id));
        }
    }

    #[test]
    fn a_broken_document_is_corrupt_and_a_foreign_key_is_not() {
        let key = StoreKey::generate().unwrap();
        let mut whole = document(ObjectId::new(), &key, &full_record()).unwrap();
        for field in [ID, VERSION, IDLE_END, ABSOLUTE_END, CREATED, SEEN] {
            let mut broken = whole.clone();
            broken.insert(field, "something else");
            assert!(found(&raw(&broken)).is_err(), "{field}");
        }
        whole.insert(DATA, doc! { "$foreign": 1, "n": 2_i32, "when": DateTime::from_millis(0) });
        let data = found(&raw(&whole)).unwrap().record.data;
        assert_eq!(data.len(), 2);
        assert_eq!(data.get("n"), Some(&Value::from(2)));
    }

    #[test]
    fn a_handle_that_no_session_can_have_finds_none() {
        for text in ["", "x", "0123456789ABCDEF01234567", "{\"$ne\":1}"] {
            assert_eq!(id_of(&Handle::new(text)), None);
        }
    }
}
