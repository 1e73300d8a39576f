//! Session texts are those of Express, held against what connect-mongo, connect-redis and express-session's MemoryStore
//! really wrote, and what Express did with documents of others.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use cloakroom::Timestamp;
use cloakroom::express::SessionText;
use cloakroom::record::Patch;
use serde_json::Value as Json;

fn name_of(case: &Json) -> String {
    case["label"].as_str().or(case["about"].as_str()).unwrap().to_owned()
}

/// Labels and texts of all cases in which Express wrote one.
fn written() -> Vec<(String, String)> {
    let read = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    let mongo = read(include_str!("vectors/04-string-documents.json"));
    let redis = read(include_str!("vectors/07-redis-and-memory.json"));
    let memory = read(include_str!("vectors/03-set-cookie.json"));
    let cases = |all: &Json| all["cases"].as_array().unwrap().clone();
    let text = |case: &Json, field: &Json| Some((name_of(case), field.as_str()?.to_owned()));
    let mongo = cases(&mongo).into_iter().filter_map(|case| text(&case, &case["document"]["session"]));
    let redis = cases(&redis).into_iter().filter_map(|case| text(&case, &case["value"]));
    let memory = cases(&memory).into_iter().filter_map(|case| text(&case, &case["memorystore_json"]));
    let all: Vec<_> = mongo.chain(redis).chain(memory).collect();
    assert!(all.len() > 25, "{} texts", all.len());
    all
}

#[test]
fn what_express_wrote_is_read_as_it_meant_it() {
    for (label, text) in written() {
        let (session, meant) = (SessionText::parse(&text).unwrap(), serde_json::from_str::<Json>(&text).unwrap());
        let keys = meant.as_object().unwrap().iter().filter(|(key, _)| *key != "cookie");
        let keys: BTreeMap<_, _> = keys.map(|(key, value)| (key.clone(), value.clone())).collect();
        let data = session.data();
        let found = data.iter().map(|(key, value)| (key.to_string(), value.deserialize::<Json>().unwrap()));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), keys, "{label}");

        let cookie = &meant["cookie"];
        assert_eq!(session.original_max_age(), cookie["originalMaxAge"].as_i64(), "{label}");
        assert_eq!(session.expires().is_some(), cookie["expires"].is_string(), "{label}");
        let attributes = session.attributes().map(|value| value.deserialize::<Json>().unwrap());
        let mut expected = cookie.clone();
        expected
            .as_object_mut()
            .unwrap()
            .retain(|key, value| !["originalMaxAge", "expires"].contains(&&**key) && !value.is_null());
        let is_default = expected == serde_json::json!({ "httpOnly": true, "path": "/" });
        assert_eq!(attributes, Some(expected).filter(|_| !is_default), "{label}");
    }
}

#[test]
fn the_same_session_gets_the_same_text() {
    for (label, text) in written() {
        let express = SessionText::parse(&text).unwrap();
        assert_eq!(express.to_string(), text, "{label}");
        // With this one, Express answers without its cookie.
        if label == "domain bad" {
            assert!(SessionText::new(express.attributes().as_ref(), None, Timestamp::from_millis(0)).is_err());
            continue;
        }
        let idle_end = express.expires().unwrap_or(Timestamp::from_millis(0));
        let mut ours = SessionText::new(express.attributes().as_ref(), express.original_max_age(), idle_end).unwrap();
        // A patch names its keys in their order, and Express in that in which they came.
        let meant = serde_json::from_str::<indexed::Keys>(&text).unwrap();
        for key in meant.0.iter().filter(|key| *key != "cookie") {
            let mut patch = Patch::default();
            patch.set(key.as_str(), express.data().get(key).unwrap().clone());
            ours.apply(&patch).unwrap();
        }
        assert_eq!(ours.to_string(), text, "{label}");
    }
}

#[test]
fn what_express_loads_is_loaded_and_what_it_fails_on_is_not() {
    let all: Json = serde_json::from_str(include_str!("vectors/06-foreign-string-documents.json")).unwrap();
    let texts = all["cases"].as_array().unwrap().iter().filter(|case| case["document_before"]["session"].is_string());
    let texts: Vec<_> = texts.collect();
    assert_eq!(texts.len(), 2);
    for case in texts {
        let session = SessionText::parse(case["document_before"]["session"].as_str().unwrap());
        assert_eq!(session.is_ok(), case["body"]["loaded"] == true, "{}", case["about"]);
        if let Ok(session) = session {
            assert_eq!(session.data().get("x").unwrap().as_i64(), case["body"]["x"].as_i64());
            assert_eq!(session.original_max_age(), case["body"]["originalMaxAge"].as_i64());
        }
    }
}

/// Canonical extended JSON as `JSON.stringify` would write what it stands for.
fn stringified(extended: &Json) -> Json {
    let Some(object) = extended.as_object() else { return extended.clone() };
    for (word, text) in object {
        match word.as_str() {
            "$numberInt" | "$numberLong" | "$numberDouble" => {
                return serde_json::from_str(text.as_str().unwrap()).unwrap();
            }
            "$date" => return "2026-11-23T00:43:14.883Z".into(),
            "$numberDecimal" | "$binary" => return text.clone(),
            _ => {}
        }
    }
    object.iter().map(|(key, value)| (key.clone(), stringified(value))).collect()
}

/// As texts, the objects of the same file: Express treats the two alike from there on. What it makes of the objects stands in
/// its answers with `stringify: false`.
#[test]
fn foreign_objects_are_judged_alike_as_texts() {
    let all: Json = serde_json::from_str(include_str!("vectors/06-foreign-string-documents.json")).unwrap();
    let mut judged = 0;
    for case in all["cases"].as_array().unwrap() {
        let about = case["about"].as_str().unwrap();
        let session = &case["document_before"]["session"];
        if session.is_string() {
            continue;
        }
        let read = SessionText::parse(&stringified(session).to_string());
        let fails = ["cookie missing", "cookie null", "originalMaxAge as string", "session null", "session missing"];
        let is_broken = fails.contains(&about) || about.starts_with("tombstone");
        assert_eq!(read.is_err(), is_broken, "{about}");
        if let Ok(read) = read {
            assert!(read.data().get("x").is_some(), "{about}");
            judged += 1;
        }
    }
    assert!(judged > 20, "{judged}");
}

/// The keys of an object in their order.
mod indexed {
    use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

    pub(super) struct Keys(pub(super) Vec<String>);

    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
            struct Names;
            impl<'de> Visitor<'de> for Names {
                type Value = Keys;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                    let mut names = Vec::new();
                    while let Some((name, IgnoredAny)) = map.next_entry()? {
                        names.push(name);
                    }
                    Ok(Keys(names))
                }
            }
            deserializer.deserialize_map(Names)
        }
    }
}
