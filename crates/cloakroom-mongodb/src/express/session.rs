//! What stands in `session`: the cookie as express-session keeps it, and the application's keys.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Data, Lifetime, Record, UserId, Value};
use cloakroom::store::{KeyRules, StoreError};
use mongodb::bson::{Bson, DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, bson, doc};

use super::document::SESSION;
use super::layout::has_date;
use crate::error::{corrupt, no_bson, no_place};
use crate::layout::millis;
use crate::style::{Style, whole};
use crate::value::{from_bson, to_bson};

/// The cookie in a session, and its attributes in the metadata of a record.
pub(crate) const COOKIE: &str = "cookie";
/// The cookie's life in milliseconds, from each touch on.
pub(crate) const MAX_AGE: &str = "originalMaxAge";
/// When the cookie ends. It decides nothing: Express reckons it anew.
pub(crate) const COOKIE_EXPIRES: &str = "expires";

/// The cookie's keys as express-session writes them.
pub(crate) const COOKIE_KEYS: [&str; 9] =
    [MAX_AGE, "partitioned", "priority", COOKIE_EXPIRES, "secure", "httpOnly", "domain", "path", "sameSite"];

/// What is something else in a session of Express can't be a key, nor what no field can be named.
pub(crate) const KEYS: KeyRules = KeyRules {
    reserved: &[
        COOKIE,
        // What a session of express-session has by itself.
        "id",
        "req",
        "save",
        "touch",
        "reload",
        "destroy",
        "regenerate",
        "resetMaxAge",
        // What every object of JavaScript has by itself: express-session leaves a key of that name out when it loads.
        "__proto__",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    ],
    nul: false,
};

/// What a session tells, however it is written.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) max_age: MaxAge,
    /// The cookie's attributes, where they are not express-session's own defaults.
    pub(crate) cookie: Option<Value>,
    pub(crate) data: Data,
    /// What stands where the layout has the user.
    pub(crate) user: Option<UserId>,
}

/// The session of a document; none if Express can't take it for one.
pub(crate) fn read(session: Option<RawBsonRef<'_>>, user_at: Option<&[String]>) -> Result<Option<Session>, StoreError> {
    let Some(RawBsonRef::Document(session)) = session else { return Ok(None) };
    let Some(RawBsonRef::Document(cookie)) = field(session, COOKIE)? else { return Ok(None) };
    let Some(max_age) = MaxAge::read(field(cookie, MAX_AGE)?) else { return Ok(None) };
    let mut data = Data::default();
    for each in session {
        let (name, value) = each.map_err(|_| corrupt(SESSION))?;
        if name != COOKIE {
            data.insert(name, json(value)?);
        }
    }
    let user = match user_at {
        Some(path) => user(session, path)?,
        None => None,
    };
    Ok(Some(Session { max_age, cookie: attributes(cookie)?, data, user }))
}

/// The session of a new record.
pub(crate) fn document(record: &Record, max_age: MaxAge) -> Result<Document, StoreError> {
    let end = max_age.end(record.idle_end);
    let [before, after] = cookie(record.metadata.get(COOKIE))?;
    let mut cookie = Document::new();
    cookie.insert(MAX_AGE, max_age.bson());
    cookie.extend(before);
    cookie.insert(COOKIE_EXPIRES, end);
    cookie.extend(after);
    let mut session = Document::new();
    session.insert(COOKIE, cookie);
    for (key, value) in record.data.iter() {
        session.insert(name(key)?, bson(value)?);
    }
    Ok(session)
}

/// The field of a key that is to be changed.
pub(crate) fn name(key: &str) -> Result<&str, StoreError> {
    if KEYS.allow(key) { Ok(key) } else { Err(no_place("a key of that name")) }
}

/// The value of a key.
pub(crate) fn bson(value: &Value) -> Result<Bson, StoreError> {
    to_bson(value, Style::JavaScript).ok_or_else(no_bson)
}

/// The cookie of a session but for its two times, as metadata has it: what stands before `expires`, and behind it.
pub(crate) fn cookie(attributes: Option<&Value>) -> Result<[Document; 2], StoreError> {
    let mut given = match attributes.map(bson).transpose()? {
        None => default_attributes(),
        Some(Bson::Document(given)) => given,
        Some(_) => return Err(no_place("a cookie that is no object")),
    };
    let mut parts = [Document::new(), Document::new()];
    let mut part = 0;
    for key in COOKIE_KEYS {
        let value = given.remove(key).unwrap_or(Bson::Null);
        match key {
            MAX_AGE => {}
            COOKIE_EXPIRES => part = 1,
            _ => drop(parts[part].insert(key, value)),
        }
    }
    parts[1].extend(given);
    Ok(parts)
}

fn default_attributes() -> Document {
    doc! { "httpOnly": true, "path": "/" }
}

/// The attributes of a cookie as metadata, unless they are express-session's own defaults.
fn attributes(cookie: &RawDocument) -> Result<Option<Value>, StoreError> {
    let mut set = RawDocumentBuf::new();
    let mut count = 0;
    for each in cookie {
        let (name, value) = each.map_err(|_| corrupt(SESSION))?;
        let times = name == MAX_AGE || name == COOKIE_EXPIRES;
        if !times && !matches!(value, RawBsonRef::Null | RawBsonRef::Undefined) {
            set.append_ref(name, value);
            count += 1;
        }
    }
    let http_only = matches!(field(&set, "httpOnly")?, Some(RawBsonRef::Boolean(true)));
    let path = matches!(field(&set, "path")?, Some(RawBsonRef::String("/")));
    if count == 2 && http_only && path { Ok(None) } else { json(RawBsonRef::Document(&set)).map(Some) }
}

/// Who stands at a path: a text, or an integer in its digits.
fn user(session: &RawDocument, path: &[String]) -> Result<Option<UserId>, StoreError> {
    let Some((last, parents)) = path.split_last() else { return Ok(None) };
    let mut object = session;
    for parent in parents {
        match field(object, parent)? {
            Some(RawBsonRef::Document(child)) => object = child,
            _ => return Ok(None),
        }
    }
    let text = match field(object, last)? {
        Some(RawBsonRef::String(text)) => text.to_owned(),
        Some(RawBsonRef::Int32(number)) => number.to_string(),
        Some(RawBsonRef::Int64(number)) => number.to_string(),
        Some(RawBsonRef::Double(number)) => match whole(number) {
            Some(number) => number.to_string(),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(UserId::new(text).ok())
}

fn json(value: RawBsonRef<'_>) -> Result<Value, StoreError> {
    from_bson(value, Style::JavaScript).map_err(|_| corrupt(SESSION))
}

/// A field of a session, or of an object in it.
pub(crate) fn field<'a>(object: &'a RawDocument, name: &str) -> Result<Option<RawBsonRef<'a>>, StoreError> {
    object.get(name).map_err(|_| corrupt(SESSION))
}

/// `originalMaxAge`: milliseconds, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MaxAge(Option<f64>);

impl MaxAge {
    /// The cookie ends with the browser.
    pub(crate) const NONE: MaxAge = MaxAge(None);

    /// What Express reads, and can reckon a date from.
    pub(crate) const READ: f64 = 8_640_000_000_000_000.0;

    /// No cookie is told to live longer: with it, and the time of today, JavaScript still has a date for its end.
    pub(crate) const WRITTEN: i64 = 864_000_000_000_000;

    /// What stands there; none if Express hangs on it.
    pub(crate) fn read(bson: Option<RawBsonRef<'_>>) -> Option<MaxAge> {
        #[allow(clippy::cast_precision_loss, reason = "so does JavaScript")]
        let millis = match bson {
            None | Some(RawBsonRef::Null | RawBsonRef::Undefined) => return Some(MaxAge::NONE),
            Some(RawBsonRef::Int32(millis)) => f64::from(millis),
            Some(RawBsonRef::Int64(millis)) => millis as f64,
            Some(RawBsonRef::Double(millis)) => millis,
            Some(_) => return None,
        };
        (millis.abs() <= MaxAge::READ).then_some(MaxAge(Some(millis)))
    }

    /// Of so many milliseconds, within what may be written.
    pub(crate) fn of(millis: i64) -> MaxAge {
        #[allow(clippy::cast_precision_loss, reason = "in this range there is none")]
        let millis = millis.clamp(0, MaxAge::WRITTEN) as f64;
        MaxAge(Some(millis))
    }

    pub(crate) fn bson(self) -> Bson {
        match self.0 {
            None => Bson::Null,
            Some(millis) => whole(millis).map_or(Bson::Double(millis), |millis| Style::JavaScript.number(millis)),
        }
    }

    /// In whole milliseconds.
    pub(crate) fn millis(self) -> Option<i64> {
        #[allow(clippy::cast_possible_truncation, reason = "the fraction is meant to go; all else is in range")]
        self.0.map(|millis| millis as i64)
    }

    /// The lifetime that it stands for.
    pub(crate) fn lifetime(self) -> Lifetime {
        match self.millis() {
            None => Lifetime { idle: None, persistent: None },
            Some(millis) => {
                let idle = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
                Lifetime { idle: Some(idle), persistent: Some(true) }
            }
        }
    }

    /// The cookie's `expires` that goes with it.
    pub(crate) fn end(self, idle_end: Timestamp) -> Bson {
        match self.0 {
            Some(_) if has_date(idle_end) => DateTime::from_millis(idle_end.as_millis()).into(),
            _ => Bson::Null,
        }
    }
}

/// The `originalMaxAge` that a lifetime asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// This one.
    Exactly(MaxAge),
    /// From the last touch to the idle end, for the cookie outlives the browser and has no time of its own.
    UntilIdleEnd,
}

impl Wanted {
    pub(crate) fn by(lifetime: Lifetime) -> Wanted {
        match (lifetime.idle, lifetime.persistent) {
            (Some(idle), Some(true)) => Wanted::Exactly(MaxAge::of(millis(idle))),
            (None, Some(true)) => Wanted::UntilIdleEnd,
            _ => Wanted::Exactly(MaxAge::NONE),
        }
    }

    /// For a new record.
    pub(crate) fn of(record: &Record) -> MaxAge {
        match Wanted::by(record.lifetime) {
            Wanted::Exactly(max_age) => max_age,
            Wanted::UntilIdleEnd if has_date(record.idle_end) => {
                MaxAge::of(record.idle_end.as_millis().saturating_sub(record.seen.as_millis()))
            }
            Wanted::UntilIdleEnd => MaxAge::NONE,
        }
    }
}

/// Whether it says all of a lifetime.
pub(crate) fn says_all(lifetime: Lifetime) -> bool {
    matches!(Wanted::by(lifetime), Wanted::Exactly(max_age) if max_age.lifetime() == lifetime)
}

/// `originalMaxAge` in the document that a pipeline works on.
pub(crate) fn max_age() -> Bson {
    bson!(format!("${}.{COOKIE}.{MAX_AGE}", SESSION))
}
