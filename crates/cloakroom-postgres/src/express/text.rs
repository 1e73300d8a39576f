//! The session's text, read and patched here: the server can't change a part of it.

use cloakroom::Timestamp;
use cloakroom::express::{PatchError, SessionText, TextError};
use cloakroom::record::{Expiry, Numbers, Patch, Record, WrongType};
use cloakroom::store::{KeyRules, StoreError, StoreErrorKind};

use super::layout::{COOKIE, ExpressLayout};
use super::max_age::{self, MaxAge};
use crate::error;

/// What is something else in a session of Express can't be a key.
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
    nul: true,
};

/// What a patch makes of a session.
pub(crate) struct Patched {
    pub(crate) session: SessionText,
    /// Whether the text is another than before.
    pub(crate) is_changed: bool,
    pub(crate) numbers: Numbers,
}

/// A session that Express can use; none if it can't.
pub(crate) fn parse(text: &str) -> Option<SessionText> {
    SessionText::parse(text).ok().filter(|session| max_age::is_usable(session.original_max_age()))
}

/// The session of a new record.
pub(crate) fn new(record: &Record, max_age: MaxAge, layout: &ExpressLayout) -> Result<SessionText, StoreError> {
    let mut patch = Patch::default();
    for (key, value) in record.data.iter() {
        patch.set(key.clone(), value.clone());
    }
    allow(&patch)?;
    let attributes = record.metadata.get(COOKIE);
    let mut session = SessionText::new(attributes, max_age, record.idle_end).map_err(no_cookie)?;
    session.apply(&patch).map_err(|_| no_place())?;
    if let (Some(user), Some(path)) = (&record.user, layout.user_path()) {
        session.set_user(&path, user).map_err(|_| no_place())?;
    }
    Ok(session)
}

/// What a patch makes of a session, where `after` is the record with the patch's times and lifetime.
pub(crate) fn patched(
    before: &SessionText,
    patch: &Patch,
    after: &Record,
    layout: &ExpressLayout,
) -> Result<Result<Patched, WrongType>, StoreError> {
    allow(patch)?;
    let mut session = before.clone();
    let numbers = match session.apply(patch) {
        Ok(numbers) => numbers,
        Err(PatchError::WrongType) => return Ok(Err(WrongType)),
        Err(PatchError::Reserved) => return Err(no_place()),
    };
    let mut is_changed = patch.clears() || patch.changes().len() > 0;
    if let (Some(user), Some(path)) = (&patch.user, layout.user_path()) {
        session.set_user(&path, user).map_err(|_| no_place())?;
        is_changed = true;
    }
    if let Some((_, attributes)) = patch.metadata().find(|(key, _)| &***key == COOKIE) {
        session.set_attributes(attributes).map_err(no_cookie)?;
        is_changed = true;
    }
    is_changed |= patch.lifetime.is_some();
    // A touch alone leaves the text, as the package's does: what stands there as the cookie's end decides nothing.
    if patch.lifetime.is_some() || is_changed && patch.expiry != Expiry::Keep {
        let max_age = match patch.lifetime {
            Some(lifetime) => max_age::wanted(lifetime, after.idle_end, after.seen),
            None => before.original_max_age(),
        };
        session.set_times(max_age, after.idle_end);
    }
    Ok(Ok(Patched { session, is_changed, numbers }))
}

/// The times of a record after a patch, and its lifetime.
pub(crate) fn apply_times(patch: &Patch, record: &mut Record, now: Timestamp) {
    match patch.expiry {
        Expiry::Keep => {}
        Expiry::AtLeast(end) => record.idle_end = record.idle_end.max(end),
        Expiry::Exactly(end) => record.idle_end = end,
    }
    if patch.expiry != Expiry::Keep {
        record.seen = record.seen.max(now);
    }
    record.absolute_end = patch.absolute_end.unwrap_or(record.absolute_end);
    record.lifetime = patch.lifetime.unwrap_or(record.lifetime);
}

fn allow(patch: &Patch) -> Result<(), StoreError> {
    if patch.changes().all(|(key, _)| KEYS.allow(key)) { Ok(()) } else { Err(no_place()) }
}

fn no_place() -> StoreError {
    error::other("the layout has no place for a key of that name")
}

fn no_cookie(error: TextError) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, error)
}

/// What the text of a user's session has in it: the user as `JSON.stringify` writes it, or as a number.
pub(crate) fn needle(user: &str) -> String {
    let is_number = user.parse::<i64>().is_ok_and(|number| number.to_string() == user);
    if is_number { user.to_owned() } else { serde_json::Value::from(user).to_string() }
}
