//! JSON text that is changed in places and else stays as it is.

use std::borrow::Cow;

use crate::record::Value;

/// The members of a JSON object in their order, each as its text was.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Object(Vec<Member>);

#[derive(Clone, PartialEq, Eq)]
struct Member {
    /// None for what is no text: JSON can spell half a surrogate pair.
    key: Option<String>,
    /// Key and value, as in `"n":1`.
    text: String,
    /// Where the value begins in it.
    value: usize,
}

impl Object {
    pub(super) fn new() -> Object {
        Object(Vec::new())
    }

    /// The object of a text that is known to be valid JSON; none if that is something else.
    pub(super) fn parse(text: &str) -> Option<Object> {
        let mut members = Vec::new();
        let mut at = behind(text, skip_space(text, 0), b'{')?;
        while text.as_bytes().get(at) != Some(&b'}') {
            let colon = skip_space(text, skip_value(text, at));
            let value = behind(text, colon, b':')?;
            let end = skip_value(text, value);
            let member = text.get(at..end)?;
            members.push(Member {
                key: decode(text.get(at..colon)?.trim_ascii_end()),
                text: member.to_owned(),
                value: value - at,
            });
            at = skip_space(text, end);
            at = behind(text, at, b',').unwrap_or(at);
        }
        Some(Object(members))
    }

    /// The text of a key's value. Of equal keys the last counts, as for `JSON.parse`.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rfind(|member| member.has(key)).map(Member::value)
    }

    /// All keys that are text, each with its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|member| Some((member.key.as_deref()?, member.value())))
    }

    /// Gives a key a value, where it stands or else at the end.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        let quoted = quote(key);
        let new = Member { key: Some(key.to_owned()), value: quoted.len() + 1, text: format!("{quoted}:{value}") };
        match self.0.iter_mut().rfind(|member| member.has(key)) {
            Some(old) => *old = new,
            None => self.0.push(new),
        }
    }

    /// Removes a key, however often it stands there.
    pub(super) fn unset(&mut self, key: &str) {
        self.0.retain(|member| !member.has(key));
    }

    /// Removes all but one key.
    pub(super) fn keep_only(&mut self, key: &str) {
        self.0.retain(|member| member.has(key));
    }

    /// Puts the keys into an order; those that are equal in it stay as they are among each other.
    pub(super) fn sort_by_key(&mut self, rank: impl Fn(Option<&str>) -> usize) {
        self.0.sort_by_key(|member| rank(member.key.as_deref()));
    }

    /// The text of the object.
    pub(super) fn text(&self) -> String {
        let members: Vec<&str> = self.0.iter().map(|member| member.text.as_str()).collect();
        format!("{{{}}}", members.join(","))
    }
}

impl Member {
    fn has(&self, key: &str) -> bool {
        self.key.as_deref() == Some(key)
    }

    fn value(&self) -> &str {
        &self.text[self.value..]
    }
}

/// The value of a valid JSON text, as JavaScript reads it.
///
/// What no [`Value`] holds reads as what JavaScript makes of it: an integer beyond `i64` as the nearest float, a number beyond
/// all floats as null (so `JSON.stringify` writes infinity), half a surrogate pair as U+FFFD. What is nested too deep is null.
pub(super) fn read(text: &str) -> Value {
    let read = Value::from_json(text).or_else(|_| Value::from_json(&respell(text, javascript_number)));
    read.unwrap_or_else(|_| null())
}

fn null() -> Value {
    Value::from_json("null").unwrap_or_else(|_| Value::from(0))
}

/// A value as `JSON.stringify` spells it: no space, no escape without need. Numbers keep their spelling, by which Rust tells
/// floats from integers.
pub(super) fn write(value: &Value) -> String {
    respell(value.as_json(), |number| number.into())
}

/// The text as a JSON string.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The text of a JSON string, if it is one and is text.
pub(super) fn decode(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { String::from_utf16(&units(inner)?).ok() } else { Some(inner.to_owned()) }
}

fn javascript_number(text: &str) -> Cow<'_, str> {
    if text.parse::<i64>().is_ok() {
        return text.into();
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => serde_json::Value::from(number).to_string().into(),
        _ => "null".into(),
    }
}

/// Valid JSON without space, with its strings as they are best written, and its numbers as told.
fn respell(text: &str, number: impl Fn(&str) -> Cow<'_, str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = skip_space(text, 0);
    while let Some(first) = text.as_bytes().get(at) {
        let end = match first {
            b'[' | b']' | b'{' | b'}' | b',' | b':' => at + 1,
            _ => skip_value(text, at),
        };
        let token = text.get(at..end).unwrap_or_default();
        match first {
            b'"' if token.contains('\\') => {
                let inner = token.get(1..token.len() - 1).unwrap_or_default();
                out.push_str(&quote(&String::from_utf16_lossy(&units(inner).unwrap_or_default())));
            }
            b'-' | b'0'..=b'9' => out.push_str(&number(token)),
            _ => out.push_str(token),
        }
        at = skip_space(text, end);
    }
    out
}

/// The UTF-16 units of the inside of a JSON string: what JSON can spell and UTF-8 can't.
fn units(inner: &str) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(letter) = rest.next() {
        let letter = match letter {
            '\\' => match rest.next()? {
                'u' => {
                    units.push(u16::from_str_radix(rest.as_str().get(..4)?, 16).ok()?);
                    rest = rest.as_str().get(4..)?.chars();
                    continue;
                }
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            },
            other => other,
        };
        units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    }
    Some(units)
}

/// Where the value that begins at `at` ends. By no recursion: it may be nested as deep as it is long.
fn skip_value(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = skip_string(bytes, at),
            b'[' | b'{' => (depth, at) = (depth + 1, at + 1),
            b']' | b'}' => (depth, at) = (depth.saturating_sub(1), at + 1),
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            _ => at = skip_word(bytes, at),
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn skip_string(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A number, or one of the three words.
fn skip_word(bytes: &[u8], at: usize) -> usize {
    let length = bytes[at..].iter().take_while(|byte| !b",:]} \t\n\r".contains(byte)).count();
    // Even of what is no JSON something is skipped.
    at + length.max(1)
}

fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| b" \t\n\r".contains(byte)).count()
}

/// Where the text goes on behind a byte and space, if that byte stands there.
fn behind(text: &str, at: usize, byte: u8) -> Option<usize> {
    (text.as_bytes().get(at) == Some(&byte)).then(|| skip_space(text, at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        Object::parse(text).unwrap()
    }

    #[test]
    fn members_keep_their_text_and_their_order() {
        let text = r#"{"b":[1, {"x":"}"}],"a":-1.50E+3,"\u0063":"\"]","d":{},"":null}"#;
        assert_eq!(object(text).text(), text);
        assert_eq!(object(text).get("a"), Some("-1.50E+3"));
        assert_eq!(object(text).get("b"), Some(r#"[1, {"x":"}"}]"#));
        assert_eq!(object(text).get("c"), Some(r#""\"]""#));
        assert_eq!(object(text).get("d"), Some("{}"));
        assert_eq!(object(text).get(""), Some("null"));
        assert_eq!(object(text).get("x"), None);
        assert_eq!(object(" {\n\"a\" : 1 ,\t\"b\":\r2 } ").text(), "{\"a\" : 1,\"b\":\r2}");
        assert_eq!(object(" { } ").text(), "{}");
    }

    #[test]
    fn of_equal_keys_the_last_counts() {
        let mut twice = object(r#"{"a":1,"b":2,"\u0061":3}"#);
        assert_eq!(twice.get("a"), Some("3"));
        twice.set("a", "4");
        assert_eq!(twice.text(), r#"{"a":1,"b":2,"a":4}"#);
        twice.unset("a");
        assert_eq!(twice.text(), r#"{"b":2}"#);
    }

    #[test]
    fn what_is_no_object_is_none() {
        for text in ["[]", "1", "null", r#""{}""#, "true"] {
            assert!(Object::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_that_is_no_text_stays() {
        let mut half = object(r#"{"\ud83d":1,"\ud83d\ude00":2}"#);
        assert_eq!(half.iter().collect::<Vec<_>>(), [("😀", "2")]);
        half.set("a", "3");
        assert_eq!(half.text(), r#"{"\ud83d":1,"\ud83d\ude00":2,"a":3}"#);
    }

    #[test]
    fn what_no_value_holds_reads_as_javascript_has_it() {
        let deep = "[".repeat(101) + &"]".repeat(101);
        for (text, read_as) in [
            ("9223372036854775808", "9.223372036854775808e18"),
            ("[18446744073709551615,1]", "[1.8446744073709552e19,1]"),
            ("1e999", "null"),
            (r#"{"a": -1e999, "b": 2}"#, r#"{"a":null,"b":2}"#),
            (r#""\ud83d""#, "\"\u{fffd}\""),
            (r#"["\ude00\ud83dx","\ud83d\ude00"]"#, "[\"\u{fffd}\u{fffd}x\",\"😀\"]"),
            (r#"{"\ud83d":1}"#, "{\"\u{fffd}\":1}"),
            (&deep, "null"),
        ] {
            let (read, expected) = (read(text), Value::from_json(read_as).unwrap());
            let json = |value: &Value| value.deserialize::<serde_json::Value>().unwrap();
            assert_eq!(json(&read), json(&expected), "{text}");
        }
        for text in ["2.0", "3e3", "-0", "1e300", "9223372036854775807"] {
            assert_eq!(read(text).as_json(), text);
        }
    }

    #[test]
    fn values_are_written_as_json_stringify_does() {
        for (value, written) in [
            (r#" { "a" : [ 1 , 2.0, 1e3 ] ,"b":{} } "#, r#"{"a":[1,2.0,1e3],"b":{}}"#),
            (r#""\u0041\/\u2028\u007f\"\\""#, "\"A/\u{2028}\u{7f}\\\"\\\\\""),
            (r#""\u0000\u0008\u0009\u000A\u000B\u000C\u000D\u001F""#, r#""\u0000\b\t\n\u000b\f\r\u001f""#),
            (r#""\uD83D\uDE00 é a  b""#, "\"😀 é a  b\""),
            ("null", "null"),
        ] {
            assert_eq!(write(&Value::from_json(value).unwrap()), written);
        }
    }
}
