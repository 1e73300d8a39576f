//! A session's text as a record, and what a patch makes of it.
//!
//! What Express has no place for stands in one key of the session, which Express takes for one of the application's and writes
//! back as it was. A key of its own beside the session would not do: Express prolongs the session alone, so that one day the
//! absolute end would be forgotten, and the session not.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::express::{PatchError, SessionText};
use cloakroom::record::{Data, Expiry, Handle, Lifetime, Numbers, Patch, Record, UserId, Value, WrongType};
use cloakroom::store::{Found, StoreError, StoreErrorKind, Token};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use super::layout::{ConnectRedis, KEYS, NEVER, has_date};
use crate::error;
use crate::names::hex;

/// The key of what Express has no place for.
pub(super) const EXTRAS: &str = "cloakroom";

/// The cookie's attributes in the metadata of a record.
const COOKIE: &str = "cookie";

/// No cookie is told to live longer, in milliseconds: with it, and the time of today, JavaScript still has a date for its end.
const LONGEST: i64 = 864_000_000_000_000;

// All in texts, as JavaScript would round the numbers.
const VERSION: &str = "v";
const CREATED: &str = "c";
const SEEN: &str = "s";
/// The idle end that this store has written last, and when the server was to remove the session then.
const END: &str = "e";
const REMOVAL: &str = "t";
const ABSOLUTE_END: &str = "a";
const USER: &str = "u";
/// The lifetime, where `originalMaxAge` does not say all of it, with the one that it goes with.
const GOES_WITH: &str = "l";
const OWN_IDLE: &str = "i";
const PERSISTENT: &str = "r";
/// The metadata but for the cookie's attributes, each value as its JSON text: nested as deep as may be, it would be too deep here.
const METADATA: &str = "m";
/// The public name before the last rotation.
const PREVIOUS: &str = "p";

/// A session as it was read.
#[derive(Debug)]
pub(super) struct Stored {
    /// As it stands there.
    pub(super) text: String,
    /// When the server removes it, or -1.
    pub(super) removal: i64,
    session: SessionText,
    record: Record,
    version: i64,
    previous: Option<String>,
}

/// What is to be written.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) text: String,
    pub(super) removal: i64,
    pub(super) numbers: Numbers,
    pub(super) token: Token,
}

impl Stored {
    /// Reads a text; none if Express can't take it for a session.
    pub(super) fn read(text: String, removal: i64, layout: &ConnectRedis, now: Timestamp) -> Option<Stored> {
        let session = SessionText::parse(&text).ok()?;
        let mut data = session.data();
        let extras = Extras::read(data.remove(EXTRAS).as_ref());
        let max_age = session.original_max_age();
        let is_ours = extras.number(REMOVAL) == Some(removal);
        let told = if removal < 0 { NEVER } else { Timestamp::from_millis(removal) };
        let idle_end = extras.time(END).filter(|_| is_ours || !layout.has_ends).unwrap_or(told);
        let mut record = Record::new(now, idle_end, extras.time(ABSOLUTE_END).unwrap_or(NEVER));
        let life = max_age.unwrap_or_else(|| millis(layout.ttl));
        let touched = Timestamp::from_millis(idle_end.as_millis().saturating_sub(life)).min(now);
        let touched = if idle_end == NEVER { now } else { touched };
        record.seen = extras.time(SEEN).filter(|_| is_ours).unwrap_or(touched);
        record.created = extras.time(CREATED).unwrap_or(record.seen);
        record.lifetime = extras.lifetime(max_age);
        record.user = match layout.path() {
            Some(path) => session.user(&path),
            None => extras.text(USER).and_then(|user| UserId::new(user).ok()),
        };
        let mut metadata = extras.metadata();
        if let Some(attributes) = session.attributes() {
            metadata.insert(COOKIE, attributes);
        }
        record.metadata = Arc::new(metadata);
        record.data = Arc::new(data);
        let version = extras.number(VERSION).unwrap_or(0);
        let previous = extras.text(PREVIOUS).map(str::to_owned);
        Some(Stored { text, removal, session, record, version, previous })
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// The public name that the session had before it was rotated.
    pub(super) fn previous(&self) -> Option<&str> {
        self.previous.as_deref()
    }

    pub(super) fn token(&self) -> Result<Token, StoreError> {
        token(&self.session, self.version)
    }

    pub(super) fn found(self, id: &str) -> Result<Found, StoreError> {
        let token = self.token()?;
        Ok(Found::new(self.record, token, handle(id)))
    }

    /// What a patch makes of it.
    pub(super) fn patched(
        &self,
        patch: &Patch,
        previous: Option<&str>,
        layout: &ConnectRedis,
        now: Timestamp,
    ) -> Result<Result<Next, WrongType>, StoreError> {
        for (key, _) in patch.changes() {
            allowed(key)?;
        }
        let mut session = self.session.clone();
        let numbers = match session.apply(patch) {
            Ok(numbers) => numbers,
            Err(PatchError::WrongType) => return Ok(Err(WrongType)),
            Err(PatchError::Reserved) => return Err(no_place()),
        };
        // The data is the text's; all else is as the contract says.
        let mut record = self.record.clone();
        let mut rest = Patch::default();
        (rest.user, rest.expiry) = (patch.user.clone(), patch.expiry);
        (rest.absolute_end, rest.lifetime) = (patch.absolute_end, patch.lifetime);
        for (key, value) in patch.metadata() {
            match value {
                Some(value) => rest.set_metadata(key.clone(), value.clone()),
                None => rest.unset_metadata(key.clone()),
            }
        }
        rest.apply_to(&mut record, now).map_err(|_| no_place())?;
        if let (Some(user), Some(path)) = (&patch.user, layout.path()) {
            session.set_user(&path, user).map_err(|_| no_place())?;
        }
        if let Some((_, attributes)) = patch.metadata().find(|(key, _)| &***key == COOKIE) {
            session
                .set_attributes(attributes)
                .map_err(|error| StoreError::with_source(StoreErrorKind::Other, error))?;
        }
        let before = self.session.original_max_age();
        let max_age = if patch.lifetime.is_some() { wanted(&record) } else { before };
        if patch.lifetime.is_some() || patch.expiry != Expiry::Keep {
            session.set_times(max_age, record.idle_end);
        }
        let version = if patch.changes_data() { self.version.saturating_add(1) } else { self.version };
        let previous = previous.or(self.previous.as_deref());
        // Its end is the one that was read unless this patch, or another store's way to write it, moves it.
        let keeps = patch.expiry == Expiry::Keep && patch.absolute_end.is_none();
        let removal = if keeps { self.removal } else { removal(&record, layout) };
        finish(session, &record, version, previous, removal, layout, numbers).map(Ok)
    }
}

/// The text of a new record.
pub(super) fn new(record: &Record, layout: &ConnectRedis) -> Result<Next, StoreError> {
    let mut patch = Patch::default();
    for (key, value) in record.data.iter() {
        patch.set(allowed(key)?.clone(), value.clone());
    }
    let attributes = record.metadata.get(COOKIE);
    let failed = |error| StoreError::with_source(StoreErrorKind::Other, error);
    let mut session = SessionText::new(attributes, wanted(record), record.idle_end).map_err(failed)?;
    session.apply(&patch).map_err(|_| no_place())?;
    if let (Some(user), Some(path)) = (&record.user, layout.path()) {
        session.set_user(&path, user).map_err(|_| no_place())?;
    }
    finish(session, record, 1, None, removal(record, layout), layout, Numbers::new())
}

/// Puts the extras in.
fn finish(
    mut session: SessionText,
    record: &Record,
    version: i64,
    previous: Option<&str>,
    removal: i64,
    layout: &ConnectRedis,
    numbers: Numbers,
) -> Result<Next, StoreError> {
    let mut extras = Map::new();
    let mut put = |field: &str, value: String| drop(extras.insert(field.to_owned(), value.into()));
    let time = |time: Timestamp| time.as_millis().to_string();
    put(VERSION, version.to_string());
    put(CREATED, time(record.created));
    put(SEEN, time(record.seen));
    put(END, time(record.idle_end));
    put(REMOVAL, removal.to_string());
    if record.absolute_end != NEVER {
        put(ABSOLUTE_END, time(record.absolute_end));
    }
    if let (Some(user), None) = (&record.user, &layout.user_at) {
        put(USER, user.as_str().to_owned());
    }
    let max_age = session.original_max_age();
    if lifetime_of(max_age) != record.lifetime {
        put(GOES_WITH, max_age.map_or("none".to_owned(), |millis| millis.to_string()));
        if let Some(idle) = record.lifetime.idle {
            put(OWN_IDLE, millis(idle).to_string());
        }
        if let Some(persistent) = record.lifetime.persistent {
            put(PERSISTENT, u8::from(persistent).to_string());
        }
    }
    if let Some(previous) = previous {
        put(PREVIOUS, previous.to_owned());
    }
    let metadata = record.metadata.iter().filter(|(key, _)| &***key != COOKIE);
    let metadata: Map<String, Json> =
        metadata.map(|(key, value)| (key.to_string(), value.as_json().to_owned().into())).collect();
    if !metadata.is_empty() {
        extras.insert(METADATA.to_owned(), metadata.into());
    }
    let token = token(&session, version)?;
    let mut patch = Patch::default();
    patch
        .set(EXTRAS, Value::serialize(&extras).map_err(|error| StoreError::with_source(StoreErrorKind::Other, error))?);
    session.apply(&patch).map_err(|_| no_place())?;
    Ok(Next { text: session.to_string(), removal, numbers, token })
}

/// The state that a session is in: what Express wrote of it, and how often this store did. Touches apart.
fn token(session: &SessionText, version: i64) -> Result<Token, StoreError> {
    let mut bare = session.clone();
    let mut patch = Patch::default();
    patch.unset(EXTRAS);
    bare.apply(&patch).map_err(|_| no_place())?;
    let max_age = session.original_max_age().map_or(String::new(), |millis| millis.to_string());
    Ok(Token::body(format!("{version} {max_age} {}", bare.without_cookie()).into_bytes()))
}

/// When the server may remove it: at its end, as connect-redis has it, since Express knows no other.
fn removal(record: &Record, layout: &ConnectRedis) -> i64 {
    if layout.has_ends && has_date(record.end()) { record.end().as_millis().max(1) } else { -1 }
}

/// The public name of a session id.
pub(super) fn handle(id: &str) -> Handle {
    Handle::new(hex(&Sha256::digest(id.as_bytes())[..16]))
}

/// The `originalMaxAge` that a record asks for.
fn wanted(record: &Record) -> Option<i64> {
    let wanted = match (record.lifetime.idle, record.lifetime.persistent) {
        (Some(idle), Some(true)) => millis(idle),
        (None, Some(true)) if has_date(record.idle_end) => {
            record.idle_end.as_millis().saturating_sub(record.seen.as_millis())
        }
        _ => return None,
    };
    Some(wanted.clamp(0, LONGEST))
}

/// The lifetime that an `originalMaxAge` stands for.
fn lifetime_of(max_age: Option<i64>) -> Lifetime {
    max_age.map_or(Lifetime::default(), |millis| Lifetime {
        idle: Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0))),
        persistent: Some(true),
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn allowed<K: AsRef<str>>(key: &K) -> Result<&K, StoreError> {
    if KEYS.allow(key.as_ref()) { Ok(key) } else { Err(no_place()) }
}

fn no_place() -> StoreError {
    error::bad_setting("the layout has no place for a key of that name")
}

/// What this store has put into a session, as far as it can be read.
#[derive(Debug, Default)]
struct Extras(Map<String, Json>);

impl Extras {
    fn read(value: Option<&Value>) -> Extras {
        Extras(value.and_then(|value| value.deserialize().ok()).unwrap_or_default())
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }

    fn number(&self, field: &str) -> Option<i64> {
        self.text(field)?.parse().ok()
    }

    fn time(&self, field: &str) -> Option<Timestamp> {
        self.number(field).map(Timestamp::from_millis)
    }

    /// What it was asked to live, if the `originalMaxAge` that this went with is still there.
    fn lifetime(&self, max_age: Option<i64>) -> Lifetime {
        let goes_with = self.text(GOES_WITH).map(|text| text.parse().ok());
        if goes_with != Some(max_age) {
            return lifetime_of(max_age);
        }
        let idle = self.number(OWN_IDLE).and_then(|idle| u64::try_from(idle).ok()).map(Duration::from_millis);
        Lifetime { idle, persistent: self.text(PERSISTENT).map(|is| is == "1") }
    }

    fn metadata(&self) -> Data {
        let fields = self.0.get(METADATA).and_then(Json::as_object);
        let fields = fields.into_iter().flatten();
        fields.filter_map(|(key, text)| Some((key.as_str(), Value::from_json(text.as_str()?).ok()?))).collect()
    }
}
