//! A session as a document, and a document as a session.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::record::{Handle, Record, StoreKey};
use cloakroom::store::{Found, StoreError, Token};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use sha2::{Digest as _, Sha256};

use super::extras::{self, CREATED, END, EXTRAS, Extras, SEEN, VERSION};
use super::layout::{CREATED_AT, ExpressLayout, LAST_MODIFIED, UPDATED_AT, has_date};
use super::session::{self, COOKIE, MAX_AGE, MaxAge, Session, Wanted, field};
use super::text::{self, Stored};
use super::update;
use crate::error::{corrupt, no_bson};
use crate::layout::{date, digest, millis};

/// The cookie and the application's keys.
pub(crate) const SESSION: &str = "session";
/// True where a session was ended and is not to come back.
pub(crate) const DEAD: &str = "dead";

/// What a document is.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A session that lives.
    Live(Found),
    /// One that is over.
    Over,
    /// What Express would fail on.
    Broken,
}

/// Reads a document.
pub(crate) fn read(document: &RawDocument, layout: &ExpressLayout, now: Timestamp) -> Result<Reading, StoreError> {
    let extras = Extras::of(document)?;
    let expires = get(document, &layout.expires_key)?;
    let (Some(idle_end), Some(absolute_end)) = (layout.idle_end(expires), extras.absolute_end()?) else {
        return Ok(Reading::Over);
    };
    let mut record = Record::new(now, idle_end, absolute_end);
    if is_dead(document)? || !record.is_live(now) {
        return Ok(Reading::Over);
    }
    let (Some(id), Some(session)) = (id(document, layout)?, session_of(document, layout)?) else {
        return Ok(Reading::Broken);
    };
    record.seen = seen(extras, expires, session.max_age, layout, now)?;
    record.created = created(document, extras)?.unwrap_or(record.seen);
    record.lifetime = extras.lifetime(session.max_age)?;
    record.user = if layout.user_at.is_some() { session.user } else { extras.user()? };
    let mut metadata = extras.metadata()?;
    if let Some(cookie) = session.cookie {
        metadata.insert(COOKIE, cookie);
    }
    record.metadata = Arc::new(metadata);
    record.data = Arc::new(session.data);
    Ok(Reading::Live(Found::new(record, token(document, layout)?, handle_of(id))))
}

fn session_of(document: &RawDocument, layout: &ExpressLayout) -> Result<Option<Session>, StoreError> {
    let session = get(document, SESSION)?;
    if layout.is_text() {
        return Ok(text::open(session, layout)?.map(|text| text.read(layout)));
    }
    session::read(session, layout.user_at.as_deref())
}

/// The document of a new record, with its fields in the order in which an upsert of Express leaves them.
pub(crate) fn new(
    key: &StoreKey,
    record: &Record,
    layout: &ExpressLayout,
    now: Timestamp,
) -> Result<RawDocumentBuf, StoreError> {
    let max_age = Wanted::of(record);
    let session = if layout.is_text() {
        Bson::String(text::new(record, max_age, layout)?)
    } else {
        let mut session = session::document(record, max_age)?;
        if let (Some(user), Some(path)) = (&record.user, &layout.user_at) {
            update::put_user(&mut session, path, user);
        }
        session.into()
    };
    let mut fields = vec![(SESSION, session)];
    if has_date(record.idle_end) {
        fields.push((&*layout.expires_key, date(record.idle_end).into()));
    }
    if layout.keeps_last_modified {
        fields.push((LAST_MODIFIED, date(now).into()));
    }
    if layout.timestamps {
        fields.extend([(CREATED_AT, date(now).into()), (UPDATED_AT, date(now).into())]);
    }
    fields.sort_by_key(|(name, _)| *name);
    let mut document = Document::new();
    if let Some(id_field) = layout.own_id_field() {
        document.insert("_id", ObjectId::new());
        document.insert(id_field, key.plain());
    } else {
        document.insert("_id", key.plain());
    }
    document.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
    document.insert(EXTRAS, extras::document(record, layout)?);
    RawDocumentBuf::try_from(&document).map_err(|_| no_bson())
}

/// The state that a session is in: what Express wrote of it, and how often this store did.
pub(crate) fn token(document: &RawDocument, layout: &ExpressLayout) -> Result<Token, StoreError> {
    let mut state = RawDocumentBuf::new();
    if let Some(version) = Extras::of(document)?.get(VERSION)? {
        state.append_ref(VERSION, version);
    }
    if layout.is_text() {
        let text = self::text(document, layout)?.ok_or_else(|| corrupt(SESSION))?;
        if let Some(millis) = text.max_age().millis() {
            state.append("m", millis);
        }
        state.append("s", text.without_cookie());
        return Ok(Token::body(state.into_bytes()));
    }
    let Some(RawBsonRef::Document(session)) = get(document, SESSION)? else { return Err(corrupt(SESSION)) };
    if let Some(RawBsonRef::Document(cookie)) = field(session, COOKIE)?
        && let Some(max_age) = field(cookie, MAX_AGE)?
    {
        state.append_ref("m", max_age);
    }
    let mut others = RawDocumentBuf::new();
    for each in session {
        let (name, value) = each.map_err(|_| corrupt(SESSION))?;
        if name != COOKIE {
            others.append_ref(name, value);
        }
    }
    state.append("s", others);
    Ok(Token::body(state.into_bytes()))
}

/// How often this store has changed it, as it stands there.
pub(crate) fn version(document: &RawDocument) -> Result<Option<Bson>, StoreError> {
    let version = Extras::of(document)?.get(VERSION)?;
    version.map(|version| Bson::try_from(version).map_err(|_| corrupt(EXTRAS))).transpose()
}

/// The session's text, in the layouts that have one.
pub(crate) fn text<'a>(document: &'a RawDocument, layout: &ExpressLayout) -> Result<Option<Stored<'a>>, StoreError> {
    text::open(get(document, SESSION)?, layout)
}

/// The public name of a key.
pub(crate) fn handle(key: &StoreKey) -> Handle {
    hex(key.digest())
}

/// The public name of a session id.
pub(crate) fn handle_of(id: &str) -> Handle {
    hex(&Sha256::digest(id.as_bytes()))
}

/// The session id of a document, if it is one.
pub(crate) fn id<'a>(document: &'a RawDocument, layout: &ExpressLayout) -> Result<Option<&'a str>, StoreError> {
    Ok(get(document, &layout.id_field)?.and_then(|id| match id {
        RawBsonRef::String(id) => Some(id),
        _ => None,
    }))
}

/// Whether a session was ended here, and its mark left.
pub(crate) fn is_dead(document: &RawDocument) -> Result<bool, StoreError> {
    Ok(matches!(get(document, DEAD)?, Some(RawBsonRef::Boolean(true))))
}

/// Matches the document of a key, dead or alive.
pub(crate) fn with_key(key: &StoreKey, layout: &ExpressLayout) -> Document {
    doc! { &layout.id_field: key.plain() }
}

/// Matches what was rotated away from a key not long ago.
pub(crate) fn with_previous(key: &StoreKey, now: Timestamp) -> Document {
    doc! {
        extras::path(extras::PREVIOUS): digest(key),
        extras::path(extras::PREVIOUS_UNTIL): { "$gt": date(now) },
    }
}

/// When it was last touched: as this store has written it, or, if the end is another since, as Express must have.
fn seen(
    extras: Extras<'_>,
    expires: Option<RawBsonRef<'_>>,
    max_age: MaxAge,
    layout: &ExpressLayout,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    if let (true, Some(seen)) = (extras.get(END)? == expires, extras.time(SEEN)?) {
        return Ok(seen);
    }
    let end = expires.and_then(RawBsonRef::as_datetime).map(|end| end.timestamp_millis());
    let life = max_age.millis().unwrap_or(millis(layout.ttl));
    Ok(end.map_or(now, |end| Timestamp::from_millis(end.saturating_sub(life)).min(now)))
}

fn created(document: &RawDocument, extras: Extras<'_>) -> Result<Option<Timestamp>, StoreError> {
    if let Some(created) = extras.time(CREATED)? {
        return Ok(Some(created));
    }
    let created = get(document, CREATED_AT)?.and_then(RawBsonRef::as_datetime);
    Ok(created.map(|created| Timestamp::from_millis(created.timestamp_millis())))
}

fn get<'a>(document: &'a RawDocument, name: &str) -> Result<Option<RawBsonRef<'a>>, StoreError> {
    document.get(name).map_err(|_| corrupt(SESSION))
}

fn hex(digest: &[u8]) -> Handle {
    let digits = digest[..16].iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let text: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    Handle::new(text)
}
