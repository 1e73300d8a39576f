//! Applying a patch: to the keys that it names, and to a live record only.

use std::time::Duration;

use super::trial::{Answer, Draft, Session, Trial, Verdict, patch, value};
use crate::clock::Timestamp;
use crate::record::{Expiry, Lifetime, StoreKey};
use crate::store::Guard;

cases! {
    a_write_never_inserts,
    a_touch_never_inserts,
    a_write_revives_no_idle_session,
    a_write_revives_no_session_past_its_absolute_end,
    a_write_after_destroy_is_gone,
    set_changes_its_key_only,
    set_replaces_a_value_whole,
    null_is_a_value,
    unset_removes_its_key_only,
    clear_removes_every_key_and_nothing_else,
    clear_comes_before_the_changes,
    a_write_keeps_what_another_wrote_since_the_load,
    apply_binds_the_user,
    metadata_is_set_and_unset_key_by_key,
    apply_sets_the_lifetime,
    an_empty_patch_changes_nothing,
    one_patch_changes_everything_at_once,
}

/// One patch of each kind, by its name.
pub(super) fn kinds(t: &Trial) -> Verdict<Vec<(&'static str, Draft)>> {
    let end = t.at(40_000);
    Ok(vec![
        ("a patch that sets", patch().set("k", "1")),
        ("a patch that sets and touches", patch().set("k", "1").touch(end)),
        ("a patch that unsets", patch().unset("word")),
        ("a patch that adds", patch().add("n", 1)),
        ("a patch that clears", patch().clear()),
        ("a patch that clears and sets", patch().clear().set("k", "1")),
        ("a patch with a user", patch().user(&t.user("eve")?)),
        ("a patch with metadata", patch().metadata("agent", Some(value("1")))),
        (
            "a patch with a lifetime",
            patch().lifetime(Lifetime { idle: Some(Duration::from_secs(1)), persistent: None }),
        ),
    ])
}

/// Patches that change nothing but times.
pub(super) fn touches(t: &Trial) -> Vec<(&'static str, Draft)> {
    let end = t.at(40_000);
    vec![
        ("a touch", patch().touch(end)),
        ("a touch to an exact end", patch().expiry(Expiry::Exactly(end))),
        ("a patch of the absolute end", patch().absolute_end(end).touch(end)),
        ("an empty patch", patch()),
    ]
}

async fn all_gone(t: &Trial, key: &StoreKey, patches: Vec<(&'static str, Draft)>, now: Timestamp) -> Verdict {
    for (kind, patch) in patches {
        t.apply(key, &patch, &Guard::Exists, now).await?.must_be("Gone", kind)?;
        t.missing(key, now).await?;
    }
    Ok(())
}

async fn a_write_never_inserts(t: Trial) -> Verdict {
    all_gone(&t, &StoreKey::generate()?, kinds(&t)?, t.now).await
}

async fn a_touch_never_inserts(t: Trial) -> Verdict {
    let session = t.session().await?;
    t.destroy(&session.key, t.now).await?;
    all_gone(&t, &session.key, touches(&t), t.now).await?;
    all_gone(&t, &StoreKey::generate()?, touches(&t), t.now).await
}

async fn stays_over(t: &Trial, session: &Session, end: Timestamp) -> Verdict {
    all_gone(t, &session.key, kinds(t)?, end).await?;
    all_gone(t, &session.key, touches(t), end).await?;
    // Nothing of it was stored either, should it still be there.
    t.holds_or_missing(session, t.at(1)).await
}

async fn a_write_revives_no_idle_session(t: Trial) -> Verdict {
    let session = t.idle_session().await?;
    stays_over(&t, &session, session.record.idle_end).await
}

async fn a_write_revives_no_session_past_its_absolute_end(t: Trial) -> Verdict {
    let session = t.ending_session().await?;
    stays_over(&t, &session, session.record.absolute_end).await
}

async fn a_write_after_destroy_is_gone(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    t.destroy(&session.key, t.now).await?;
    all_gone(&t, &session.key, kinds(&t)?, t.now).await
}

async fn set_changes_its_key_only(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch().set("word", r#""new""#), t.now).await?;
    t.write(&mut session, patch().set("other", "[1]"), t.now).await
}

/// Objects are not merged.
async fn set_replaces_a_value_whole(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.write(&mut session, patch().set("k", r#"{"a":{"x":1},"b":[1,2,3]}"#), t.now).await?;
    t.write(&mut session, patch().set("k", r#"{"a":{"y":2}}"#), t.now).await?;
    t.write(&mut session, patch().set("k", r#"{"b":[4]}"#), t.now).await?;
    t.write(&mut session, patch().set("k", "{}"), t.now).await?;
    t.write(&mut session, patch().set("k", "5"), t.now).await
}

async fn null_is_a_value(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.write(&mut session, patch().set("word", "null").set("fresh", "null"), t.now).await?;
    t.write(&mut session, patch().set("k", r#"{"a":null,"b":{"c":null}}"#), t.now).await?;
    t.write(&mut session, patch().set("fresh", "1"), t.now).await
}

async fn unset_removes_its_key_only(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch().unset("word"), t.now).await?;
    t.write(&mut session, patch().unset("never there"), t.now).await?;
    t.write(&mut session, patch().unset("n"), t.now).await
}

async fn clear_removes_every_key_and_nothing_else(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch().clear(), t.now).await?;
    t.write(&mut session, patch().set("again", "1"), t.now).await
}

async fn clear_comes_before_the_changes(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.write(&mut session, patch().clear().set("word", r#""new""#).set("k", "1"), t.now).await?;
    // In a patch that clears, this is a set.
    t.write(&mut session, patch().clear().add("k", 5), t.now).await
}

async fn a_write_keeps_what_another_wrote_since_the_load(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.holds(&session, t.now).await?;
    // No load in between: each of these knows only what stood there at first.
    for draft in [
        patch().set("theirs", "1").unset("word"),
        patch().set("ours", "2"),
        patch().add("n", 1),
        patch().metadata("theirs", Some(value("1"))),
        patch().metadata("agent", None),
        patch().touch(t.at(8_000)),
    ] {
        t.apply(&session.key, &draft, &Guard::Exists, t.at(1)).await?.must_be("Done", "a write")?;
        session.must_follow(&draft, t.at(1));
    }
    t.holds(&session, t.at(1)).await.map(drop)
}

async fn apply_binds_the_user(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let (ada, bob) = (t.user("ada")?, t.user("bob")?);
    t.write(&mut session, patch().user(&ada), t.now).await?;
    t.write(&mut session, patch().set("k", "1").touch(t.at(7_000)), t.at(1)).await?;
    t.write(&mut session, patch().user(&bob), t.at(2)).await
}

async fn metadata_is_set_and_unset_key_by_key(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch().metadata("agent", Some(value(r#""Mosaic""#))), t.now).await?;
    t.write(&mut session, patch().metadata("visits", None).metadata("place", Some(value(r#"{"a":1}"#))), t.now).await?;
    t.write(&mut session, patch().metadata("never there", None), t.now).await?;
    t.write(&mut session, patch().set("agent", "1").clear(), t.now).await
}

async fn apply_sets_the_lifetime(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let short = Lifetime { idle: Some(Duration::from_secs(90)), persistent: Some(false) };
    t.write(&mut session, patch().lifetime(short), t.now).await?;
    t.write(&mut session, patch().set("k", "1"), t.now).await?;
    t.write(&mut session, patch().lifetime(Lifetime::default()), t.now).await
}

async fn an_empty_patch_changes_nothing(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch(), t.at(5)).await
}

async fn one_patch_changes_everything_at_once(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let all = patch()
        .set("k", "[1]")
        .unset("word")
        .add("n", 5)
        .add("m", -5)
        .user(&t.user("bob")?)
        .metadata("agent", None)
        .metadata("place", Some(value("1")))
        .lifetime(Lifetime::default())
        .touch(t.at(9_000))
        .absolute_end(t.at(10_000));
    t.write(&mut session, all, t.at(3)).await
}
