//! Keys and values as one JSON text, in which each value keeps its own text to the byte.

use std::fmt;

use cloakroom::record::{Data, Value};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The text of keys and values: an object in the order of the keys.
pub(crate) fn to_text(data: &Data) -> String {
    let mut text = String::with_capacity(data.size() + data.len() * 4 + 2);
    text.push('{');
    for (index, (key, value)) in data.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(&**key).to_string());
        text.push(':');
        text.push_str(value.as_json());
    }
    text.push('}');
    text
}

/// The keys and values of a text; none if it is no object, or holds what no session can.
pub(crate) fn from_text(text: &str) -> Option<Data> {
    serde_json::from_str::<Object>(text).ok().map(|object| object.0)
}

struct Object(Data);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut data = Data::default();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            data.insert(key, Value::from_json(value.get()).map_err(A::Error::custom)?);
        }
        Ok(Object(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_comes_back_to_the_byte() {
        let keys =
            ["", "a.b", "$x", "0", "%", "\0", "__proto__", "\"", "\\", "$.a[0]", "é\u{2028}\u{10ffff}", "cookie"];
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let values = [
            "1",
            "1.0",
            "-0.0",
            "-0",
            "1e5",
            "1E+05",
            "9007199254740993",
            "-9223372036854775808",
            "[]",
            "{}",
            r#"{"b":1,"a":2,"b":3}"#,
            r#"{ "a" : [ 1 ,null ] }"#,
            r#""\u0000\ud83d\ude00\/""#,
            "null",
            "\"\"",
            &deep,
        ];
        let json = |text: &str| Value::from_json(text).unwrap();
        let data: Data =
            keys.into_iter().zip(values.into_iter().cycle()).map(|(key, text)| (key, json(text))).collect();
        assert_eq!(from_text(&to_text(&data)), Some(data));
        let data: Data = values.into_iter().enumerate().map(|(key, text)| (key.to_string(), json(text))).collect();
        assert_eq!(from_text(&to_text(&data)), Some(data));
        assert_eq!(to_text(&Data::default()), "{}");
    }

    #[test]
    fn what_is_no_object_is_nothing() {
        for text in ["", "[]", "null", "{", r#"{"a":18446744073709551616}"#, r#"{"a":1} x"#] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
