//! A patch as expressions: what each field of a document becomes, reckoned from the document before.
//!
//! So they can stand in an update, or in the projection of a deletion, which then tells what is to be inserted elsewhere.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::record::{Change, Expiry, Lifetime, Numbers, Patch, StoreKey, UserId, Value};
use cloakroom::store::{SUPERSEDED_FOR, StoreError, Written};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, bson, doc};

use super::document::{SESSION, token};
use super::expression::{all, either, field, is_number, is_type, literal, merged, number, object, without};

use super::extras::{self, EXTRAS};
use super::filter::spellings;
use super::layout::{CREATED_AT, ExpressLayout, LAST_MODIFIED, NEVER, UPDATED_AT};
use super::session::{self, COOKIE, COOKIE_EXPIRES, MAX_AGE, says_all};
use super::text::Patched;
use super::times::Times;
use crate::error::{corrupt, no_bson};
use crate::escape::escape;
use crate::layout::{date, digest};
use crate::style::Style;
use crate::value::to_bson;

/// A patch in MongoDB's words.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    fields: Document,
    adds: Vec<(Arc<str>, i64)>,
    /// The sums, where they are known before the write.
    numbers: Option<Numbers>,
}

impl Update {
    pub(crate) fn new(patch: &Patch, layout: &ExpressLayout, now: Timestamp) -> Result<Update, StoreError> {
        let times = Times::new(patch, layout, now, None);
        let session = changed_session(patch, layout, &times)?;
        let adds = patch.changes().filter_map(|(key, change)| match change {
            Change::Add(by) if !patch.clears() => Some((key.clone(), *by)),
            _ => None,
        });
        let fields = changed_fields(session, patch, layout, &times, now)?;
        Ok(Update { fields, adds: adds.collect(), numbers: None })
    }

    /// The update that writes a text which was patched already.
    pub(crate) fn of_text(
        patched: Patched,
        patch: &Patch,
        layout: &ExpressLayout,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let times = Times::new(patch, layout, now, Some((patched.max_age_before, patched.max_age)));
        let session = patched.stored.map(literal);
        let fields = changed_fields(session, patch, layout, &times, now)?;
        Ok(Update { fields, adds: Vec::new(), numbers: Some(patched.numbers) })
    }

    /// Remembers the key that a rotation ends.
    pub(crate) fn supersede(&mut self, old: &StoreKey, now: Timestamp) {
        let before = self.fields.remove(EXTRAS).unwrap_or_else(|| object(&format!("${EXTRAS}")));
        let key = doc! {
            extras::PREVIOUS: literal(digest(old)),
            extras::PREVIOUS_UNTIL: date(now + SUPERSEDED_FOR),
        };
        self.fields.insert(EXTRAS, merged(vec![before, key.into()]));
    }

    /// What each field that changes becomes. Where that is missing, the field goes.
    pub(crate) fn fields(&self) -> &Document {
        &self.fields
    }

    /// The update as a pipeline.
    pub(crate) fn pipeline(&self) -> Vec<Document> {
        let mut fields = self.fields.clone();
        if fields.is_empty() {
            // It changes nothing, and a stage must name a field.
            fields.insert(SESSION, format!("${SESSION}"));
        }
        vec![doc! { "$set": fields }]
    }

    /// The keys that it adds to, and how much.
    pub(crate) fn adds(&self) -> &[(Arc<str>, i64)] {
        &self.adds
    }

    /// What is to be told of it, from the document after it.
    pub(crate) fn written(&self, after: &RawDocument, layout: &ExpressLayout) -> Result<Written, StoreError> {
        let token = token(after, layout)?;
        if let Some(numbers) = &self.numbers {
            return Ok(Written::new(token, numbers.clone()));
        }
        let found = |key: &str| integer(after, key)?.flatten().ok_or_else(|| corrupt(SESSION));
        let numbers =
            self.adds.iter().map(|(key, _)| Ok((key.clone(), found(key)?))).collect::<Result<Numbers, _>>()?;
        Ok(Written::new(token, numbers))
    }

    /// Whether each key that it adds to holds an integer that leaves room, in a document that was not updated.
    pub(crate) fn fits(&self, document: &RawDocument) -> Result<bool, StoreError> {
        for (key, by) in &self.adds {
            let before = integer(document, key)?.unwrap_or(Some(0));
            if before.and_then(|before| before.checked_add(*by)).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What each field becomes, the session among them.
fn changed_fields(
    session: Option<Bson>,
    patch: &Patch,
    layout: &ExpressLayout,
    times: &Times,
    now: Timestamp,
) -> Result<Document, StoreError> {
    let mut fields = Document::new();
    if let Some(session) = session {
        fields.insert(SESSION, session);
    }
    if times.touches {
        fields.insert(&layout.expires_key, times.end.clone());
    }
    if let Some(extras) = changed_extras(patch, layout, times)? {
        fields.insert(EXTRAS, extras);
    }
    others(&mut fields, patch, layout, now);
    Ok(fields)
}

/// Binds a new session to its user, at the place that the layout has for that.
pub(crate) fn put_user(session: &mut Document, path: &[String], user: &UserId) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut object = session;
    for parent in parents {
        let child = object.entry(parent.clone()).or_insert(Bson::Null);
        if !matches!(child, Bson::Document(_)) {
            *child = Document::new().into();
        }
        let Bson::Document(child) = child else { return };
        object = child;
    }
    let stands = object.get(last).is_some_and(|found| match found {
        Bson::Int32(number) => spellings(user).contains(&Bson::Int64((*number).into())),
        Bson::Double(number) => crate::style::whole(*number).is_some_and(|n| spellings(user).contains(&Bson::Int64(n))),
        found => spellings(user).contains(found),
    });
    if !stands {
        object.insert(last.clone(), user.as_str());
    }
}

/// The integer of a key; none if the key is missing, and none in that if it is something else.
fn integer(document: &RawDocument, key: &str) -> Result<Option<Option<i64>>, StoreError> {
    let session = document.get(SESSION).map_err(|_| corrupt(SESSION))?;
    let Some(RawBsonRef::Document(session)) = session else { return Err(corrupt(SESSION)) };
    Ok(session::field(session, key)?.map(|found| Style::JavaScript.integer(found)))
}

/// The session after the patch, if that changes it.
fn changed_session(patch: &Patch, layout: &ExpressLayout, times: &Times) -> Result<Option<Bson>, StoreError> {
    let (mut set, mut unset, mut sums) = (Document::new(), Vec::new(), Vec::new());
    for (key, change) in patch.changes() {
        match change {
            Change::Set(value) => drop(set.insert(session::name(key)?, session::bson(value)?)),
            Change::Unset => unset.push(Bson::from(session::name(key)?)),
            // A key that was just cleared counts as 0.
            Change::Add(by) if patch.clears() => drop(set.insert(session::name(key)?, Style::JavaScript.number(*by))),
            Change::Add(by) => sums.push(doc! { "k": literal(session::name(key)?), "v": sum(key, *by) }),
        }
    }
    let cookie = changed_cookie(patch, times)?;
    let user = patch.user.as_ref().zip(layout.user_at.as_ref());
    let changes = set.len() + unset.len() + sums.len() > 0 || patch.clears();
    if !changes && cookie.is_none() && user.is_none() {
        return Ok(None);
    }
    let before = format!("${SESSION}");
    let mut parts = Vec::new();
    if patch.clears() {
        parts.push(bson!({ COOKIE: format!("{before}.{COOKIE}") }));
    } else if unset.is_empty() {
        parts.push(before.into());
    } else {
        parts.push(without(before, unset));
    }
    parts.extend(cookie.map(|cookie| bson!({ COOKIE: cookie })));
    if !set.is_empty() {
        parts.push(literal(set));
    }
    if !sums.is_empty() {
        parts.push(bson!({ "$arrayToObject": [sums] }));
    }
    let after = merged(parts);
    Ok(Some(match user {
        Some((user, path)) => bson!({ "$let": { "vars": { "s": after }, "in": with_user("$$s", path, user) } }),
        None => after,
    }))
}

/// The cookie after the patch, if that changes it.
fn changed_cookie(patch: &Patch, times: &Times) -> Result<Option<Bson>, StoreError> {
    let before = format!("${SESSION}.{COOKIE}");
    let end_before = format!("{before}.{COOKIE_EXPIRES}");
    let tells_end = all(vec![is_number(times.max_age.clone()), is_type(times.end.clone(), "date")]);
    let attributes = patch.metadata().find(|(key, _)| &***key == COOKIE).map(|(_, value)| value);
    let lives_otherwise = patch.lifetime.is_some();
    let end = match (lives_otherwise, times.touches) {
        (true, _) => Some(either(tells_end, times.end.clone(), Bson::Null)),
        (false, true) => Some(either(tells_end, times.end.clone(), end_before.clone())),
        (false, false) => None,
    };
    let or_null = |expression: Bson| bson!({ "$ifNull": [expression, null] });
    if let Some(attributes) = attributes {
        let [first, last] = session::cookie(attributes)?;
        let max_age = doc! { MAX_AGE: or_null(times.max_age.clone()) };
        let end = doc! { COOKIE_EXPIRES: or_null(end.unwrap_or(end_before.into())) };
        return Ok(Some(merged(vec![max_age.into(), literal(first), end.into(), literal(last)])));
    }
    let mut changed = Document::new();
    if lives_otherwise {
        changed.insert(MAX_AGE, times.max_age.clone());
    }
    if let Some(end) = end {
        changed.insert(COOKIE_EXPIRES, end);
    }
    Ok((!changed.is_empty()).then(|| merged(vec![before.into(), changed.into()])))
}

/// The sum of what a key holds, if anything, and a number.
fn sum(key: &str, by: i64) -> Bson {
    let before = either(is_type("$$before", "missing"), 0_i64, bson!({ "$toLong": "$$before" }));
    let vars = doc! { "before": field(key, &format!("${SESSION}")) };
    number(bson!({ "$let": { "vars": vars, "in": { "$add": [before, by] } } }))
}

/// An object with the user at a path, unless that is there already, as a text or as a number.
fn with_user(object_before: &str, path: &[String], user: &UserId) -> Bson {
    let Some((name, rest)) = path.split_first() else { return object_before.into() };
    let before = format!("{object_before}.{name}");
    let after = if rest.is_empty() {
        either(bson!({ "$in": [&*before, literal(spellings(user))] }), before, literal(user.as_str()))
    } else {
        with_user(&before, rest, user)
    };
    let mut changed = Document::new();
    changed.insert(name.clone(), after);
    merged(vec![object(object_before), changed.into()])
}

/// The extras after the patch, if that changes them.
fn changed_extras(patch: &Patch, layout: &ExpressLayout, times: &Times) -> Result<Option<Bson>, StoreError> {
    let before = object(&format!("${EXTRAS}"));
    let (mut set, mut unset) = (Document::new(), Vec::new());
    if patch.changes_data() {
        let version = format!("${EXTRAS}.{}", extras::VERSION);
        let whole = bson!({ "$in": [{ "$type": &version }, ["int", "long"]] });
        set.insert(extras::VERSION, bson!({ "$add": [either(whole, &*version, 0_i64), 1_i64] }));
    }
    if times.touches || patch.lifetime.is_some() {
        // Without an end there is none to be kept either.
        unset.push(Bson::from(extras::END));
        set.insert(extras::SEEN, times.seen.clone());
        set.insert(extras::END, times.end.clone());
    }
    match patch.absolute_end {
        None => {}
        Some(NEVER) => unset.push(extras::ABSOLUTE_END.into()),
        Some(end) => drop(set.insert(extras::ABSOLUTE_END, date(end))),
    }
    if let (Some(user), None) = (&patch.user, &layout.user_at) {
        set.insert(extras::USER, literal(user.as_str()));
    }
    if let Some(lifetime) = patch.lifetime {
        unset.push(extras::LIFETIME.into());
        if !says_all(lifetime) {
            set.insert(extras::LIFETIME, kept_lifetime(lifetime, times));
        }
    }
    if let Some(metadata) = changed_metadata(patch)? {
        set.insert(extras::METADATA, metadata);
    }
    if set.is_empty() && unset.is_empty() {
        return Ok(None);
    }
    // When it began is told by what is about to change.
    let (created, theirs) = (format!("${EXTRAS}.{}", extras::CREATED), format!("${CREATED_AT}"));
    let began = either(is_type(&*theirs, "date"), theirs, times.seen_before.clone());
    set.insert(extras::CREATED, either(is_type(&*created, "date"), created, began));
    let kept = if unset.is_empty() { before } else { without(before, unset) };
    Ok(Some(merged(vec![kept, set.into()])))
}

fn kept_lifetime(lifetime: Lifetime, times: &Times) -> Bson {
    let kept = extras::lifetime(lifetime, Bson::Null);
    merged(vec![literal(kept), bson!({ extras::GOES_WITH: times.max_age.clone() })])
}

/// The metadata after the patch, the cookie's attributes apart, if that changes it.
fn changed_metadata(patch: &Patch) -> Result<Option<Bson>, StoreError> {
    let (mut set, mut unset) = (Document::new(), Vec::new());
    for (key, value) in patch.metadata().filter(|(key, _)| &***key != COOKIE) {
        match value {
            Some(value) => drop(set.insert(escape(key), native(value)?)),
            None => unset.push(Bson::from(&*escape(key))),
        }
    }
    if set.is_empty() && unset.is_empty() {
        return Ok(None);
    }
    let before = object(&format!("${EXTRAS}.{}", extras::METADATA));
    let kept = if unset.is_empty() { before } else { without(before, unset) };
    Ok(Some(merged(vec![kept, literal(set)])))
}

fn native(value: &Value) -> Result<Bson, StoreError> {
    to_bson(value, Style::Native).ok_or_else(no_bson)
}

/// The fields that connect-mongo keeps beside the session.
fn others(fields: &mut Document, patch: &Patch, layout: &ExpressLayout, now: Timestamp) {
    if layout.keeps_last_modified && patch.changes_data() {
        fields.insert(LAST_MODIFIED, date(now));
    } else if layout.keeps_last_modified && patch.expiry != Expiry::Keep {
        // As connect-mongo's own touch: only where it is there already.
        let before = format!("${LAST_MODIFIED}");
        fields.insert(LAST_MODIFIED, either(is_type(&*before, "date"), date(now), before));
    }
    if layout.timestamps && !patch.is_empty() {
        fields.insert(UPDATED_AT, date(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn fields(change: impl FnOnce(&mut Patch)) -> Document {
        let mut patch = Patch::default();
        change(&mut patch);
        Update::new(&patch, &ExpressLayout::connect_mongodb_session(), NOW).unwrap().fields
    }

    #[test]
    fn keys_and_values_are_literals() {
        let fields = fields(|patch| {
            patch.set("$a.b", Value::serialize("$session").unwrap());
            patch.set("c", Value::from_json(r#"{"$literal":{"$x":"$$NOW"}}"#).unwrap());
            patch.unset("$$ROOT");
        });
        let others = doc! {
            "input": { "$objectToArray": "$session" },
            "as": "field",
            "cond": { "$not": [{ "$in": ["$$field.k", { "$literal": ["$$ROOT"] }] }] },
        };
        let set = doc! { "$a.b": "$session", "c": { "$literal": { "$x": "$$NOW" } } };
        let session = doc! { "$mergeObjects": [{ "$arrayToObject": { "$filter": others } }, { "$literal": set }] };
        assert_eq!(fields.get_document("session"), Ok(&session));
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["session", "cloakroom"]);
    }

    #[test]
    fn a_touch_bumps_no_version_and_nothing_changes_nothing() {
        let update = Update::new(&Patch::default(), &ExpressLayout::connect_mongodb_session(), NOW).unwrap();
        assert_eq!(update.pipeline(), [doc! { "$set": { "session": "$session" } }]);
        let touch = fields(|patch| patch.expiry = Expiry::Exactly(Timestamp::from_millis(9_000)));
        assert_eq!(touch.get_datetime("expires"), Ok(&date(Timestamp::from_millis(9_000))));
        let written = |fields: &Document| {
            let parts = fields.get_document("cloakroom").unwrap().get_array("$mergeObjects").unwrap();
            parts[1].as_document().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(written(&touch), ["s", "e", "c"]);
        assert_eq!(written(&fields(|patch| patch.set("a", Value::from(1)))), ["v", "c"]);
    }

    #[test]
    fn clearing_keeps_the_cookie_and_what_is_added_then_is_set() {
        let fields = fields(|patch| {
            patch.clear();
            patch.add("n", 1 << 31).unwrap();
        });
        let set = doc! { "n": 2_147_483_648.0 };
        let session = doc! { "$mergeObjects": [{ "cookie": "$session.cookie" }, { "$literal": set }] };
        assert_eq!(fields.get_document("session"), Ok(&session));
    }

    #[test]
    fn what_the_layout_has_no_place_for_is_an_error() {
        let layout = ExpressLayout::connect_mongodb_session();
        for key in ["cookie", "__proto__", "id", "a\0b"] {
            for change in
                [|patch: &mut Patch, key| patch.set(key, Value::from(1)), |patch: &mut Patch, key| patch.unset(key)]
            {
                let mut patch = Patch::default();
                change(&mut patch, key);
                assert!(Update::new(&patch, &layout, NOW).is_err(), "{key}");
            }
        }
        let mut patch = Patch::default();
        patch.set("a", Value::from_json(r#"[{"b\u0000":1}]"#).unwrap());
        assert!(Update::new(&patch, &layout, NOW).is_err());
    }

    #[test]
    fn a_user_is_put_where_the_layout_has_them_unless_they_stand_there() {
        let path = ["passport".to_owned(), "user".to_owned()];
        for (before, after) in [
            (doc! {}, doc! { "passport": { "user": "7" } }),
            (doc! { "passport": { "user": 7, "x": 1 } }, doc! { "passport": { "user": 7, "x": 1 } }),
            (doc! { "passport": { "user": 8 } }, doc! { "passport": { "user": "7" } }),
            (doc! { "passport": "text" }, doc! { "passport": { "user": "7" } }),
        ] {
            let mut session = before;
            put_user(&mut session, &path, &UserId::new("7").unwrap());
            assert_eq!(session, after);
        }
    }
}
