//! A session as Express keeps it in a text, which any hand may have written: judged and read as JSON means it, and patched
//! without a change to what the patch does not name.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::express::{PatchError, SessionText, TextErrorKind};
use cloakroom::record::{Change, Data, Patch, Record, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::input::{Bytes, Fields};
use crate::oracle::json::{Fault, faults};

/// A text, changes to its keys (each a byte and a key, and a value), and the bytes of a number to add.
pub fn check(input: &[u8]) {
    let mut fields = Fields::new(input);
    let text = fields.text();
    let Some(session) = judged(&text) else { return };
    reads_as_it_means(&session, &text);
    comes_back(&session);
    let patch = patch(&mut fields);
    is_patched(&session, &text, &patch);
    gets_times(session, &patch);
}

/// The session, if it is one, and else the right reason why not.
fn judged(text: &str) -> Option<SessionText> {
    let is_json = !faults(text).contains(&Fault::NoJson);
    let meant = serde_json::from_str::<Json>(text).ok();
    match SessionText::parse(text) {
        Ok(session) => {
            assert!(is_json);
            if let Some(meant) = meant {
                let age = &meant["cookie"]["originalMaxAge"];
                assert!(meant["cookie"].is_object() && (age.is_null() || age.is_number()));
            }
            Some(session)
        }
        Err(error) => {
            assert_eq!(error.kind() == TextErrorKind::NotJson, !is_json);
            if let Some(meant) = meant {
                let reason = match () {
                    () if !meant.is_object() => TextErrorKind::NotAnObject,
                    () if !meant["cookie"].is_object() => TextErrorKind::NoCookie,
                    () => TextErrorKind::MaxAge,
                };
                let age = &meant["cookie"]["originalMaxAge"];
                assert!(
                    error.kind() == reason && !age.is_null() | (reason != TextErrorKind::MaxAge) && !age.is_number()
                );
            }
            None
        }
    }
}

/// Where serde_json can read it at all, each key has the value that it means.
fn reads_as_it_means(session: &SessionText, text: &str) {
    let Ok(Json::Object(mut meant)) = serde_json::from_str(text) else { return };
    meant.remove("cookie");
    let meant: BTreeMap<String, Json> = meant.into_iter().collect();
    let data = session.data();
    assert_eq!(data.len(), meant.len());
    for ((key, value), (meant_key, meant)) in data.iter().zip(&meant) {
        assert_eq!(**key, **meant_key);
        if depth(meant) <= cloakroom::record::MAX_DEPTH {
            assert_eq!(json(value), as_floats_beyond_i64(meant));
        } else {
            assert_eq!(value.as_json(), "null");
        }
    }
}

fn depth(value: &Json) -> usize {
    match value {
        Json::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Json::Object(pairs) => 1 + pairs.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn as_floats_beyond_i64(value: &Json) -> Json {
    match value {
        Json::Number(number) if number.is_u64() && !number.is_i64() => number.as_f64().into(),
        Json::Array(values) => values.iter().map(as_floats_beyond_i64).collect(),
        Json::Object(pairs) => pairs.iter().map(|(key, value)| (key.clone(), as_floats_beyond_i64(value))).collect(),
        other => other.clone(),
    }
}

fn json(value: &Value) -> Json {
    value.deserialize().expect("every value can be read")
}

fn means_the_same(one: &Data, other: &Data) {
    let plain = |data: &Data| data.iter().map(|(key, value)| (key.clone(), json(value))).collect::<Vec<_>>();
    assert_eq!(plain(one), plain(other));
    for (key, value) in one.iter() {
        assert_eq!(value.as_i64(), other.get(key).and_then(Value::as_i64));
    }
}

fn comes_back(session: &SessionText) {
    let again = SessionText::parse(&session.to_string()).expect("what was read can be written");
    assert_eq!(again.to_string(), session.to_string());
    assert_eq!(again.data(), session.data());
    assert_eq!(again.attributes(), session.attributes());
    assert_eq!(again.original_max_age(), session.original_max_age());
    assert_eq!(again.expires(), session.expires());
}

fn patch(fields: &mut Fields<'_>) -> Patch {
    let mut patch = Patch::default();
    while !fields.is_over() {
        let (what, key) = fields.next().split_first().map_or((0, &[][..]), |(what, key)| (*what, key));
        let (key, value) = (String::from_utf8_lossy(key), fields.next());
        match what % 4 {
            0 => {
                if let Ok(value) = Value::from_json(&String::from_utf8_lossy(value)) {
                    patch.set(&*key, value);
                }
            }
            1 => patch.unset(&*key),
            2 => drop(patch.add(&*key, Bytes(value).number())),
            _ => patch.clear(),
        }
    }
    patch
}

/// The patch does what it does to a record, or nothing; and the rest stays to the byte.
fn is_patched(before: &SessionText, text: &str, patch: &Patch) {
    let now = Timestamp::from_millis(0);
    let mut record = Record::new(now, now, now);
    record.data = Arc::new(before.data());
    let expected = patch.apply_to(&mut record, now);
    let mut session = before.clone();
    match session.apply(patch) {
        Ok(numbers) => {
            assert_eq!(Ok(numbers), expected);
            means_the_same(&session.data(), &record.data);
            comes_back(&session);
        }
        Err(error) => {
            let is_reserved = patch.change("cookie").is_some();
            assert_eq!(error, if is_reserved { PatchError::Reserved } else { PatchError::WrongType });
            assert!(is_reserved || expected.is_err());
            assert_eq!(session.to_string(), before.to_string());
            return;
        }
    }
    // Half a surrogate pair is no key that serde_json could tell.
    let (Ok(before), Ok(after)) = (serde_json::from_str::<Members<'_>>(text), session.to_string().parse::<Owned>())
    else {
        return;
    };
    let is_untouched = |key: &str| key == "cookie" || !patch.clears() && patch.change(key).is_none();
    let before: Vec<_> = before.0.into_iter().filter(|(key, _)| is_untouched(key)).collect();
    let before: Vec<_> = before.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect();
    assert_eq!(after.0.into_iter().filter(|(key, _)| is_untouched(key)).collect::<Vec<_>>(), before);
    for (key, change) in patch.changes() {
        assert!(matches!(change, Change::Unset) != session.data().get(key).is_some());
    }
}

/// The members of an object in their order, with their text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

struct Owned(Vec<(String, String)>);

impl std::str::FromStr for Owned {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Owned, serde_json::Error> {
        let members = serde_json::from_str::<Members<'_>>(text)?.0;
        Ok(Owned(members.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(All).map(Members)
    }
}

/// New times and attributes are there afterwards, and nothing else has changed.
fn gets_times(mut session: SessionText, patch: &Patch) {
    let (data, attributes) = (session.data(), session.attributes());
    let millis = patch.changes().find_map(|(_, change)| match change {
        Change::Add(by) => Some(*by),
        Change::Set(_) | Change::Unset => None,
    });
    let age = session.original_max_age();
    session.set_times(age.map(|age| age / 2), Timestamp::from_millis(millis.unwrap_or(0)));
    assert_eq!(session.data(), data);
    // Express' order is kept, whatever order they were in.
    assert_eq!(session.attributes().as_ref().map(json), attributes.as_ref().map(json));
    if let Some(age) = age.filter(|age| age.unsigned_abs() < 1 << 52) {
        assert_eq!(session.original_max_age(), Some(age / 2));
        let date = Timestamp::from_millis(millis.unwrap_or(0));
        assert_eq!(
            session.expires(),
            Some(date).filter(|date| date.as_millis().unsigned_abs() <= 8_640_000_000_000_000)
        );
    }
    comes_back(&session);
    let times = (session.original_max_age(), session.expires());
    if session.set_attributes(attributes.as_ref()).is_ok() {
        assert_eq!((session.original_max_age(), session.expires()), times);
        match attributes {
            Some(attributes) => assert_eq!(json(&session.attributes().expect("they were set")), json(&attributes)),
            None => assert!(session.attributes().is_none()),
        }
    }
    assert_eq!(session.data(), data);
    comes_back(&session);
}
