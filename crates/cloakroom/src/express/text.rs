//! A session as Express keeps it in a text.

use std::fmt;

use super::cookie;
use super::json::{self, Object};
use crate::clock::Timestamp;
use crate::record::{Change, Data, JsonFault, Numbers, Patch, UserId, Value, sum};

const COOKIE: &str = "cookie";

/// A session as a JSON text: `{"cookie":{"originalMaxAge":…,"expires":…,"httpOnly":true,"path":"/"},"views":1,…}`.
///
/// What is not changed keeps its text to the byte: the order of the keys, how numbers and strings are spelt, and what only
/// JavaScript can read. What is written is spelt as `JSON.stringify` spells it.
///
/// ```
/// use cloakroom::express::SessionText;
/// use cloakroom::record::{Patch, Value};
///
/// let mut session = SessionText::parse(r#"{"cookie":{"originalMaxAge":null},"views":1,"big":1e999}"#)?;
/// assert_eq!(session.data().get("views"), Some(&Value::from(1)));
///
/// let mut patch = Patch::default();
/// patch.add("views", 1)?;
/// session.apply(&patch)?;
/// assert_eq!(session.to_string(), r#"{"cookie":{"originalMaxAge":null},"views":2,"big":1e999}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What JavaScript can read and a [`Value`] can't hold
///
/// It reads as JavaScript has it: an integer beyond `i64` as the nearest float, a number beyond all floats as null, half a
/// surrogate pair as U+FFFD. What is nested deeper than [`MAX_DEPTH`](crate::record::MAX_DEPTH) reads as null, and a key that
/// is no text, having half a surrogate pair, is not there. In the text they stay what they are until the key is set.
///
/// Numbers are told apart by their spelling, as everywhere: `2` is an integer, `2.0` and `2e0` are floats. JavaScript writes
/// none of the latter, so what Express has counted is an integer.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionText {
    keys: Object,
    cookie: Object,
}

impl SessionText {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// If Express could not use it either: it is no JSON object, has no `cookie` object, or one whose `originalMaxAge` is no
    /// number and not null.
    pub fn parse(text: &str) -> Result<SessionText, TextError> {
        serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map_err(|source| TextError { kind: TextErrorKind::NotJson, source: Some(source.into()) })?;
        let keys = Object::parse(text).ok_or(TextError::new(TextErrorKind::NotAnObject))?;
        let cookie = keys.get(COOKIE).and_then(Object::parse).ok_or(TextError::new(TextErrorKind::NoCookie))?;
        if !cookie::is_usable(&cookie) {
            return Err(TextError::new(TextErrorKind::MaxAge));
        }
        Ok(SessionText { keys, cookie })
    }

    /// A new session without keys, whose cookie has these attributes, else Express' defaults, and
    /// [these times](SessionText::set_times).
    ///
    /// # Errors
    ///
    /// As [`set_attributes`](SessionText::set_attributes).
    pub fn new(
        attributes: Option<&Value>,
        original_max_age: Option<i64>,
        idle_end: Timestamp,
    ) -> Result<SessionText, TextError> {
        let mut session = SessionText { keys: Object::new(), cookie: Object::new() };
        session.set_attributes(attributes)?;
        session.set_times(original_max_age, idle_end);
        Ok(session)
    }

    /// The keys beside `cookie`.
    pub fn data(&self) -> Data {
        self.keys.iter().filter(|(key, _)| *key != COOKIE).map(|(key, value)| (key, json::read(value))).collect()
    }

    /// `originalMaxAge`: how long the session lives after each request, in milliseconds; none where it ends with the
    /// browser.
    pub fn original_max_age(&self) -> Option<i64> {
        cookie::original_max_age(&self.cookie)
    }

    /// The cookie's own `expires`, as of the last write. It decides nothing: the store knows when the session ends.
    pub fn expires(&self) -> Option<Timestamp> {
        cookie::expires(&self.cookie)
    }

    /// The cookie's attributes beside `originalMaxAge` and `expires`, as an object of those that are set; none if it is
    /// Express' default, `{"httpOnly":true,"path":"/"}`.
    pub fn attributes(&self) -> Option<Value> {
        cookie::attributes(&self.cookie)
    }

    /// Sets and unsets keys, counts, and clears: all of a patch that concerns the data, or nothing. Gives the new numbers.
    ///
    /// The [`data`](SessionText::data) is then what [`Patch::apply_to`] makes of it. Keys that are new come last.
    ///
    /// # Errors
    ///
    /// If a key that is added to holds no integer, or the sum leaves the range of `i64`; or if the patch names `cookie`, which
    /// is no key. Nothing is changed then.
    pub fn apply(&mut self, patch: &Patch) -> Result<Numbers, PatchError> {
        if patch.change(COOKIE).is_some() {
            return Err(PatchError::Reserved);
        }
        let mut numbers = Numbers::new();
        for (key, change) in patch.changes() {
            if let Change::Add(by) = change {
                let before = self.keys.get(key).map(json::read);
                numbers.push((key.clone(), sum(before.as_ref(), *by).map_err(|_| PatchError::WrongType)?));
            }
        }
        if patch.clears() {
            self.keys.keep_only(COOKIE);
        }
        for (key, change) in patch.changes() {
            match change {
                Change::Set(value) => self.keys.set(key, &json::write(value)),
                Change::Unset => self.keys.unset(key),
                Change::Add(_) => {}
            }
        }
        for (key, number) in &numbers {
            self.keys.set(key, &number.to_string());
        }
        Ok(numbers)
    }

    /// Gives the cookie its `originalMaxAge` in milliseconds, at most 136,000 years, and as `expires` the end of the session
    /// where there is one; otherwise both are null.
    pub fn set_times(&mut self, original_max_age: Option<i64>, idle_end: Timestamp) {
        cookie::set_times(&mut self.cookie, original_max_age, idle_end);
        self.keys.set(COOKIE, &self.cookie.text());
    }

    /// Gives the cookie other attributes beside its times: those of an object, else Express' defaults.
    ///
    /// # Errors
    ///
    /// If it is no object, or has an attribute of which Express can make no Set-Cookie. Nothing is changed then.
    pub fn set_attributes(&mut self, attributes: Option<&Value>) -> Result<(), TextError> {
        self.cookie = cookie::with_attributes(&self.cookie, attributes)?;
        self.keys.set(COOKIE, &self.cookie.text());
        Ok(())
    }

    /// Whose session it is, by a path of keys such as `["passport", "user"]`: what stands there, if it is a text, or an
    /// integer as its digits.
    pub fn user(&self, path: &[&str]) -> Option<UserId> {
        let (last, path) = path.split_last()?;
        let mut at = self.keys.clone();
        for key in path {
            at = at.get(key).and_then(Object::parse)?;
        }
        let value = at.get(last)?;
        let digits = json::read(value).as_i64().map(|number| number.to_string());
        digits.or_else(|| json::decode(value)).and_then(|text| UserId::new(text).ok())
    }

    /// Writes a user there as a text, unless it is that user already. What stands in the way of the path is replaced.
    ///
    /// # Errors
    ///
    /// If the path leads into the cookie.
    pub fn set_user(&mut self, path: &[&str], user: &UserId) -> Result<(), PatchError> {
        if path.first() == Some(&COOKIE) {
            return Err(PatchError::Reserved);
        }
        if self.user(path).as_ref() != Some(user) {
            set_at(&mut self.keys, path, &json::quote(user.as_str()));
        }
        Ok(())
    }

    /// The text without the cookie: what tells states of the data apart, whoever wrote them.
    pub fn without_cookie(&self) -> String {
        let mut keys = self.keys.clone();
        keys.unset(COOKIE);
        keys.text()
    }
}

fn set_at(object: &mut Object, path: &[&str], value: &str) {
    match path {
        [] => {}
        [last] => object.set(last, value),
        [first, rest @ ..] => {
            let mut inner = object.get(first).and_then(Object::parse).unwrap_or(Object::new());
            set_at(&mut inner, rest, value);
            object.set(first, &inner.text());
        }
    }
}

/// The text, for the store alone.
impl fmt::Display for SessionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.keys.text())
    }
}

impl fmt::Debug for SessionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionText({} bytes)", self.keys.text().len())
    }
}

/// Why a text is no session of Express. Never tells what stands in it.
#[derive(Debug)]
pub struct TextError {
    kind: TextErrorKind,
    source: Option<JsonFault>,
}

/// The kinds of [`TextError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextErrorKind {
    /// It is no JSON.
    NotJson,
    /// It is JSON, but no object.
    NotAnObject,
    /// It has no `cookie`, or one that is no object.
    NoCookie,
    /// The `originalMaxAge` of its cookie is no number and not null.
    MaxAge,
    /// The cookie was to get an attribute with which Express would fail.
    CookieAttribute,
}

impl TextError {
    /// What kind of error it is.
    pub fn kind(&self) -> TextErrorKind {
        self.kind
    }

    pub(super) fn new(kind: TextErrorKind) -> TextError {
        TextError { kind, source: None }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TextErrorKind::NotJson => "the session's text is no JSON",
            TextErrorKind::NotAnObject => "the session's text is no object",
            TextErrorKind::NoCookie => "the session's text has no cookie",
            TextErrorKind::MaxAge => "the originalMaxAge of the session's cookie is no number",
            TextErrorKind::CookieAttribute => "an attribute of the session's cookie is none that Express can use",
        })
    }
}

impl std::error::Error for TextError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|fault| fault as _)
    }
}

/// Why a patch can't be applied to a session of Express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// A key that it adds to holds no integer, or the sum would leave the range of `i64`.
    WrongType,
    /// It names `cookie`, which is no key of a session.
    Reserved,
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchError::WrongType => crate::record::WrongType.fmt(f),
            PatchError::Reserved => f.write_str("`cookie` is no key of a session that Express shares"),
        }
    }
}

impl std::error::Error for PatchError {}

#[cfg(test)]
mod tests;
