//! What stands in the database is what Express writes, whoever has written it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mongodb::bson::{Bson, DateTime, Decimal128, Regex, doc, oid::ObjectId};

use crate::browser::Browser;
use crate::database::Database;
use crate::layout::at;
use crate::pair::{Pair, Setup};

/// A session that Rust begins has the fields and types of one that Express begins.
pub(crate) fn of_rust_look_like_those_of_express(pair: &Pair) {
    let layout = pair.layout;
    pair.database.clear();
    Browser::default().tell(&pair.express, "/set/k/v");
    let theirs = pair.database.document();
    pair.database.clear();
    let mut visitor = Browser::default();
    visitor.tell(&pair.rust, "/set/k/v");
    let ours = pair.database.document();

    let names = |document: &mongodb::bson::Document| -> Vec<String> {
        let own = |name: &&String| !matches!(name.as_str(), "cloakroom" | "_id");
        let mut names: Vec<String> = document.keys().filter(own).cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(&ours), names(&theirs), "the fields of a document");
    assert_eq!(ours.get(layout.id).unwrap().element_type(), theirs.get(layout.id).unwrap().element_type());
    assert_eq!(ours.get(layout.expires).unwrap().element_type(), theirs.get(layout.expires).unwrap().element_type());
    assert_eq!(layout.shape(&ours), layout.shape(&theirs), "the cookie in it");
    assert!(layout.is_text || layout.cookie(&ours).len() == 9, "all nine attributes");

    // And Express writes into it as into its own.
    visitor.tell(&pair.express, "/set/k/w");
    let after = pair.database.document();
    assert_eq!(layout.shape(&after), layout.shape(&theirs));
    assert_eq!(visitor.dump(&pair.rust)["k"], "w");
}

/// What Rust does not touch stays to the byte: the cookie, types that JSON does not have, fields that nobody knows.
pub(crate) fn of_express_keep_what_rust_does_not_touch(pair: &Pair) {
    let layout = pair.layout;
    pair.database.clear();
    let mut visitor = Browser::default();
    visitor.tell(&pair.express, "/set/mine/theirs");
    if let Database::Mongodb(mongodb) = &pair.database {
        mongodb.change(doc! { "$set": { "note": ObjectId::new(), "count": 7_i64 } });
    }
    if layout.is_text {
        let text = layout.text(&pair.database.document()).to_owned();
        let odd = text.replace(r#""mine":"theirs""#, r#""odd":{"b":1.0,"a":[1e2, null]},"mine":"theirs""#);
        assert_ne!(odd, text);
        pair.database.set_text(&odd);
    } else if let Database::Mongodb(mongodb) = &pair.database {
        let regex = Regex { pattern: "^a".into(), options: "i".into() };
        let odd = doc! {
            "date": DateTime::from_millis(1_700_000_000_123), "id": ObjectId::new(), "long": 5_i64, "double": 5.0,
            "decimal": "0.10".parse::<Decimal128>().unwrap(), "regex": regex, "null": Bson::Null,
        };
        mongodb.change(doc! { "$set": { "session.odd": odd } });
    }
    let before = pair.database.document();
    assert_eq!(visitor.tell(&pair.rust, "/incr"), "1");
    visitor.tell(&pair.rust, "/set/ours/new");
    visitor.tell(&pair.rust, "/unset/mine");
    let after = pair.database.document();

    for field in ["note", "count", layout.id, "session.odd"] {
        assert_eq!(at(&after, field), at(&before, field), "{field}");
    }
    if layout.is_text {
        let text = layout.text(&after);
        assert!(text.contains(r#""odd":{"b":1.0,"a":[1e2, null]}"#), "{text}");
        assert!(text.starts_with(r#"{"cookie":{"originalMaxAge":"#), "{text}");
    }
    assert_eq!(layout.shape(&after), layout.shape(&before));
    assert_eq!(visitor.dump(&pair.express)["ours"], "new");
    assert_eq!(visitor.dump(&pair.express)["n"], 1);
}

/// Where Express says how long a session lasts, Rust keeps to it: the end moves by as much, and `originalMaxAge` stays.
pub(crate) fn keep_the_lifetime_that_express_gave(pair: &Pair) {
    const HOUR: i64 = 3_600_000;
    let layout = pair.layout;
    let hourly = pair.another_express(&[("MAX_AGE", &HOUR.to_string()), ("ROLLING", "1")]);
    pair.database.clear();
    let mut visitor = Browser::default();
    visitor.tell(&hourly, "/set/k/v");
    let before = pair.database.document();
    visitor.tell(&pair.rust, "/set/k/w");
    let after = pair.database.document();
    let later = layout.end(&after) - layout.end(&before);
    assert!((0..60_000).contains(&later), "the end has moved by {later} ms");
    let age = |document| layout.cookie(document).into_iter().find(|(name, _)| name == "originalMaxAge");
    assert_eq!(age(&after), age(&before));
    assert_eq!(layout.shape(&after), layout.shape(&before));
    // Express takes it over as its own, and rolls it on.
    let answer = visitor.get(&hourly, "/read");
    assert!(answer.header("set-cookie").is_some_and(|line| line.contains("; Expires=")), "{answer:?}");
    assert_eq!(layout.shape(&pair.database.document()), layout.shape(&before));
}

/// The database removes a session when its cookie ends, and up to a second later, to which Express rounds up; one whose cookie
/// ends with the browser after the days that the store of Express has for that. On either side.
pub(crate) fn end_in_the_database_when_their_cookie_ends(pair: &Pair) {
    const DAY: i64 = 24 * 3_600_000;
    let layout = pair.layout;
    // The tests' machine may be busy between the two.
    let soon = 0..10_000;
    let hourly = Setup { rust: &[("MAX_AGE", "3600")], ..Setup::default() };
    for server in [pair.another_express(&[("MAX_AGE", "3600000")]), pair.another_rust(hourly)] {
        pair.database.clear();
        Browser::default().tell(&server, "/set/k/v");
        let document = pair.database.document();
        let cookie = layout.cookie(&document);
        let (_, told) = cookie.iter().find(|(name, _)| name == "expires").unwrap();
        let told = DateTime::parse_rfc3339_str(told.trim_matches('"')).unwrap().timestamp_millis();
        let late = layout.end(&document) - told;
        assert!(soon.contains(&late), "the end is {late} ms after the cookie's");
    }
    let seconds = (layout.days * DAY / 1_000).to_string();
    let daily = Setup { rust: &[("IDLE", &seconds), ("ABSOLUTE", &seconds)], ..Setup::default() };
    for server in [pair.another_express(&[]), pair.another_rust(daily)] {
        pair.database.clear();
        let begin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        Browser::default().tell(&server, "/set/k/v");
        let late = layout.end(&pair.database.document()) - begin - layout.days * DAY;
        assert!(soon.contains(&late), "the end is {late} ms after {} days", layout.days);
    }
}

/// A session that is only read lives on, whichever side reads it, and what the other has noted of it stays.
pub(crate) fn are_touched_by_either_side(pair: &Pair) {
    let layout = pair.layout;
    let express = pair.another_express(&[("MAX_AGE", "20000"), ("ROLLING", "1")]);
    let rust = pair.another_rust(Setup { rust: &[("MAX_AGE", "20"), ("ROLLING", "1")], ..Setup::default() });
    pair.database.clear();
    let mut visitor = Browser::default();
    visitor.tell(&rust, "/set/by/rust");
    visitor.tell(&express, "/set/also/express");
    let mut before = pair.database.document();
    for server in [&express, &rust, &express] {
        // Rust touches where a tenth of the time is over, and takes Express' end, rounded up, for a second later.
        std::thread::sleep(Duration::from_millis(3_200));
        let answer = visitor.get(server, "/read");
        assert!(answer.header("set-cookie").is_some(), "rolling: {answer:?}");
        let after = pair.database.document();
        let later = layout.end(&after) - layout.end(&before);
        assert!((2_000..20_000).contains(&later), "the end has moved by {later} ms");
        before = after;
    }
    for server in [&express, &rust] {
        let seen = visitor.dump(server);
        assert_eq!((&seen["by"], &seen["also"]), (&"rust".into(), &"express".into()));
    }
    assert_eq!(pair.errors(), Vec::<String>::new());
}

/// Whoever has written it: the document names neither the keys nor the values, and its end stays readable.
pub(crate) fn show_nothing_where_they_are_encrypted(pair: &Pair) {
    for (writer, reader) in [(&pair.express, &pair.rust), (&pair.rust, &pair.express)] {
        pair.database.clear();
        let mut visitor = Browser::default();
        visitor.tell(writer, "/set/hidden-key/hidden-value");
        let document = pair.database.document();
        assert!(!document.to_string().contains("hidden"), "{document}");
        assert!(document.get_str("session").is_ok(), "{document}");
        assert!(document.get_datetime(pair.layout.expires).is_ok(), "{document}");
        assert_eq!(visitor.dump(reader)["hidden-key"], "hidden-value");
    }
}
