//! The token guard: a write that asks for a state happens in that state or not at all.

use std::time::Duration;

use super::apply::{kinds, touches};
use super::trial::{Answer, Session, Trial, Verdict, expect, patch, value};
use crate::record::{Expiry, Lifetime, StoreKey};
use crate::store::{Applied, Guard, Token};

cases! {
    the_token_of_load_guards,
    the_token_of_done_guards,
    a_stale_token_is_a_conflict,
    a_conflict_changes_nothing,
    any_change_of_data_makes_a_token_stale,
    a_guarded_touch_with_the_right_token_is_done,
    a_guarded_touch_with_a_stale_token_is_a_conflict,
    a_guarded_write_without_a_record_is_gone,
    a_guarded_write_to_an_expired_record_is_gone,
    a_guarded_write_returns_numbers,
}

/// Applies with a token, and follows if that is Done.
async fn guarded(t: &Trial, session: &mut Session, token: &Token, n: i64) -> Verdict<Applied> {
    let patch = patch().set_value("k", n.into());
    let applied = t.apply(&session.key, &patch, &Guard::Unchanged(token.clone()), t.now).await?;
    if matches!(applied, Applied::Done(_)) {
        session.must_follow(&patch, t.now);
    }
    Ok(applied)
}

async fn the_token_of_load_guards(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    for n in 0..3 {
        let token = t.holds(&session, t.now).await?.token;
        guarded(&t, &mut session, &token, n).await?.must_be("Done", "apply with the token of a load just before")?;
    }
    t.holds(&session, t.now).await.map(drop)
}

async fn the_token_of_done_guards(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.write(&mut session, patch().add("n", 1), t.now).await?;
    for n in 0..3 {
        let token = session.token.clone();
        match guarded(&t, &mut session, &token, n).await? {
            Applied::Done(written) => session.token = written.token,
            other => other.must_be("Done", "apply with the token of the write just before")?,
        }
    }
    t.holds(&session, t.now).await?;
    t.guards(&session, &session.token, t.now).await
}

async fn a_stale_token_is_a_conflict(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let stale = t.holds(&session, t.now).await?.token;
    t.write(&mut session, patch().set("theirs", "1"), t.now).await?;
    guarded(&t, &mut session, &stale, 1).await?.must_be("Conflict", "apply with a token from before a write")?;
    guarded(&t, &mut session, &stale, 2).await?.must_be("Conflict", "apply with the stale token again")
}

async fn a_conflict_changes_nothing(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let stale = Guard::Unchanged(session.token.clone());
    t.write(&mut session, patch().set("theirs", "1"), t.now).await?;
    for (kind, draft) in kinds(&t)? {
        t.apply(&session.key, &draft, &stale, t.at(5)).await?.must_be("Conflict", kind)?;
        t.holds(&session, t.at(5)).await?;
    }
    let all = patch().set("k", "1").unset("theirs").expiry(Expiry::Exactly(t.at(99))).absolute_end(t.at(999));
    t.apply(&session.key, &all, &stale, t.at(5)).await?.must_be("Conflict", "a patch that sets and shortens")?;
    t.holds(&session, t.at(5)).await?;
    t.guards(&session, &session.token, t.at(5)).await
}

async fn any_change_of_data_makes_a_token_stale(t: Trial) -> Verdict {
    let idle = Some(Duration::from_secs(77));
    for (change, draft) in [
        ("a set", patch().set("k", "1")),
        ("a set of a key that was there", patch().set("word", "1")),
        ("an unset", patch().unset("word")),
        ("an add", patch().add("n", 1)),
        ("a clear", patch().clear()),
        ("a new user", patch().user(&t.user("eve")?)),
        ("new metadata", patch().metadata("place", Some(value("1")))),
        ("other metadata", patch().metadata("agent", Some(value("1")))),
        ("metadata unset", patch().metadata("agent", None)),
        ("a new lifetime", patch().lifetime(Lifetime { idle, persistent: None })),
    ] {
        let mut session = t.full_session().await?;
        let stale = [session.token.clone(), t.holds(&session, t.now).await?.token];
        t.write(&mut session, draft, t.now).await?;
        for token in &stale {
            guarded(&t, &mut session, token, 1).await?.must_be("Conflict", format!("a token from before {change}"))?;
        }
        t.guards(&session, &session.token, t.now).await?;
    }
    Ok(())
}

async fn a_guarded_touch_with_the_right_token_is_done(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    for end in [8_000, 9_000] {
        let guard = Guard::Unchanged(t.holds(&session, t.now).await?.token);
        let touch = patch().touch(t.at(end));
        t.apply(&session.key, &touch, &guard, t.at(1)).await?.must_be("Done", "a touch with the right token")?;
        session.must_follow(&touch, t.at(1));
    }
    t.holds(&session, t.at(1)).await.map(drop)
}

async fn a_guarded_touch_with_a_stale_token_is_a_conflict(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let stale = Guard::Unchanged(session.token.clone());
    t.write(&mut session, patch().set("theirs", "1"), t.now).await?;
    let touch = patch().touch(t.at(9_000));
    t.apply(&session.key, &touch, &stale, t.at(1)).await?.must_be("Conflict", "a touch with a stale token")?;
    t.holds(&session, t.at(1)).await.map(drop)
}

async fn a_guarded_write_without_a_record_is_gone(t: Trial) -> Verdict {
    let session = t.session().await?;
    let guard = Guard::Unchanged(session.token.clone());
    t.destroy(&session.key, t.now).await?;
    for key in [session.key, StoreKey::generate()?] {
        for (kind, draft) in kinds(&t)?.into_iter().chain(touches(&t)) {
            t.apply(&key, &draft, &guard, t.now).await?.must_be("Gone", kind)?;
            t.missing(&key, t.now).await?;
        }
    }
    Ok(())
}

async fn a_guarded_write_to_an_expired_record_is_gone(t: Trial) -> Verdict {
    for session in [t.idle_session().await?, t.ending_session().await?] {
        let guard = Guard::Unchanged(session.token.clone());
        for (kind, draft) in kinds(&t)?.into_iter().chain(touches(&t)) {
            t.apply(&session.key, &draft, &guard, t.at(60)).await?.must_be("Gone", kind)?;
        }
        t.missing(&session.key, t.at(60)).await?;
        t.holds_or_missing(&session, t.at(1)).await?;
    }
    Ok(())
}

async fn a_guarded_write_returns_numbers(t: Trial) -> Verdict {
    let session = t.session().await?;
    let guard = Guard::Unchanged(session.token);
    match t.apply(&session.key, &patch().add("n", 3).add("m", 1), &guard, t.now).await? {
        Applied::Done(written) => {
            let mut numbers = written.numbers;
            numbers.sort();
            expect(numbers == [("m".into(), 1), ("n".into(), 10)], "the numbers m=1 and n=10", format!("{numbers:?}"))
        }
        other => other.must_be("Done", "apply with the token of create"),
    }
}
