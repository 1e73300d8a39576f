//! The session as a text, as connect-mongo keeps it unless it is told otherwise, and perhaps encrypted.
//!
//! The server can't change a part of a text. So it is read, patched here, and written if it still is what was read.

use std::borrow::Cow;

use cloakroom::Timestamp;
use cloakroom::express::{PatchError, SessionText, TextError};
use cloakroom::record::{Expiry, Numbers, Patch, Record, WrongType};
use cloakroom::store::{KeyRules, StoreError, StoreErrorKind};
use mongodb::bson::RawBsonRef;

use super::layout::{ExpressLayout, has_date};
use super::session::{COOKIE, KEYS, MaxAge, Session, Wanted};
use crate::error::{no_bson, no_place};

/// A text can have keys with NUL in them, and objects that have.
pub(crate) const TEXT_KEYS: KeyRules = KeyRules { reserved: KEYS.reserved, nul: true };

/// A session's text.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    /// As it stands in the document, perhaps encrypted.
    pub(crate) stored: &'a str,
    session: SessionText,
    max_age: MaxAge,
}

/// What a patch makes of it.
#[derive(Debug)]
pub(crate) struct Patched {
    /// The new text as it is to be stored; none if the patch does not concern it.
    pub(crate) stored: Option<String>,
    pub(crate) max_age_before: MaxAge,
    pub(crate) max_age: MaxAge,
    pub(crate) numbers: Numbers,
}

/// The text of a document; none if Express can't take it for a session.
///
/// # Errors
///
/// If it was encrypted with another key. That is no broken session, but most likely a wrong secret, and to take it for a
/// missing one would log everybody out.
pub(crate) fn open<'a>(
    session: Option<RawBsonRef<'a>>,
    layout: &ExpressLayout,
) -> Result<Option<Stored<'a>>, StoreError> {
    let Some(RawBsonRef::String(stored)) = session else { return Ok(None) };
    let text = match layout.crypto.as_ref().map(|crypto| crypto.decrypt(stored)) {
        None => Cow::Borrowed(stored),
        Some(Ok(text)) => text.into(),
        Some(Err(error)) if error.is_other_key() => {
            return Err(StoreError::with_source(StoreErrorKind::Corrupt, error));
        }
        Some(Err(_)) => return Ok(None),
    };
    let Ok(session) = SessionText::parse(&text) else { return Ok(None) };
    let max_age = MaxAge::read(session.original_max_age().map(RawBsonRef::Int64));
    Ok(max_age.map(|max_age| Stored { stored, session, max_age }))
}

/// The text of a new record's session.
pub(crate) fn new(record: &Record, max_age: MaxAge, layout: &ExpressLayout) -> Result<String, StoreError> {
    let mut patch = Patch::default();
    for (key, value) in record.data.iter() {
        patch.set(allowed(key)?.clone(), value.clone());
    }
    let attributes = record.metadata.get(COOKIE);
    let mut session = SessionText::new(attributes, max_age.millis(), record.idle_end).map_err(no_cookie)?;
    session.apply(&patch).map_err(|_| no_bson())?;
    if let (Some(user), Some(path)) = (&record.user, path_of(layout)) {
        session.set_user(&path, user).map_err(|_| no_place("a user in the cookie"))?;
    }
    sealed(&session, layout)
}

impl Stored<'_> {
    pub(crate) fn read(&self, layout: &ExpressLayout) -> Session {
        Session {
            max_age: self.max_age,
            cookie: self.session.attributes(),
            data: self.session.data(),
            user: path_of(layout).and_then(|path| self.session.user(&path)),
        }
    }

    pub(crate) fn max_age(&self) -> MaxAge {
        self.max_age
    }

    /// The application's part of it, for the token.
    pub(crate) fn without_cookie(&self) -> String {
        self.session.without_cookie()
    }

    /// What a patch makes of it, where the record has these times.
    pub(crate) fn patched(
        &self,
        patch: &Patch,
        record: &Record,
        layout: &ExpressLayout,
        now: Timestamp,
    ) -> Result<Result<Patched, WrongType>, StoreError> {
        for (key, _) in patch.changes() {
            allowed(key)?;
        }
        let mut session = self.session.clone();
        let numbers = match session.apply(patch) {
            Ok(numbers) => numbers,
            Err(PatchError::WrongType) => return Ok(Err(WrongType)),
            Err(PatchError::Reserved) => return Err(no_place("a key of that name")),
        };
        let mut is_changed = patch.clears() || patch.changes().len() > 0;
        if let (Some(user), Some(path)) = (&patch.user, path_of(layout)) {
            session.set_user(&path, user).map_err(|_| no_place("a user in the cookie"))?;
            is_changed = true;
        }
        if let Some((_, attributes)) = patch.metadata().find(|(key, _)| &***key == COOKIE) {
            session.set_attributes(attributes).map_err(no_cookie)?;
            is_changed = true;
        }
        let (idle_end, seen) = times(patch, record, now);
        let max_age = match patch.lifetime.map(Wanted::by) {
            None => self.max_age,
            Some(Wanted::Exactly(max_age)) => max_age,
            Some(Wanted::UntilIdleEnd) if has_date(idle_end) => {
                MaxAge::of(idle_end.as_millis().saturating_sub(seen.as_millis()))
            }
            Some(Wanted::UntilIdleEnd) => MaxAge::NONE,
        };
        is_changed |= patch.lifetime.is_some();
        // A touch alone leaves the text, as connect-mongo's does: what stands there as the cookie's end decides nothing.
        if patch.lifetime.is_some() || is_changed && patch.expiry != Expiry::Keep {
            session.set_times(max_age.millis(), idle_end);
        }
        let stored = if is_changed { Some(sealed(&session, layout)?) } else { None };
        Ok(Ok(Patched { stored, max_age_before: self.max_age, max_age, numbers }))
    }
}

/// The idle end after a patch, and when the session was last touched.
fn times(patch: &Patch, record: &Record, now: Timestamp) -> (Timestamp, Timestamp) {
    match patch.expiry {
        Expiry::Keep => (record.idle_end, record.seen),
        Expiry::AtLeast(end) => (record.idle_end.max(end), record.seen.max(now)),
        Expiry::Exactly(end) => (end, record.seen.max(now)),
    }
}

fn sealed(session: &SessionText, layout: &ExpressLayout) -> Result<String, StoreError> {
    let text = session.to_string();
    match &layout.crypto {
        None => Ok(text),
        Some(crypto) => crypto.encrypt(&text).map_err(|error| StoreError::with_source(StoreErrorKind::Other, error)),
    }
}

fn path_of(layout: &ExpressLayout) -> Option<Vec<&str>> {
    layout.user_at.as_ref().map(|path| path.iter().map(String::as_str).collect())
}

fn allowed<K: AsRef<str>>(key: &K) -> Result<&K, StoreError> {
    if TEXT_KEYS.allow(key.as_ref()) { Ok(key) } else { Err(no_place("a key of that name")) }
}

fn no_cookie(error: TextError) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, error)
}

/// What the text of a user's session has in it, as a regular expression: the user as `JSON.stringify` writes it, or as a number.
pub(crate) fn user_pattern(user: &str) -> String {
    let quoted = serde_json::Value::from(user).to_string();
    let is_number = user.parse::<i64>().is_ok_and(|number| number.to_string() == user);
    let text = if is_number { user } else { &quoted };
    let mut pattern = String::new();
    for letter in text.chars() {
        if letter.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cloakroom::record::{Lifetime, StoreKey};
    use mongodb::bson::{Bson, Document, RawDocumentBuf};
    use serde_json::Value as Json;

    use super::super::document::{self, Reading};
    use super::*;

    /// 2030-01-02T03:04:05.678Z, when the documents were written.
    const NOW: Timestamp = Timestamp::from_millis(1_893_553_445_678);

    fn raw(document: &Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).unwrap()
    }

    #[test]
    fn what_connect_mongo_has_written_is_read_and_written_alike() {
        let all: Json = serde_json::from_str(include_str!("../../tests/vectors/04-string-documents.json")).unwrap();
        let cases = all["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 14);
        for case in cases {
            let label = case["label"].as_str().unwrap();
            let layout = ExpressLayout::connect_mongo();
            let layout = match label {
                "cm6_timestamps" => layout.timestamps(),
                "cm5_touchAfter" => layout.touch_after(std::time::Duration::from_secs(1)),
                _ => layout,
            };
            let Bson::Document(theirs) = Bson::try_from(case["document"].clone()).unwrap() else { panic!("{label}") };
            let Reading::Live(found) = document::read(&raw(&theirs), &layout, NOW).unwrap() else { panic!("{label}") };
            let (record, text) = (found.record, theirs.get_str("session").unwrap());
            let max_age = serde_json::from_str::<Json>(text).unwrap()["cookie"]["originalMaxAge"].as_u64();
            let idle = max_age.map(std::time::Duration::from_millis);
            assert_eq!(record.lifetime, Lifetime { idle, persistent: idle.map(|_| true) }, "{label}");
            assert_eq!((record.created, record.seen), (NOW, NOW), "{label}");

            let key = StoreKey::generate().unwrap();
            let ours = document::new(&key, &record, &layout, NOW).unwrap().to_document().unwrap();
            let fields = |document: &Document| document.keys().cloned().collect::<Vec<_>>();
            let mut expected = fields(&theirs);
            expected.push(super::super::extras::EXTRAS.to_owned());
            assert_eq!(fields(&ours), expected, "{label}");
            assert_eq!(ours.get("expires"), theirs.get("expires"), "{label}");
            // Keys have an order of their own here: the cookie, which stands in front, is the same to the byte.
            let (cookie, _) = text.split_once('}').unwrap();
            assert!(ours.get_str("session").unwrap().starts_with(cookie), "{label}");
            let Reading::Live(again) = document::read(&raw(&ours), &layout, NOW).unwrap() else { panic!("{label}") };
            assert_eq!(again.record, record, "{label}");
        }
    }

    #[test]
    fn a_touch_leaves_the_text_and_what_changes_it_tells_the_new_end() {
        let layout = ExpressLayout::connect_mongo();
        let text = r#"{"cookie":{"originalMaxAge":1000,"expires":"2030-01-02T03:04:05.678Z"},"n":1}"#;
        let stored = open(Some(RawBsonRef::String(text)), &layout).unwrap().unwrap();
        let mut record = Record::new(NOW, NOW, NOW);
        record.data = Arc::new(stored.read(&layout).data);
        let patched = |patch: &Patch| stored.patched(patch, &record, &layout, NOW).unwrap().unwrap().stored;
        let mut touch = Patch::default();
        touch.expiry = Expiry::AtLeast(Timestamp::from_millis(NOW.as_millis() + 1));
        assert_eq!(patched(&touch), None);
        touch.unset("n");
        assert_eq!(
            patched(&touch).as_deref(),
            Some(r#"{"cookie":{"originalMaxAge":1000,"expires":"2030-01-02T03:04:05.679Z"}}"#)
        );
    }

    #[test]
    fn a_user_is_looked_for_as_json_has_it() {
        assert_eq!(user_pattern("ada"), "\\\"ada\\\"");
        assert_eq!(user_pattern("a.*\"\u{0}"), "\\\"a\\.\\*\\\\\\\"\\\\u0000\\\"");
        assert_eq!(user_pattern("42"), "42");
        assert_eq!(user_pattern("-42"), "\\-42");
        assert_eq!(user_pattern("042"), "\\\"042\\\"");
    }
}
