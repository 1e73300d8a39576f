use std::error::Error as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::record::Record;

fn parse(text: &str) -> SessionText {
    SessionText::parse(text).unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn json(text: &str) -> Value {
    Value::from_json(text).unwrap()
}

const PLAIN: &str = r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"n":1,"word":"w"}"#;

#[test]
fn broken_texts_are_told_from_good_ones_and_never_quoted() {
    use TextErrorKind::*;
    for (text, kind) in [
        ("", NotJson),
        ("{hunter2", NotJson),
        (r#"{"cookie":{}} hunter2"#, NotJson),
        ("\u{feff}{\"cookie\":{}}", NotJson),
        ("null", NotAnObject),
        (r#"["hunter2"]"#, NotAnObject),
        (r#""{\"cookie\":{}}""#, NotAnObject),
        (r#"{"hunter2":1}"#, NoCookie),
        (r#"{"cookie":null}"#, NoCookie),
        (r#"{"cookie":"hunter2"}"#, NoCookie),
        (r#"{"cookie":{},"cookie":1}"#, NoCookie),
        (r#"{"cookie":{"originalMaxAge":"hunter2"}}"#, MaxAge),
        (r#"{"cookie":{"originalMaxAge":[1]}}"#, MaxAge),
        (r#"{"cookie":{"originalMaxAge":true}}"#, MaxAge),
        (r#"{"cookie":{"originalMaxAge":1e999}}"#, MaxAge),
    ] {
        let error = SessionText::parse(text).unwrap_err();
        assert_eq!(error.kind(), kind, "{text}");
        assert_eq!(error.source().is_some(), kind == NotJson);
        assert!(!format!("{error} {error:?} {:?}", error.source().map(ToString::to_string)).contains("hunter2"));
    }
    assert!(!format!("{:?}", parse(r#"{"cookie":{},"secret":"hunter2"}"#)).contains("hunter2"));
}

#[test]
fn a_cookie_may_be_as_small_or_large_as_express_takes_it() {
    for (cookie, age) in [
        ("{}", None),
        (r#"{"path":"/"}"#, None),
        (r#"{"originalMaxAge":3.6e6}"#, Some(3_600_000)),
        (r#"{"originalMaxAge":1500.9}"#, Some(1_500)),
        (r#"{"originalMaxAge":-1}"#, Some(-1)),
        (r#"{"originalMaxAge":1e300}"#, Some(i64::MAX)),
        (r#"{"originalMaxAge":"x","\u006friginalMaxAge":5}"#, Some(5)),
    ] {
        assert_eq!(parse(&format!(r#"{{"cookie":{cookie}}}"#)).original_max_age(), age, "{cookie}");
    }
}

#[test]
fn what_javascript_alone_can_read_stays_readable_and_untouched() {
    let deep = "[".repeat(5_000) + &"]".repeat(5_000);
    let text = format!(
        r#"{{"huge":1e999,"n":1,"wide":18446744073709551616,"half":"\ud83d","\ude00":2,"deep":{deep},"cookie":{{}}}}"#
    );
    let mut session = parse(&text);
    let data = session.data();
    assert_eq!(data.len(), 5);
    assert_eq!(data.get("huge"), Some(&json("null")));
    assert_eq!(data.get("deep"), Some(&json("null")));
    assert_eq!(data.get("wide").unwrap().deserialize::<f64>().unwrap(), 18_446_744_073_709_551_616.0);
    assert_eq!(data.get("half").unwrap().deserialize::<String>().unwrap(), "\u{fffd}");
    let mut patch = Patch::default();
    patch.add("n", 1).unwrap();
    session.apply(&patch).unwrap();
    assert_eq!(session.to_string(), text.replace("\"n\":1,", "\"n\":2,"));
}

#[test]
fn a_patch_changes_its_keys_and_nothing_else() {
    let mut session = parse(r#"{"z": 1.50E+1,"cookie":{"expires":null, "x":1},"n":41,"\u0061":[ 1 ],"a":2,"go":0}"#);
    let mut patch = Patch::default();
    patch.set("new", json(r#"{ "k" : "\u0041" }"#));
    patch.set("a.b", json("1.0"));
    patch.unset("go");
    patch.add("n", 1).unwrap();
    patch.add("zero", -7).unwrap();
    let numbers = session.apply(&patch).unwrap();
    assert_eq!(numbers, [(Arc::from("n"), 42), (Arc::from("zero"), -7)]);
    let expected = r#"{"z": 1.50E+1,"cookie":{"expires":null, "x":1},"n":42,"\u0061":[ 1 ],"a":2,"a.b":1.0,"new":{"k":"A"},"zero":-7}"#;
    assert_eq!(session.to_string(), expected);
}

#[test]
fn clearing_keeps_the_cookie_alone() {
    let mut session = parse(r#"{"a":1,"cookie":{"path":"/x"},"\ud83d":1,"b":2}"#);
    let mut patch = Patch::default();
    patch.clear();
    patch.set("b", json("3"));
    session.apply(&patch).unwrap();
    assert_eq!(session.to_string(), r#"{"cookie":{"path":"/x"},"b":3}"#);
}

#[test]
fn all_or_nothing_is_applied() {
    for wrong in [r#""1""#, "null", "1.5", "2.0", "3e3", "-0", "9223372036854775807", "9223372036854775808", "[1]"] {
        let text = format!(r#"{{"cookie":{{}},"n":{wrong}}}"#);
        let mut session = parse(&text);
        let mut patch = Patch::default();
        patch.set("other", json("1"));
        patch.add("n", 1).unwrap();
        assert_eq!(session.apply(&patch), Err(PatchError::WrongType), "{wrong}");
        assert_eq!(session.to_string(), text);
    }
}

#[test]
fn the_cookie_is_no_key() {
    let mut patch = Patch::default();
    patch.set("cookie", json("{}"));
    let mut unset = Patch::default();
    unset.unset("cookie");
    let mut add = Patch::default();
    add.add("cookie", 1).unwrap();
    for patch in [patch, unset, add] {
        let mut session = parse(PLAIN);
        assert_eq!(session.apply(&patch), Err(PatchError::Reserved));
        assert_eq!(session.to_string(), PLAIN);
    }
    assert_eq!(parse(PLAIN).set_user(&["cookie", "domain"], &UserId::new("u").unwrap()), Err(PatchError::Reserved));
}

#[test]
fn a_new_session_is_as_express_writes_it() {
    let all = json(
        r#"{"sameSite":"strict","path":"/","domain":"example.com","httpOnly":true,"secure":true,"priority":"high","partitioned":true,"own":[1]}"#,
    );
    for (attributes, age, expected) in [
        (None, None, r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}}"#),
        (
            Some(&all),
            Some(60_000),
            r#"{"cookie":{"originalMaxAge":60000,"partitioned":true,"priority":"high","expires":"2030-01-02T03:05:05.678Z","secure":true,"httpOnly":true,"domain":"example.com","path":"/","sameSite":"strict","own":[1]}}"#,
        ),
        (
            Some(&json(r#"{"path":null}"#)),
            Some(0),
            r#"{"cookie":{"originalMaxAge":0,"expires":"2030-01-02T03:05:05.678Z"}}"#,
        ),
    ] {
        assert_eq!(SessionText::new(attributes, age, at(1_893_553_505_678)).unwrap().to_string(), expected);
    }
    let never = SessionText::new(None, Some(1), at(i64::MAX)).unwrap();
    assert_eq!((never.original_max_age(), never.expires()), (Some(1), None));
}

#[test]
fn attributes_with_which_express_fails_are_refused() {
    let mut session = parse(PLAIN);
    for attributes in [
        "[]",
        "1",
        r#"{"domain":1}"#,
        r#"{"domain":"a b"}"#,
        r#"{"domain":"-a.example"}"#,
        r#"{"path":"/;"}"#,
        r#"{"path":false}"#,
        r#"{"sameSite":"bogus"}"#,
        r#"{"priority":true}"#,
        r#"{"maxAge":"x"}"#,
        r#"{"__proto__":{}}"#,
    ] {
        let error = session.set_attributes(Some(&json(attributes))).unwrap_err();
        assert_eq!(error.kind(), TextErrorKind::CookieAttribute, "{attributes}");
        assert_eq!(session.to_string(), PLAIN);
    }
    for attributes in [
        r#"{"domain":".Example.com","path":"/a b","sameSite":"Lax","priority":"HIGH"}"#,
        r#"{"secure":"auto","sameSite":true}"#,
        "{}",
    ] {
        session.set_attributes(Some(&json(attributes))).unwrap();
        let read = session.attributes().unwrap().deserialize::<serde_json::Value>().unwrap();
        assert_eq!(read, json(attributes).deserialize::<serde_json::Value>().unwrap());
    }
    session.set_attributes(None).unwrap();
    assert_eq!(session.to_string(), PLAIN);
}

#[test]
fn attributes_are_told_where_they_are_not_the_default() {
    for (cookie, attributes) in [
        (r#"{"originalMaxAge":1,"expires":null,"httpOnly":true,"path":"/"}"#, None),
        (r#"{"path":"/","domain":null,"httpOnly":true}"#, None),
        ("{}", Some("{}")),
        (r#"{"path":"/"}"#, Some(r#"{"path":"/"}"#)),
        (r#"{"httpOnly":true,"path":"/","x":1e999}"#, None),
        (r#"{"path":"/","x":[1e999]}"#, Some(r#"{"path":"/","x":[null]}"#)),
        (r#"{"sameSite":"lax","expires":1,"secure":false}"#, Some(r#"{"sameSite":"lax","secure":false}"#)),
    ] {
        let session = parse(&format!(r#"{{"cookie":{cookie}}}"#));
        assert_eq!(session.attributes(), attributes.map(json), "{cookie}");
    }
}

#[test]
fn new_times_leave_all_else() {
    let mut session = parse(r#"{"a":1,"cookie":{"path":"/x","originalMaxAge":6e4,"own":1.0,"expires":"?"},"b":2}"#);
    session.set_times(Some(60_000), at(0));
    assert_eq!(
        session.to_string(),
        r#"{"a":1,"cookie":{"originalMaxAge":6e4,"expires":"1970-01-01T00:00:00.000Z","path":"/x","own":1.0},"b":2}"#
    );
    assert_eq!(session.expires(), Some(at(0)));
    session.set_times(None, at(0));
    assert_eq!(
        session.to_string(),
        r#"{"a":1,"cookie":{"originalMaxAge":null,"expires":null,"path":"/x","own":1.0},"b":2}"#
    );
}

#[test]
fn a_lifetime_beyond_javascripts_dates_is_cut() {
    let session = SessionText::new(None, Some(i64::MAX), at(0)).unwrap();
    assert_eq!(session.original_max_age(), Some(cookie::LONGEST));
}

#[test]
fn the_user_stands_where_the_application_has_it() {
    let user = |text: &str| UserId::new(text).ok();
    let session =
        parse(r#"{"cookie":{},"passport":{"user":"ada"},"id":7,"no":1.5,"deep":{"er":{"u":"\u00e9"}},"e":""}"#);
    assert_eq!(session.user(&["passport", "user"]), user("ada"));
    assert_eq!(session.user(&["id"]), user("7"));
    assert_eq!(session.user(&["deep", "er", "u"]), user("é"));
    for path in [&["no"] as &[_], &["e"], &["passport"], &["passport", "x"], &["id", "x"], &["x", "y"], &[]] {
        assert_eq!(session.user(path), None, "{path:?}");
    }
}

#[test]
fn a_user_is_written_where_it_does_not_stand_yet() {
    let ada = UserId::new("ada").unwrap();
    for (before, after) in [
        (r#""passport":{"user":"ada"}"#, r#""passport":{"user":"ada"}"#),
        (r#""passport":{"x": 1,"user":"bob"}"#, r#""passport":{"x": 1,"user":"ada"}"#),
        (r#""passport":{}"#, r#""passport":{"user":"ada"}"#),
        (r#""passport":[1]"#, r#""passport":{"user":"ada"}"#),
        (r#""n":1"#, r#""n":1,"passport":{"user":"ada"}"#),
    ] {
        let mut session = parse(&format!(r#"{{"cookie":{{}},{before}}}"#));
        session.set_user(&["passport", "user"], &ada).unwrap();
        assert_eq!(session.to_string(), format!(r#"{{"cookie":{{}},{after}}}"#));
        assert_eq!(session.user(&["passport", "user"]), Some(ada.clone()));
    }
    let mut number = parse(r#"{"cookie":{},"id":7}"#);
    number.set_user(&["id"], &UserId::new("7").unwrap()).unwrap();
    assert_eq!(number.to_string(), r#"{"cookie":{},"id":7}"#);
}

/// Keys of few letters, so that texts and patches have some in common.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec!["a", "b", "n", "é", "", "__proto__"]).prop_map(str::to_owned),
        "[ab\"\\\\.$\u{0}😀]{0,2}"
    ]
}

/// Values as others may spell them, some of which only JavaScript reads.
fn value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        (-3_i64..3).prop_map(|number| number.to_string()),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
        proptest::sample::select(vec![
            "null",
            "true",
            "1e999",
            "99999999999999999999",
            "-0",
            "2.0",
            r#""\ud83d""#,
            r#""\u00e9\/""#
        ])
        .prop_map(str::to_owned),
        ".{0,5}".prop_map(|text| json::quote(&text)),
    ];
    scalar.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(" ,"))),
            proptest::collection::vec((key(), inner), 0..3).prop_map(|pairs| object(&pairs)),
        ]
    })
}

fn object(pairs: &[(String, String)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{} : {value}", json::quote(key))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn patch() -> impl Strategy<Value = Patch> {
    let change = prop_oneof![
        value().prop_map(|text| Some(Change::Set(json::read(&text)))),
        Just(Some(Change::Unset)),
        any::<i64>().prop_map(|by| Some(Change::Add(by))),
        (-3_i64..3).prop_map(|by| Some(Change::Add(by))),
        Just(None),
    ];
    proptest::collection::vec((key(), change), 0..6).prop_map(|changes| {
        let mut patch = Patch::default();
        for (key, change) in changes {
            match change {
                Some(Change::Set(value)) => patch.set(key, value),
                Some(Change::Unset) => patch.unset(key),
                Some(Change::Add(by)) => drop(patch.add(key, by)),
                None if patch.changes().len() == 0 => patch.clear(),
                None => {}
            }
        }
        patch
    })
}

/// Data that means the same: what a patch sets is spelt anew.
fn meaning(data: &Data) -> Vec<(String, String)> {
    data.iter().map(|(key, value)| (key.to_string(), json::write(value))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn an_applied_patch_is_what_apply_to_makes_of_the_record(
        mut pairs in proptest::collection::vec((key(), value()), 0..6),
        at_cookie in any::<prop::sample::Index>(),
        patch in patch(),
    ) {
        let place = at_cookie.index(pairs.len() + 1);
        pairs.insert(place, ("cookie".to_owned(), r#"{ "originalMaxAge" : 1e3, "own":[ ] }"#.to_owned()));
        let text = object(&pairs);
        let mut session = parse(&text);
        prop_assert_eq!(session.to_string(), &*text);

        let mut record = Record::new(at(0), at(1), at(1));
        record.data = Arc::new(session.data());
        let expected = patch.apply_to(&mut record, at(0));
        match session.apply(&patch) {
            Ok(numbers) => {
                prop_assert_eq!(Ok(numbers), expected);
                prop_assert_eq!(meaning(&session.data()), meaning(&record.data));
                prop_assert_eq!(meaning(&parse(&session.to_string()).data()), meaning(&record.data));
            }
            Err(error) => {
                prop_assert_eq!((error, expected.is_err()), (PatchError::WrongType, true));
                prop_assert_eq!(session.to_string(), &*text);
            }
        }
        // What the patch does not name stands there as it did, in its order.
        let is_untouched = |key: &str| key == "cookie" || !patch.clears() && patch.change(key).is_none();
        let untouched: Vec<_> = pairs.into_iter().filter(|(key, _)| is_untouched(key)).collect();
        let found: Vec<_> = session.keys.iter().filter(|(key, _)| is_untouched(key)).collect();
        let found: Vec<_> = found.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        prop_assert_eq!(&found, &untouched);
    }

    #[test]
    fn any_text_is_a_session_or_an_error(text in "[{}\\[\\]\":,cookie \\\\u1e-]{0,40}|\\{\"cookie\":\\{[ -~]{0,20}") {
        if let Ok(session) = SessionText::parse(&text) {
            let again = parse(&session.to_string());
            prop_assert_eq!(again.data(), session.data());
            prop_assert_eq!(again.to_string(), session.to_string());
        }
    }
}
