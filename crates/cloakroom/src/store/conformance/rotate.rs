//! Rotating: the same session under a new key, and no way back under the old one.

use super::apply::{kinds, touches};
use super::trial::{Answer, Fault, Session, Trial, Verdict, answer, expect, patch, value};
use crate::clock::Timestamp;
use crate::record::{Expiry, Lifetime, StoreKey};
use crate::store::{Guard, Loaded, Rotated};

cases! {
    rotate_keeps_the_data,
    rotate_keeps_the_user,
    rotate_keeps_everything,
    the_old_key_finds_nothing_after_rotate,
    rotate_applies_its_patch_in_the_same_step,
    rotate_returns_the_new_numbers,
    rotate_of_a_missing_key_is_gone,
    rotate_of_a_destroyed_session_is_gone,
    rotate_revives_no_expired_session,
    rotate_onto_a_taken_key_changes_nothing,
    rotate_with_a_stale_token_changes_nothing,
    rotate_with_a_bad_number_changes_nothing,
    rotate_with_the_right_token_is_done,
    the_token_of_rotate_guards,
    a_write_to_the_old_key_is_gone,
    a_rotate_of_the_old_key_is_gone,
    destroy_of_the_old_key_leaves_the_session,
    destroy_of_the_new_key_ends_both,
    rotating_again_leaves_one_key_alive,
    rotate_to_its_own_key_does_not_lose_the_session,
    rotate_in_place_keeps_the_handle,
    rotate_tells_the_handle_that_the_session_has_then,
    rotate_leaves_other_sessions_alone,
}

/// Expects that a key finds no record; it may be told to be superseded.
pub(super) async fn not_found(t: &Trial, key: &StoreKey, now: Timestamp) -> Verdict {
    match t.load(key, now).await? {
        Loaded::Found(_) => Err(Fault::expected("no record under a key that was rotated away", "Found")),
        Loaded::Superseded | Loaded::Missing => Ok(()),
    }
}

/// Tries to rotate to a new key; expects this answer, and that the new key finds nothing.
async fn refused(t: &Trial, old: &StoreKey, guard: &Guard, now: Timestamp, word: &'static str, of: &str) -> Verdict {
    for draft in [patch(), patch().set("k", "1").touch(t.at(40_000)).absolute_end(t.at(80_000))] {
        let new = StoreKey::generate()?;
        t.rotate(old, &new, &draft, guard, now).await?.must_be(word, of)?;
        t.missing(&new, now).await?;
    }
    Ok(())
}

async fn rotate_keeps_the_data(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.turn(&mut session, patch(), t.at(1)).await.map(drop)
}

async fn rotate_keeps_the_user(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    let new = StoreKey::generate()?;
    t.rotate(&session.key, &new, &patch(), &Guard::Exists, t.at(1)).await?.must_be("Done", "rotate")?;
    let user = t.found(&new, t.at(1)).await?.record.user;
    expect(user == session.record.user, format!("{:?}", session.record.user), format!("{user:?}"))
}

async fn rotate_keeps_everything(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.turn(&mut session, patch(), t.at(1)).await?;
    t.turn(&mut session, patch().touch(t.at(50_000)), t.at(2)).await?;
    t.missing(&session.key, session.record.end()).await
}

async fn the_old_key_finds_nothing_after_rotate(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let old = t.turn(&mut session, patch(), t.at(1)).await?;
    // Also for a machine whose clock lags behind.
    for seconds in [0, 1, 2, 30, 3_000] {
        not_found(&t, &old, t.at(seconds)).await?;
    }
    t.holds(&session, t.at(2)).await.map(drop)
}

async fn rotate_applies_its_patch_in_the_same_step(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let log_in = patch()
        .set("k", "[1]")
        .unset("word")
        .add("n", 5)
        .user(&t.user("bob")?)
        .metadata("agent", None)
        .metadata("place", Some(value("1")))
        .lifetime(Lifetime::default())
        .expiry(Expiry::Exactly(t.at(9_000)))
        .absolute_end(t.at(10_000));
    t.turn(&mut session, log_in, t.at(3)).await?;
    t.turn(&mut session, patch().clear(), t.at(4)).await?;
    t.turn(&mut session, patch().clear().set("k", "2"), t.at(5)).await.map(drop)
}

async fn rotate_returns_the_new_numbers(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.turn(&mut session, patch().add("n", 5).add("m", -1), t.at(1)).await?;
    t.turn(&mut session, patch().add("n", 5).add("m", -1), t.at(2)).await.map(drop)
}

async fn rotate_of_a_missing_key_is_gone(t: Trial) -> Verdict {
    refused(&t, &StoreKey::generate()?, &Guard::Exists, t.now, "Gone", "rotate of a missing key").await?;
    let guard = Guard::Unchanged(t.session().await?.token);
    refused(&t, &StoreKey::generate()?, &guard, t.now, "Gone", "a guarded rotate of a missing key").await
}

async fn rotate_of_a_destroyed_session_is_gone(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    t.destroy(&session.key, t.now).await?;
    refused(&t, &session.key, &Guard::Exists, t.now, "Gone", "rotate of a destroyed session").await?;
    refused(&t, &session.key, &Guard::Unchanged(session.token), t.now, "Gone", "a guarded one").await
}

async fn rotate_revives_no_expired_session(t: Trial) -> Verdict {
    for session in [t.idle_session().await?, t.ending_session().await?] {
        refused(&t, &session.key, &Guard::Exists, t.at(60), "Gone", "rotate of an expired session").await?;
        let guard = Guard::Unchanged(session.token.clone());
        refused(&t, &session.key, &guard, t.at(60), "Gone", "a guarded rotate of an expired session").await?;
        t.missing(&session.key, t.at(60)).await?;
        t.holds_or_missing(&session, t.at(1)).await?;
    }
    Ok(())
}

async fn rotate_onto_a_taken_key_changes_nothing(t: Trial) -> Verdict {
    let (session, other) = (t.full_session().await?, t.full_session().await?);
    for draft in [patch(), patch().set("k", "1").touch(t.at(50_000))] {
        let rotated = t.rotate(&session.key, &other.key, &draft, &Guard::Exists, t.at(1)).await?;
        rotated.must_be("Taken", "rotate onto the key of a live session")?;
        t.holds(&session, t.at(1)).await?;
        t.holds(&other, t.at(1)).await?;
    }
    // Whichever is told of a session that is gone and a key that is taken: the taken one stays.
    let rotated = t.rotate(&StoreKey::generate()?, &other.key, &patch(), &Guard::Exists, t.at(1)).await?;
    expect(!matches!(rotated, Rotated::Done { .. }), "rotate of a missing key not to be Done", "Done")?;
    t.holds(&other, t.at(1)).await.map(drop)
}

async fn rotate_with_a_stale_token_changes_nothing(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let stale = Guard::Unchanged(session.token.clone());
    t.write(&mut session, patch().set("theirs", "1"), t.now).await?;
    refused(&t, &session.key, &stale, t.at(1), "Conflict", "rotate with a stale token").await?;
    t.holds(&session, t.at(1)).await?;
    t.guards(&session, &session.token, t.at(1)).await
}

async fn rotate_with_a_bad_number_changes_nothing(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    for draft in [patch().add("word", 1).set("k", "1"), patch().add("m", 1).add("n", i64::MAX), patch().add("word", 0)]
    {
        let new = StoreKey::generate()?;
        let rotated = t.rotate(&session.key, &new, &draft, &Guard::Exists, t.at(1)).await?;
        rotated.must_be("WrongType", "rotate with an add to what is no integer")?;
        t.missing(&new, t.at(1)).await?;
        t.holds(&session, t.at(1)).await?;
    }
    Ok(())
}

async fn rotate_with_the_right_token_is_done(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    for turn in 1..=2 {
        let guard = Guard::Unchanged(t.holds(&session, t.at(turn)).await?.token);
        let new = StoreKey::generate()?;
        let rotated = t.rotate(&session.key, &new, &patch(), &guard, t.at(turn)).await?;
        rotated.must_be("Done", "rotate with the token of load")?;
        session.key = new;
    }
    t.holds(&session, t.at(2)).await.map(drop)
}

async fn the_token_of_rotate_guards(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let stale = Guard::Unchanged(session.token.clone());
    t.turn(&mut session, patch().set("k", "1"), t.at(1)).await?;
    let conflict = t.apply(&session.key, &patch().set("k", "2"), &stale, t.at(1)).await?;
    conflict.must_be("Conflict", "apply with a token from before a rotate that changed data")?;
    let fresh = Guard::Unchanged(session.token);
    t.apply(&session.key, &patch().set("k", "2"), &fresh, t.at(1)).await?.must_be("Done", "apply with rotate's token")
}

async fn rotated(t: &Trial) -> Verdict<(Session, StoreKey, Guard)> {
    let mut session = t.full_session().await?;
    let guard = Guard::Unchanged(session.token.clone());
    let old = t.turn(&mut session, patch(), t.at(1)).await?;
    Ok((session, old, guard))
}

async fn a_write_to_the_old_key_is_gone(t: Trial) -> Verdict {
    let (session, old, token) = rotated(&t).await?;
    for guard in [Guard::Exists, token] {
        for (kind, draft) in kinds(&t)?.into_iter().chain(touches(&t)) {
            t.apply(&old, &draft, &guard, t.at(1)).await?.must_be("Gone", format!("{kind} to the old key"))?;
            not_found(&t, &old, t.at(1)).await?;
        }
    }
    t.holds(&session, t.at(1)).await.map(drop)
}

async fn a_rotate_of_the_old_key_is_gone(t: Trial) -> Verdict {
    let (session, old, token) = rotated(&t).await?;
    refused(&t, &old, &Guard::Exists, t.at(1), "Gone", "rotate of a key that was rotated away").await?;
    refused(&t, &old, &token, t.at(1), "Gone", "a guarded rotate of a key that was rotated away").await?;
    t.holds(&session, t.at(1)).await.map(drop)
}

async fn destroy_of_the_old_key_leaves_the_session(t: Trial) -> Verdict {
    let (session, old, _) = rotated(&t).await?;
    let there = t.destroy(&old, t.at(1)).await?;
    expect(!there, "false from destroy of a key that was rotated away", "true")?;
    t.holds(&session, t.at(1)).await?;
    not_found(&t, &old, t.at(1)).await
}

async fn destroy_of_the_new_key_ends_both(t: Trial) -> Verdict {
    let (session, old, _) = rotated(&t).await?;
    expect(t.destroy(&session.key, t.at(1)).await?, "true from destroy of the new key", "false")?;
    t.missing(&session.key, t.at(1)).await?;
    not_found(&t, &old, t.at(1)).await?;
    refused(&t, &old, &Guard::Exists, t.at(1), "Gone", "rotate of the old key").await
}

async fn rotating_again_leaves_one_key_alive(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let mut old = Vec::new();
    for turn in 1..=5 {
        old.push(t.turn(&mut session, patch().add("n", 1), t.at(turn)).await?);
        for key in &old {
            not_found(&t, key, t.at(turn)).await?;
        }
        t.holds(&session, t.at(turn)).await?;
    }
    Ok(())
}

async fn rotate_to_its_own_key_does_not_lose_the_session(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    t.rotate(&session.key, &session.key, &patch(), &Guard::Exists, t.at(1)).await?;
    t.holds(&session, t.at(1)).await?;
    let applied = t.apply(&session.key, &patch().set("k", "1"), &Guard::Exists, t.at(1)).await?;
    applied.must_be("Done", "a write to a session that was rotated to its own key")
}

async fn rotate_in_place_keeps_the_handle(t: Trial) -> Verdict {
    if !t.store.capabilities().rotates_in_place {
        return Err(Fault::Skipped("the store does not rotate in place"));
    }
    let mut session = t.full_session().await?;
    let created = session.handle.clone();
    for turn in 1..=2 {
        t.turn(&mut session, patch(), t.at(turn)).await?;
        for handle in [&session.handle, &t.found(&session.key, t.at(turn)).await?.handle] {
            expect(*handle == created, format!("the handle {created}"), handle)?;
        }
    }
    Ok(())
}

/// Where a rotation does not happen in place, that is how a session learns its new name.
async fn rotate_tells_the_handle_that_the_session_has_then(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    for (turn, draft) in [(1, patch()), (2, patch().set("k", "1")), (3, patch().add("n", 1).touch(t.at(8_000)))] {
        let new = StoreKey::generate()?;
        let told = match t.rotate(&session.key, &new, &draft, &Guard::Exists, t.at(turn)).await? {
            Rotated::Done { handle, .. } => handle,
            other => return other.must_be("Done", "rotate"),
        };
        session.key = new;
        let loaded = t.found(&session.key, t.at(turn)).await?.handle;
        expect(loaded == told, format!("the handle that rotate told, {told}, from load"), loaded)?;
        if let (Some(directory), Some(user)) = (t.store.directory(), &session.record.user) {
            let listed = answer("list", directory.list(user, t.at(turn)).await)?;
            let listed: Vec<_> = listed.iter().map(|entry| &entry.handle).collect();
            expect(
                listed == [&told],
                format!("the handle that rotate told, {told}, from list"),
                format!("{listed:?}"),
            )?;
        }
    }
    Ok(())
}

async fn rotate_leaves_other_sessions_alone(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let other = t.session_of(session.record.clone()).await?;
    t.turn(&mut session, patch().clear(), t.at(1)).await?;
    t.holds(&other, t.at(1)).await.map(drop)
}
