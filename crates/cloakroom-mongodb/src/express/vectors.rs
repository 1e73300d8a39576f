//! What the real packages have written reads as it is meant, and what is written here is what they would have.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloakroom::Timestamp;
use cloakroom::record::{Lifetime, Record, StoreKey, Value};
use mongodb::bson::{Bson, RawDocument, RawDocumentBuf};
use serde_json::Value as Json;

use super::ExpressLayout;
use super::document::{self, Reading, handle_of, read};

const WRITTEN: &str = include_str!("../../tests/vectors/04-object-documents.json");
const FOREIGN: &str = include_str!("../../tests/vectors/06-foreign-object-documents.json");

/// 2030-01-02T03:04:05.678Z, when the documents were written.
const NOW: Timestamp = Timestamp::from_millis(1_893_553_445_678);
/// When the foreign documents were looked at: their ends are an hour ahead, or just past.
const LATER: Timestamp = Timestamp::from_millis(1_795_391_012_000);

struct Case {
    label: String,
    layout: ExpressLayout,
    document: RawDocumentBuf,
}

fn written() -> Vec<Case> {
    let vectors: Json = serde_json::from_str(WRITTEN).unwrap();
    let cases = vectors["cases"].as_array().unwrap().iter().map(|case| {
        let label = case["label"].as_str().unwrap().to_owned();
        let bytes = STANDARD.decode(case["bson_base64"].as_str().unwrap()).unwrap();
        let layout = layout_of(case["store"].as_str().unwrap());
        let layout = match &*label {
            "cms_options" => layout.id_field("sid").expires_key("_ts").ttl(Duration::from_secs(5)),
            _ => layout,
        };
        Case { label, layout, document: RawDocumentBuf::from_bytes(bytes).unwrap() }
    });
    cases.collect()
}

fn layout_of(store: &str) -> ExpressLayout {
    match store.split_once('@').unwrap().0 {
        "connect-mongo" => ExpressLayout::connect_mongo_object(),
        other => ExpressLayout::by_name(other).unwrap(),
    }
}

fn record_of(document: &RawDocument, layout: &ExpressLayout) -> Record {
    match read(document, layout, NOW).unwrap() {
        Reading::Live(found) => found.record,
        other => panic!("{other:?}"),
    }
}

const RICH: &[(&str, &str)] = &[
    ("int", "1"),
    ("neg", "-5"),
    ("int32max", "2147483647"),
    ("int32over", "2147483648"),
    ("big53", "9007199254740991"),
    ("float", "1.5"),
    ("float_int", "2"),
    ("negzero", "-0.0"),
    ("str", "\"héllo😀\""),
    ("t", "true"),
    ("nul", "null"),
    ("undef", "null"),
    ("date", r#""2023-11-14T22:13:20.123Z""#),
    ("arr", r#"[1,"a",null,null,{"k":1}]"#),
    ("nested", r#"{"a":{"b":{"c":1}},"undef":null}"#),
    ("empty", "{}"),
    ("emptyarr", "[]"),
    ("dotted.key", "1"),
    ("$dollar", "2"),
    ("", r#""emptykey""#),
];

/// The keys and values of a session, by the end of its label.
fn expected(label: &str) -> &'static [(&'static str, &'static str)] {
    let simple = &[("views", "1"), ("user", r#"{"id":"u1","roles":["admin","x"],"n":null}"#)];
    match label.split_once('_').unwrap().1.trim_start_matches("object_") {
        "none" | "d30" | "samesite_true" | "options" => simple,
        "rich" => RICH,
        "x_map" => &[("v", r#"{"a":1}"#)],
        "x_classinst" => &[("v", r#"{"x":1}"#)],
        "x_longval" => &[("v", "9007199254740993")],
        "x_fn" => &[],
        // JSON has no word for these.
        "x_inf" | "x_buffer" | "x_uint8" => &[("v", "null")],
        other => panic!("{other}"),
    }
}

#[test]
fn every_document_of_the_packages_reads_as_it_is_meant() {
    let cases = written();
    assert_eq!(cases.len(), 24);
    for Case { label, layout, document } in cases {
        let record = record_of(&document, &layout);
        let data: Vec<_> = record.data.iter().map(|(key, value)| (&**key, value.as_json())).collect();
        let mut wanted = expected(&label).to_vec();
        wanted.sort_unstable();
        assert_eq!(data, wanted, "{label}");

        let life = match &*label {
            _ if label.ends_with("d30") => Some(Duration::from_secs(30 * 24 * 3_600)),
            _ if label.ends_with("rich") => Some(Duration::from_secs(3_600)),
            _ => None,
        };
        assert_eq!(record.lifetime, Lifetime { idle: life, persistent: life.map(|_| true) }, "{label}");
        assert_eq!(record.idle_end, NOW + life.unwrap_or(layout.ttl), "{label}");
        assert_eq!((record.created, record.seen), (NOW, NOW), "{label}");
        assert_eq!((record.absolute_end.as_millis(), record.user), (i64::MAX, None), "{label}");
        let cookie = record.metadata.get("cookie").map(Value::as_json);
        let odd = label.ends_with("samesite_true").then_some(r#"{"httpOnly":true,"path":"/","sameSite":true}"#);
        assert_eq!((cookie, record.metadata.len()), (odd, usize::from(odd.is_some())), "{label}");
    }
}

/// Keys come in their order, the cookie first; all else is the same to the byte.
#[test]
fn a_record_is_written_as_the_packages_write_it() {
    let mut compared = 0;
    for Case { label, layout, document } in written() {
        if ["x_inf", "x_buffer", "x_uint8"].iter().any(|foreign| label.ends_with(foreign)) {
            continue;
        }
        let mut record = record_of(&document, &layout);
        // A date is a text here.
        std::sync::Arc::make_mut(&mut record.data).remove("date");
        let key = StoreKey::generate().unwrap();
        let ours = document::new(&key, &record, &layout, NOW).unwrap();

        let session = document.get_document("session").unwrap();
        let mut theirs = RawDocumentBuf::new();
        theirs.append_ref("cookie", session.get("cookie").unwrap().unwrap());
        let mut fields: Vec<_> = session.iter().map(Result::unwrap).collect();
        fields.retain(|(name, _)| !["cookie", "date"].contains(name));
        fields.sort_unstable_by_key(|(name, _)| *name);
        fields.into_iter().for_each(|(name, value)| theirs.append_ref(name, value));
        assert_eq!(ours.get_document("session").unwrap().as_bytes(), theirs.as_bytes(), "{label}");
        assert_eq!(ours.get(&layout.expires_key).unwrap(), document.get(&layout.expires_key).unwrap(), "{label}");

        let names: Vec<_> = ours.iter().map(|field| field.unwrap().0.to_owned()).collect();
        let mut wanted: Vec<_> = document.iter().map(|field| field.unwrap().0.to_owned()).collect();
        wanted.push("cloakroom".to_owned());
        assert_eq!(names, wanted, "{label}");
        assert_eq!(record_of(&ours, &layout), record, "{label}");
        compared += 1;
    }
    assert_eq!(compared, 18);
}

#[test]
fn what_express_loads_is_loaded_and_nothing_else() {
    let vectors: Json = serde_json::from_str(FOREIGN).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 68);
    for case in cases {
        let (about, layout) = (&case["about"], layout_of(case["store"].as_str().unwrap()));
        let document = Bson::try_from(case["document_before"].clone()).unwrap();
        let document = RawDocumentBuf::try_from(document.as_document().unwrap()).unwrap();
        let reading = read(&document, &layout, LATER).unwrap();
        let loads = case["loaded"].as_bool().unwrap();
        assert_eq!(matches!(reading, Reading::Live(_)), loads, "{about}: {reading:?}");
        let fails = case["status"] != 200;
        assert!(!fails || matches!(reading, Reading::Broken), "{about}: {reading:?}");
        if let Reading::Live(found) = reading {
            assert_eq!(found.handle, handle_of("abc"));
            assert!(found.record.seen <= LATER, "{about}");
        }
    }
}
