//! Odd keys and users: what is a command, a path or a pattern to some database is a name here.

use std::sync::Arc;

use super::trial::{Answer, Fault, Trial, Verdict, expect, patch, value};
use crate::record::{Data, Patch, StoreKey, UserId, Value};
use crate::store::Guard;

cases! {
    odd_keys_come_back_from_create,
    odd_keys_are_set,
    odd_keys_are_unset,
    odd_keys_are_added_to,
    odd_keys_survive_rotate,
    odd_keys_of_metadata_come_back,
    odd_users_come_back,
    a_dotted_key_is_no_path,
    a_key_is_no_pattern,
    keys_that_look_alike_are_two,
    bad_numbers_under_odd_keys_are_refused,
    a_key_that_can_not_be_kept_changes_nothing,
}

/// The odd keys that a store can keep.
fn odd_keys(t: &Trial) -> Vec<String> {
    let rules = t.store.capabilities().keys;
    every_odd_key().into_iter().filter(|key| rules.allow(key)).collect()
}

/// Keys with a meaning to some database, language or file format.
pub(super) fn every_odd_key() -> Vec<String> {
    let listed = [
        "",
        " ",
        ".",
        "a.b",
        "a.b.c",
        ".a",
        "a.",
        "..",
        "$",
        "$x",
        "$set",
        "$unset",
        "$where",
        "$$ROOT",
        "a$b",
        "$a.$b",
        "0",
        "1",
        "-1",
        "00",
        "%",
        "%%",
        "%25",
        "%2E",
        "%2e",
        "%24",
        "%00",
        "%s",
        "_",
        "a_b",
        "*",
        "?",
        "a*",
        "\0",
        "a\0b",
        "\0\0",
        "__proto__",
        "constructor",
        "prototype",
        "toString",
        "length",
        "_id",
        "id",
        "k",
        "v",
        "d",
        "p",
        "exp",
        "abs",
        "user",
        "data",
        "created",
        "expires",
        "null",
        "true",
        "\"",
        "'",
        "a\"b",
        "a'b",
        "`",
        "\\",
        "\\\\",
        "\\u0000",
        "a\\.b",
        "/",
        "a/b",
        "~",
        "~0",
        "~1",
        "#",
        "@",
        "[0]",
        "a[0]",
        "a[*]",
        "[]",
        "{}",
        "{a}",
        "$.a",
        "$[0]",
        "\n",
        "a\r\nb",
        "\t",
        "\u{1}",
        "\u{7f}",
        ";--",
        ":",
        "a:b",
        "{x}:1",
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "SS",
        "İ",
        "i",
        "I",
        "ı",
        "K",
        "k\u{301}",
        "\u{212a}",
        "名前",
        "🧥",
        "\u{200b}",
        "\u{feff}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "ﬁ",
        "fi",
        "．",
        "＄",
    ];
    let mut keys: Vec<String> = listed.into_iter().map(str::to_owned).collect();
    keys.push("long ".repeat(200));
    keys.push("é".repeat(500));
    keys
}

fn numbered(keys: Vec<String>) -> Data {
    keys.into_iter().zip(1_i64..).map(|(key, number)| (key, Value::from(number))).collect()
}

async fn odd_keys_come_back_from_create(t: Trial) -> Verdict {
    let mut record = t.record();
    record.data = Arc::new(numbered(odd_keys(&t)));
    let session = t.session_of(record).await?;
    t.holds(&session, t.now).await?;
    for key in odd_keys(&t) {
        let mut record = t.record();
        record.data = Arc::new([(key, value(r#""alone""#))].into_iter().collect());
        let session = t.session_of(record).await?;
        t.holds(&session, t.now).await?;
    }
    Ok(())
}

async fn odd_keys_are_set(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    for (key, value) in numbered(odd_keys(&t)).iter() {
        t.write(&mut session, patch().set_value(key, value.clone()), t.now).await?;
    }
    let again = odd_keys(&t).iter().fold(patch(), |draft, key| draft.set(key, r#"["again"]"#));
    t.write(&mut session, again, t.now).await?;
    let mut cleared = t.session().await?;
    let fresh = odd_keys(&t).iter().fold(patch().clear(), |draft, key| draft.set(key, "1"));
    t.write(&mut cleared, fresh, t.now).await
}

async fn odd_keys_are_unset(t: Trial) -> Verdict {
    let mut record = t.record();
    record.data = Arc::new(numbered(odd_keys(&t)));
    let (mut one, mut all) = (t.session_of(record.clone()).await?, t.session_of(record).await?);
    for key in odd_keys(&t) {
        t.write(&mut one, patch().unset(&key), t.now).await?;
    }
    let every = odd_keys(&t).iter().fold(patch(), |draft, key| draft.unset(key));
    t.write(&mut all, every, t.now).await
}

async fn odd_keys_are_added_to(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    for key in odd_keys(&t) {
        t.write(&mut session, patch().add(&key, 2), t.now).await?;
    }
    let every = odd_keys(&t).iter().fold(patch(), |draft, key| draft.add(key, -5));
    t.write(&mut session, every, t.now).await
}

async fn odd_keys_survive_rotate(t: Trial) -> Verdict {
    let mut record = t.record();
    (record.data, record.metadata) = (Arc::new(numbered(odd_keys(&t))), Arc::new(numbered(every_odd_key())));
    let mut session = t.session_of(record).await?;
    t.turn(&mut session, patch(), t.now).await?;
    let mixed = patch().set("a.b", "[1]").set("", "[2]").unset("$x").unset("$$ROOT").add("%", 1).add("_id", 1);
    t.turn(&mut session, mixed, t.now).await.map(drop)
}

async fn odd_keys_of_metadata_come_back(t: Trial) -> Verdict {
    let mut record = t.record();
    record.metadata = Arc::new(numbered(every_odd_key()));
    let mut created = t.session_of(record).await?;
    t.holds(&created, t.now).await?;
    let mut session = t.session().await?;
    for key in every_odd_key() {
        t.write(&mut session, patch().metadata(&key, Some(value(r#"{"a.b":"$x"}"#))), t.now).await?;
        t.write(&mut created, patch().metadata(&key, None), t.now).await?;
    }
    let every = every_odd_key().iter().fold(patch(), |draft, key| draft.metadata(key, Some(value("null"))));
    t.write(&mut session, every, t.now).await?;
    let none = every_odd_key().iter().fold(patch(), |draft, key| draft.metadata(key, None));
    t.write(&mut session, none, t.now).await
}

pub(super) fn odd_users() -> Verdict<Vec<UserId>> {
    let short = [
        "$x",
        "a.b",
        "0",
        " ",
        "%",
        "\0",
        "*",
        "é",
        "e\u{301}",
        "🧥",
        "{\"$ne\":1}",
        "$u",
        "'",
        "\\",
        "null",
        "A",
        "a",
    ];
    let mut users = Vec::new();
    for text in short {
        users.push(UserId::new(text)?);
    }
    users.push(UserId::new("u".repeat(256))?);
    users.push(UserId::new("é".repeat(128))?);
    Ok(users)
}

async fn odd_users_come_back(t: Trial) -> Verdict {
    let mut bound = t.session().await?;
    for user in odd_users()? {
        let mut record = t.record();
        record.user = Some(user.clone());
        let mut session = t.session_of(record).await?;
        t.holds(&session, t.now).await?;
        t.turn(&mut session, patch(), t.now).await?;
        t.write(&mut bound, patch().user(&user), t.now).await?;
    }
    Ok(())
}

async fn a_dotted_key_is_no_path(t: Trial) -> Verdict {
    let mut record = t.record();
    record.data = Arc::new([("a", value(r#"{"b":1,"c":[5]}"#)), ("l", value("[1,2]"))].into_iter().collect());
    let mut session = t.session_of(record).await?;
    t.write(&mut session, patch().set("a.b", "2").set("l.0", "3"), t.now).await?;
    t.write(&mut session, patch().add("a.b", 1).add("a.c.0", 1).add("l.1", 1), t.now).await?;
    t.write(&mut session, patch().unset("a.b").unset("l.0").unset("a.c"), t.now).await?;
    t.write(&mut session, patch().unset("a"), t.now).await
}

async fn a_key_is_no_pattern(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let many = ["a", "b", "ab", "axb", "a.b", "a_b", "a%b"].into_iter().fold(patch(), |draft, key| draft.set(key, "1"));
    t.write(&mut session, many, t.now).await?;
    for key in ["%", "_", "*", "a%b", "a_b", ".*", "a*", "[ab]", "a?b"] {
        t.write(&mut session, patch().unset(key), t.now).await?;
    }
    Ok(())
}

async fn keys_that_look_alike_are_two(t: Trial) -> Verdict {
    let pairs =
        [("key", "KEY"), ("é", "e\u{301}"), ("K", "\u{212a}"), ("ß", "ss"), ("a", "a "), ("0", "00"), ("a.b", "a%2Eb")];
    for (one, other) in pairs {
        let mut session = t.session().await?;
        t.write(&mut session, patch().set(one, "1").set(other, "2"), t.now).await?;
        t.write(&mut session, patch().add(other, 1), t.now).await?;
        t.write(&mut session, patch().unset(one), t.now).await?;
    }
    let data: Data = pairs.into_iter().flat_map(|(a, b)| [(a, value("1")), (b, value("2"))]).collect();
    expect(data.len() == 14, "14 keys in the suite's own data", data.len())?;
    let mut record = t.record();
    (record.data, record.metadata) = (Arc::new(data.clone()), Arc::new(data));
    let session = t.session_of(record).await?;
    t.holds(&session, t.now).await.map(drop)
}

async fn bad_numbers_under_odd_keys_are_refused(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let words = odd_keys(&t).iter().fold(patch(), |draft, key| draft.set(key, r#""5""#));
    t.write(&mut session, words, t.now).await?;
    for key in odd_keys(&t) {
        let applied = t.apply(&session.key, &patch().add(&key, 1), &Guard::Exists, t.now).await?;
        applied.must_be("WrongType", format!("an add to the text under {key:.40?}"))?;
    }
    t.holds(&session, t.now).await.map(drop)
}

/// Sessions refuse such keys; but a store is told them by whoever does not ask.
async fn a_key_that_can_not_be_kept_changes_nothing(t: Trial) -> Verdict {
    let rules = t.store.capabilities().keys;
    let nul = ["\0", "a\0b"].into_iter().filter(|_| !rules.nul);
    let refused: Vec<&str> = rules.reserved.iter().copied().chain(nul).collect();
    if refused.is_empty() {
        return Err(Fault::Skipped("the store can keep any key"));
    }
    let session = t.session().await?;
    for key in refused {
        for draft in [patch().set(key, "1"), patch().add(key, 1), patch().unset(key), patch().clear().set(key, "1")] {
            let patch: Patch = draft.set("n", "8").into();
            // An answer other than an error is none that this patch can have.
            let applied = t.store.apply(&session.key, &patch, &Guard::Exists, t.now).await;
            expect(applied.is_err(), format!("an error for the key {key:?}"), "an answer")?;
        }
        let mut record = t.record();
        record.data = Arc::new([(key, value("1"))].into_iter().collect());
        let created = t.store.create(&StoreKey::generate()?, &record, t.now).await;
        expect(created.is_err(), format!("an error for the key {key:?}"), "an answer")?;
    }
    t.holds(&session, t.now).await.map(drop)
}
