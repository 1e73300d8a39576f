//! Whether a record came back the same.
//!
//! The text of a value may come back otherwise, but not its meaning: an integer stays one, a float stays one to its last
//! bit and the sign of its zero. Only the order of an object's keys is free.

use std::collections::BTreeMap;

use crate::record::{Data, Record, Value};

/// The first difference: what was expected, and what was seen.
pub(super) fn difference(expected: &Record, saw: &Record) -> Option<(String, String)> {
    macro_rules! field {
        ($($field:ident),*) => {
            $(if expected.$field != saw.$field {
                let name = stringify!($field);
                return Some((format!("{name} to be {:?}", expected.$field), format!("{:?}", saw.$field)));
            })*
        };
    }
    field!(user, created, seen, idle_end, absolute_end, lifetime);
    data_difference("data", &expected.data, &saw.data)
        .or_else(|| data_difference("metadata", &expected.metadata, &saw.metadata))
}

pub(super) fn data_difference(part: &str, expected: &Data, saw: &Data) -> Option<(String, String)> {
    for (key, value) in expected.iter() {
        match saw.get(key) {
            Some(other) if same(value, other) => {}
            Some(other) => return Some((format!("{part} {key:.40?} to be {}", shown(value)), shown(other))),
            None => return Some((format!("{part} {key:.40?} to be {}", shown(value)), "no such key".to_owned())),
        }
    }
    let more = saw.iter().find(|(key, _)| expected.get(key).is_none())?;
    Some((format!("{part} without the key {:.40?}", more.0), shown(more.1)))
}

/// Whether two values mean the same.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    one.as_json() == other.as_json() || tree(one) == tree(other)
}

fn shown(value: &Value) -> String {
    let text: String = value.as_json().chars().take(80).collect();
    if text.len() < value.as_json().len() { format!("{text}…") } else { text }
}

#[derive(Debug, PartialEq)]
enum Tree {
    Word(&'static str),
    Integer(i64),
    Float(u64),
    Text(String),
    List(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

fn tree(value: &Value) -> Option<Tree> {
    Reader { rest: value.as_json() }.tree()
}

/// Reads JSON that is known to be valid. serde_json's own tree would round floats as it reads them.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn tree(&mut self) -> Option<Tree> {
        self.skip_space();
        match self.rest.chars().next()? {
            '"' => self.text().map(Tree::Text),
            '[' => {
                let mut list = Vec::new();
                self.elements(']', |reader| {
                    list.push(reader.tree()?);
                    Some(())
                })?;
                Some(Tree::List(list))
            }
            '{' => {
                let mut object = BTreeMap::new();
                self.elements('}', |reader| {
                    let key = reader.text()?;
                    reader.skip_space();
                    reader.take(1);
                    object.insert(key, reader.tree()?);
                    Some(())
                })?;
                Some(Tree::Object(object))
            }
            '-' | '0'..='9' => self.number(),
            _ => {
                let word = ["null", "true", "false"].into_iter().find(|word| self.rest.starts_with(word))?;
                self.take(word.len());
                Some(Tree::Word(word))
            }
        }
    }

    fn elements(&mut self, close: char, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        loop {
            // The bracket that opens it, or the comma.
            self.take(1);
            self.skip_space();
            if !self.rest.starts_with(close) {
                element(self)?;
                self.skip_space();
            }
            if self.rest.starts_with(close) {
                self.take(1);
                return Some(());
            }
        }
    }

    fn number(&mut self) -> Option<Tree> {
        let end = self.rest.find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'));
        let text = self.take(end.unwrap_or(self.rest.len()));
        if text.contains(['.', 'e', 'E']) {
            text.parse().ok().map(|float: f64| Tree::Float(float.to_bits()))
        } else {
            text.parse().ok().map(Tree::Integer)
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut escaped = false;
        let closing = self.rest.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        let text = self.take(closing?.0 + 1);
        serde_json::from_str(text).ok()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take(&mut self, length: usize) -> &str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::value;
    use super::*;

    #[test]
    fn the_same_in_other_words_is_the_same() {
        for (one, other) in [
            ("1e300", "1.0E+300"),
            (r#"{"a":1,"b":[null,true]}"#, r#"{ "b" : [ null , true ], "a" : 1 }"#),
            (r#""é\n""#, r#""\u00e9\u000a""#),
            ("[]", "[ ]"),
            ("{}", "{ }"),
        ] {
            assert!(same(&value(one), &value(other)), "{one} {other}");
        }
    }

    #[test]
    fn what_only_looks_the_same_is_not() {
        for (one, other) in [
            ("1", "1.0"),
            ("0.0", "-0.0"),
            ("9007199254740993", "9007199254740992"),
            ("2.638344616030823e-256", "2.6383446160308233e-256"),
            ("[1,2]", "[2,1]"),
            (r#""5""#, "5"),
            (r#"{"a":null}"#, "{}"),
            (r#""\\""#, r#""\"""#),
        ] {
            assert!(!same(&value(one), &value(other)), "{one} {other}");
        }
    }
}
