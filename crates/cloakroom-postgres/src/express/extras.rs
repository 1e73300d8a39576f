//! What Express has no column for: one more column, a JSON object, which the package leaves alone.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Data, Lifetime, Record, StoreKey, UserId};
use cloakroom::store::{SUPERSEDED_FOR, StoreError};
use serde_json::{Map, Value as Json};

use super::layout::{COOKIE, ExpressLayout};
use super::max_age::{self, MaxAge};
use crate::error::corrupt;
use crate::escape::{escape, unescape};
use crate::layout::{data, millis, object};

/// The column.
pub(crate) const EXTRAS: &str = "cloakroom";

/// How often more than the touch times was changed by this store.
const VERSION: &str = "v";
/// When the session began.
const CREATED: &str = "c";
/// When it was last touched, as long as `expire` is what this store has written last.
const SEEN: &str = "s";
/// The idle end to the millisecond, as long as that is so.
const IDLE_END: &str = "e";
/// The absolute end; missing where there is none.
const ABSOLUTE_END: &str = "abs";
/// Whose it is, unless the layout has a place for that.
const USER: &str = "u";
/// The lifetime, where `originalMaxAge` does not say all of it: the idle timeout, whether the cookie outlives the browser, and
/// the `originalMaxAge` that it goes with.
const LIFETIME: &str = "l";
const OWN_IDLE: &str = "i";
const PERSISTENT: &str = "r";
const GOES_WITH: &str = "m";
/// The metadata, but for the cookie's attributes.
const METADATA: &str = "m";
/// The key before the last rotation, in hex.
const PREVIOUS: &str = "p";
/// Until when that is remembered.
const PREVIOUS_UNTIL: &str = "pt";

/// The end of what never ends.
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// The extras of a row, which may have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras(Map<String, Json>);

impl Extras {
    pub(crate) fn parse(text: Option<&str>) -> Result<Extras, StoreError> {
        let Some(text) = text else { return Ok(Extras::default()) };
        match serde_json::from_str(text) {
            Ok(Json::Object(fields)) => Ok(Extras(fields)),
            Ok(_) | Err(_) => Err(corrupt(EXTRAS)),
        }
    }

    /// Those of a record.
    pub(crate) fn of(record: &Record, max_age: MaxAge, version: i64, layout: &ExpressLayout) -> Extras {
        let mut fields = Map::new();
        fields.insert(VERSION.to_owned(), version.into());
        fields.insert(CREATED.to_owned(), record.created.as_millis().into());
        fields.insert(SEEN.to_owned(), record.seen.as_millis().into());
        fields.insert(IDLE_END.to_owned(), record.idle_end.as_millis().into());
        if record.absolute_end != NEVER {
            fields.insert(ABSOLUTE_END.to_owned(), record.absolute_end.as_millis().into());
        }
        if let (Some(user), None) = (&record.user, &layout.user_at) {
            fields.insert(USER.to_owned(), (&*escape(user.as_str())).into());
        }
        if !max_age::says_all(record, max_age) {
            let mut kept = Map::new();
            kept.insert(OWN_IDLE.to_owned(), record.lifetime.idle.map(millis).into());
            kept.insert(PERSISTENT.to_owned(), record.lifetime.persistent.into());
            kept.insert(GOES_WITH.to_owned(), max_age.into());
            fields.insert(LIFETIME.to_owned(), kept.into());
        }
        let mut metadata = Data::clone(&record.metadata);
        metadata.remove(COOKIE);
        if !metadata.is_empty() {
            fields.insert(METADATA.to_owned(), object(metadata.iter()).into());
        }
        Extras(fields)
    }

    /// Takes over from others what a write does not change.
    pub(crate) fn keep_previous(&mut self, before: &Extras) {
        for name in [PREVIOUS, PREVIOUS_UNTIL] {
            if let Some(value) = before.0.get(name) {
                self.0.insert(name.to_owned(), value.clone());
            }
        }
    }

    /// Remembers the key before a rotation.
    pub(crate) fn supersede(&mut self, old: &StoreKey, now: Timestamp) {
        self.0.insert(PREVIOUS.to_owned(), hex(old.digest()).into());
        self.0.insert(PREVIOUS_UNTIL.to_owned(), (now + SUPERSEDED_FOR).as_millis().into());
    }

    pub(crate) fn text(&self) -> String {
        Json::Object(self.0.clone()).to_string()
    }

    pub(crate) fn version(&self) -> Result<i64, StoreError> {
        Ok(self.number(VERSION)?.unwrap_or(0))
    }

    pub(crate) fn created(&self) -> Result<Option<Timestamp>, StoreError> {
        self.time(CREATED)
    }

    pub(crate) fn seen(&self) -> Result<Option<Timestamp>, StoreError> {
        self.time(SEEN)
    }

    pub(crate) fn idle_end(&self) -> Result<Option<Timestamp>, StoreError> {
        self.time(IDLE_END)
    }

    pub(crate) fn absolute_end(&self) -> Result<Timestamp, StoreError> {
        Ok(self.time(ABSOLUTE_END)?.unwrap_or(NEVER))
    }

    pub(crate) fn previous_until(&self) -> Result<Option<Timestamp>, StoreError> {
        self.time(PREVIOUS_UNTIL)
    }

    pub(crate) fn user(&self) -> Result<Option<UserId>, StoreError> {
        let Some(user) = self.0.get(USER) else { return Ok(None) };
        let user = user.as_str().and_then(unescape).and_then(|user| UserId::new(&*user).ok());
        user.map(Some).ok_or_else(|| corrupt(EXTRAS))
    }

    /// What a session was asked to live, if the `originalMaxAge` that it went with is still there.
    pub(crate) fn lifetime(&self, max_age: MaxAge) -> Lifetime {
        let kept = self.0.get(LIFETIME).filter(|kept| kept.get(GOES_WITH).and_then(Json::as_i64) == max_age);
        let Some(kept) = kept else { return max_age::lifetime(max_age) };
        let idle = kept.get(OWN_IDLE).and_then(Json::as_u64).map(Duration::from_millis);
        Lifetime { idle, persistent: kept.get(PERSISTENT).and_then(Json::as_bool) }
    }

    pub(crate) fn metadata(&self) -> Result<Data, StoreError> {
        match self.0.get(METADATA) {
            None => Ok(Data::default()),
            Some(Json::String(text)) => data(text, EXTRAS),
            Some(_) => Err(corrupt(EXTRAS)),
        }
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.number(name)?.map(Timestamp::from_millis))
    }

    fn number(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.0.get(name).map(|number| number.as_i64().ok_or_else(|| corrupt(EXTRAS))).transpose()
    }
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
