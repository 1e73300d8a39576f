//! Which documents a write may touch, in the server's words: what reading a document says, and the guard.
//!
//! As expressions, not as the operators of a query: these look into arrays, and one type of number passes for another.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::record::{StoreKey, UserId};
use cloakroom::store::{Guard, Token};
use mongodb::bson::{Bson, Document, RawDocument, bson, doc};

use super::document::{DEAD, SESSION, with_key};
use super::expression::{all, either, field, is_number, is_type, literal};
use super::extras::{ABSOLUTE_END, EXTRAS, USER, VERSION, path};
use super::layout::ExpressLayout;
use super::session::{COOKIE, MaxAge, max_age};
use super::text::user_pattern;
use crate::layout::date;

/// Matches the live session of a key if the guard allows the write, and each sum is one.
pub(crate) fn writable(
    key: &StoreKey,
    adds: &[(Arc<str>, i64)],
    guard: &Guard,
    layout: &ExpressLayout,
    now: Timestamp,
) -> Document {
    let mut tests = Vec::new();
    if let Guard::Unchanged(token) = guard {
        tests.push(is_state(token));
    }
    tests.extend(adds.iter().map(|(key, by)| sum_exists(key, *by)));
    let mut filter = with_key(key, layout);
    // The tests read fields of a session that is one: on anything else they might fail.
    filter.insert("$expr", either(all(vec![lives(layout, now), sound(layout)]), all(tests), false));
    filter
}

/// Matches the live session of a key if it has the text that was read, or, where the write leaves the text, any.
pub(crate) fn writable_text(
    key: &StoreKey,
    before: Option<(&str, Option<Bson>)>,
    layout: &ExpressLayout,
    now: Timestamp,
) -> Document {
    let mut tests = vec![lives(layout, now), sound(layout)];
    if let Some((text, version)) = before {
        let field = format!("${}", path(VERSION));
        tests.push(is_text(text));
        tests.push(version.map_or(is_type(&*field, "missing"), |version| bson!({ "$eq": [&field, literal(version)] })));
    }
    let mut filter = with_key(key, layout);
    filter.insert("$expr", all(tests));
    filter
}

/// Adds to a filter that the session has this very text.
pub(crate) fn with_text(mut filter: Document, text: &str, layout: &ExpressLayout, now: Timestamp) -> Document {
    filter.insert("$expr", all(vec![lives(layout, now), is_text(text)]));
    filter
}

fn is_text(text: &str) -> Bson {
    bson!({ "$eq": [format!("${SESSION}"), literal(text)] })
}

/// Adds to a filter that the session lives.
pub(crate) fn live(mut filter: Document, layout: &ExpressLayout, now: Timestamp) -> Document {
    filter.insert("$expr", all(vec![lives(layout, now), sound(layout)]));
    filter
}

/// Matches the live sessions of a user; where a text tells who it is, also others.
pub(crate) fn of_user(user: &UserId, layout: &ExpressLayout, now: Timestamp) -> Document {
    if layout.is_text() && layout.user_at.is_some() {
        // What stands in a text the server can only guess, and in an encrypted one nobody.
        let filter = match layout.crypto {
            None => doc! { SESSION: { "$regex": user_pattern(user.as_str()) } },
            Some(_) => Document::new(),
        };
        return live(filter, layout, now);
    }
    let (field, names) = match user_field(layout) {
        Some(field) => (field, spellings(user)),
        None => (path(USER), vec![user.as_str().into()]),
    };
    // The query goes by the index, but lets an array pass for what is in it.
    let is_user = bson!({ "$in": [format!("${field}"), literal(names.clone())] });
    doc! { field: { "$in": names }, "$expr": all(vec![lives(layout, now), sound(layout), is_user]) }
}

/// The field of the user, where it is in the session, and that is an object.
pub(crate) fn user_field(layout: &ExpressLayout) -> Option<String> {
    let path = layout.user_at.as_ref().filter(|_| !layout.is_text());
    path.map(|path| format!("{SESSION}.{}", path.join(".")))
}

/// A user as a text, and as the integer that has these digits.
pub(crate) fn spellings(user: &UserId) -> Vec<Bson> {
    let number = user.as_str().parse().ok().filter(|number: &i64| number.to_string() == user.as_str());
    [Some(user.as_str().into()), number.map(Bson::Int64)].into_iter().flatten().collect()
}

/// That it is no tombstone, and both ends are ahead.
fn lives(layout: &ExpressLayout, now: Timestamp) -> Bson {
    let ahead = |time: &str| all(vec![is_type(time, "date"), bson!({ "$gt": [time, date(now)] })]);
    let (idle_end, absolute_end) = (format!("${}", layout.expires_key), format!("${}", path(ABSOLUTE_END)));
    let never: &[&str] = if layout.null_is_never() { &["missing", "null"] } else { &["missing"] };
    let no_extras = bson!({ "$ne": [{ "$type": format!("${EXTRAS}") }, "object"] });
    all(vec![
        bson!({ "$ne": [format!("${DEAD}"), true] }),
        bson!({ "$or": [ahead(&idle_end), { "$in": [{ "$type": idle_end }, never] }] }),
        bson!({ "$or": [ahead(&absolute_end), is_type(&*absolute_end, "missing"), no_extras] }),
    ])
}

/// That Express can load it, as far as the server can tell.
fn sound(layout: &ExpressLayout) -> Bson {
    if layout.is_text() {
        return is_type(format!("${SESSION}"), "string");
    }
    let bounded = all(vec![
        is_number(max_age()),
        bson!({ "$gte": [max_age(), -MaxAge::READ] }),
        bson!({ "$lte": [max_age(), MaxAge::READ] }),
    ]);
    all(vec![
        is_type(format!("${SESSION}"), "object"),
        is_type(format!("${SESSION}.{COOKIE}"), "object"),
        bson!({ "$or": [{ "$in": [{ "$type": max_age() }, ["missing", "null", "undefined"]] }, bounded] }),
    ])
}

/// That it is in the state of a token.
fn is_state(token: &Token) -> Bson {
    // A token of another store's is a state that this one never has.
    let state = token.as_body().and_then(|body| RawDocument::from_bytes(body).ok());
    let Some(state) = state.and_then(|state| Document::try_from(state).ok()) else { return literal(false) };
    let others = bson!({ "$unsetField": { "field": literal(COOKIE), "input": format!("${SESSION}") } });
    // What is missing in the document is so here too.
    let version = either(is_type(format!("${EXTRAS}"), "object"), format!("${EXTRAS}.{VERSION}"), "$$REMOVE");
    let found = doc! { VERSION: version, "m": max_age(), "s": others };
    bson!({ "$eq": [found, literal(state)] })
}

/// That a key is missing, or holds an integer to which `by` can be added.
fn sum_exists(key: &str, by: i64) -> Bson {
    let fits =
        if by > 0 { bson!({ "$lte": ["$$n", i64::MAX - by] }) } else { bson!({ "$gte": ["$$n", i64::MIN - by] }) };
    let (least, most) = (f64::from(i32::MIN), f64::from(i32::MAX));
    let large = bson!({ "$or": [{ "$lt": ["$$n", least] }, { "$gt": ["$$n", most] }] });
    let exact = 9_007_199_254_740_992.0;
    let range = all(vec![bson!({ "$gt": ["$$n", -exact] }), bson!({ "$lt": ["$$n", exact] })]);
    let whole = either(range, bson!({ "$eq": ["$$n", { "$trunc": "$$n" }] }), false);
    let tests = bson!({ "$switch": {
        "branches": [
            { "case": is_type("$$n", "missing"), "then": true },
            { "case": { "$in": [{ "$type": "$$n" }, ["int", "long"]] }, "then": fits.clone() },
            { "case": is_type("$$n", "double"), "then": all(vec![large, whole, fits]) },
        ],
        "default": false,
    } });
    bson!({ "$let": { "vars": { "n": field(key, &format!("${SESSION}")) }, "in": tests } })
}
