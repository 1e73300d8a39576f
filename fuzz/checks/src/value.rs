//! JSON text as a session's value: accepted exactly if every store can keep it, and then read back the same.

use cloakroom::record::{Value, ValueErrorKind};

use crate::oracle::json::{Fault, faults};

/// A text.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let faults = faults(&text);
    match Value::from_json(&text) {
        Err(error) => {
            let expected = match error.kind() {
                ValueErrorKind::NotJson => [Fault::NoJson, Fault::NoText].as_slice(),
                ValueErrorKind::TooDeep => &[Fault::TooDeep],
                ValueErrorKind::NumberRange => &[Fault::NumberRange],
                other => panic!("{other:?} of a text"),
            };
            assert!(expected.iter().any(|fault| faults.contains(fault)), "{error}: {faults:?}");
        }
        Ok(value) => {
            assert!(faults.is_empty(), "{faults:?}");
            comes_back(&value, text.trim_matches([' ', '\t', '\n', '\r']));
        }
    }
}

fn comes_back(value: &Value, text: &str) {
    assert_eq!(value.as_json(), text);
    assert!(Value::from_json(value.as_json()).is_ok_and(|again| again == *value));
    // `-0` is a float: no integer has that sign.
    assert_eq!(value.as_i64(), text.parse().ok().filter(|_| text != "-0"));
    // Whoever asks for it gets it, whatever it is.
    let read: serde_json::Value = value.deserialize().expect("what is accepted can be read");
    let written = Value::serialize(&read).expect("what was read can be written");
    assert_eq!(written.deserialize::<serde_json::Value>().expect("as before"), read);
    if let Some(number) = value.as_i64() {
        assert_eq!(read.as_i64(), Some(number));
    }
}
