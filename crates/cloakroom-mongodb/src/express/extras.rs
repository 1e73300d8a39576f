//! What Express has no field for: one more object beside `session`, which Express leaves alone.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Data, Lifetime, Record, UserId};
use cloakroom::store::StoreError;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, doc};

use super::layout::{ExpressLayout, NEVER, has_date};
use super::session::{COOKIE, MaxAge, Wanted, says_all};
use crate::error::corrupt;
use crate::layout::{date, millis, subdocument};
use crate::style::Style;
use crate::value::from_bson;

/// The field of all of it.
pub(crate) const EXTRAS: &str = "cloakroom";

/// How often more than the touch times was changed by this store.
pub(crate) const VERSION: &str = "v";
/// When the session began.
pub(crate) const CREATED: &str = "c";
/// When it was last touched, as long as its end is the one in [`END`].
pub(crate) const SEEN: &str = "s";
/// The idle end as this store has written it last.
pub(crate) const END: &str = "e";
/// The absolute end.
pub(crate) const ABSOLUTE_END: &str = "abs";
/// Whose it is, unless the layout has a place for that.
pub(crate) const USER: &str = "u";
/// The lifetime, where `originalMaxAge` does not say all of it.
pub(crate) const LIFETIME: &str = "l";
/// Its own idle timeout in milliseconds.
pub(crate) const OWN_IDLE: &str = "i";
/// Whether its cookie outlives the browser.
pub(crate) const PERSISTENT: &str = "r";
/// The `originalMaxAge` that it goes with, also the name of the metadata outside of a lifetime.
pub(crate) const GOES_WITH: &str = "m";
/// The metadata, but for the cookie's attributes.
pub(crate) const METADATA: &str = "m";
/// The key before the last rotation.
pub(crate) const PREVIOUS: &str = "p";
/// Until when that is remembered.
pub(crate) const PREVIOUS_UNTIL: &str = "pt";

/// The version of a new record.
const FIRST_VERSION: i64 = 1;

/// The extras of a document, which may have none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extras<'a>(Option<&'a RawDocument>);

impl<'a> Extras<'a> {
    pub(crate) fn of(document: &'a RawDocument) -> Result<Extras<'a>, StoreError> {
        match document.get(EXTRAS).map_err(|_| corrupt(EXTRAS))? {
            Some(RawBsonRef::Document(extras)) => Ok(Extras(Some(extras))),
            _ => Ok(Extras(None)),
        }
    }

    pub(crate) fn get(self, field: &str) -> Result<Option<RawBsonRef<'a>>, StoreError> {
        self.0.map_or(Ok(None), |extras| extras.get(field).map_err(|_| corrupt(EXTRAS)))
    }

    pub(crate) fn time(self, field: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get(field)?.and_then(time))
    }

    /// The absolute end; none if it can't be read.
    pub(crate) fn absolute_end(self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get(ABSOLUTE_END)?.map_or(Some(NEVER), time))
    }

    pub(crate) fn user(self) -> Result<Option<UserId>, StoreError> {
        match self.get(USER)? {
            None => Ok(None),
            Some(user) => {
                let user = user.as_str().and_then(|user| UserId::new(user).ok());
                user.ok_or_else(|| corrupt(EXTRAS)).map(Some)
            }
        }
    }

    /// What a session was asked to live, if the `originalMaxAge` that it went with is still there.
    pub(crate) fn lifetime(self, max_age: MaxAge) -> Result<Lifetime, StoreError> {
        let Some(RawBsonRef::Document(kept)) = self.get(LIFETIME)? else { return Ok(max_age.lifetime()) };
        let field = |name| kept.get(name).map_err(|_| corrupt(EXTRAS));
        if MaxAge::read(field(GOES_WITH)?) != Some(max_age) {
            return Ok(max_age.lifetime());
        }
        let idle = field(OWN_IDLE)?.and_then(|idle| Style::Native.integer(idle));
        let idle = idle.and_then(|idle| u64::try_from(idle).ok()).map(Duration::from_millis);
        Ok(Lifetime { idle, persistent: field(PERSISTENT)?.and_then(RawBsonRef::as_bool) })
    }

    pub(crate) fn metadata(self) -> Result<Data, StoreError> {
        let mut metadata = Data::default();
        let Some(RawBsonRef::Document(fields)) = self.get(METADATA)? else { return Ok(metadata) };
        for each in fields {
            let (name, value) = each.map_err(|_| corrupt(EXTRAS))?;
            if let Some(key) = Style::Native.key(name) {
                metadata.insert(&*key, from_bson(value, Style::Native).map_err(|_| corrupt(EXTRAS))?);
            }
        }
        Ok(metadata)
    }
}

/// The extras of a new record.
pub(crate) fn document(record: &Record, layout: &ExpressLayout) -> Result<Document, StoreError> {
    let mut extras = doc! { VERSION: FIRST_VERSION, CREATED: date(record.created), SEEN: date(record.seen) };
    if has_date(record.idle_end) {
        extras.insert(END, date(record.idle_end));
    }
    if record.absolute_end != NEVER {
        extras.insert(ABSOLUTE_END, date(record.absolute_end));
    }
    if let (Some(user), None) = (&record.user, &layout.user_at) {
        extras.insert(USER, user.as_str());
    }
    if !says_all(record.lifetime) {
        extras.insert(LIFETIME, lifetime(record.lifetime, Wanted::of(record).bson()));
    }
    let mut metadata = Data::clone(&record.metadata);
    metadata.remove(COOKIE);
    if !metadata.is_empty() {
        extras.insert(METADATA, subdocument(&metadata)?);
    }
    Ok(extras)
}

/// What a session was asked to live, with the `originalMaxAge` that goes with it.
pub(crate) fn lifetime(lifetime: Lifetime, max_age: Bson) -> Document {
    let mut kept = Document::new();
    if let Some(idle) = lifetime.idle {
        kept.insert(OWN_IDLE, millis(idle));
    }
    if let Some(persistent) = lifetime.persistent {
        kept.insert(PERSISTENT, persistent);
    }
    kept.insert(GOES_WITH, max_age);
    kept
}

/// The path of a field of the extras.
pub(crate) fn path(field: &str) -> String {
    format!("{EXTRAS}.{field}")
}

fn time(bson: RawBsonRef<'_>) -> Option<Timestamp> {
    bson.as_datetime().map(|time| Timestamp::from_millis(time.timestamp_millis()))
}
