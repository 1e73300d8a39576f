//! The times of a record: what a touch moves, and what it never moves.

use super::trial::{Session, Trial, Verdict, expect, just_before, patch};
use crate::clock::Timestamp;
use crate::record::Expiry::{AtLeast, Exactly};

cases! {
    a_touch_extends,
    a_touch_never_shortens,
    exactly_extends,
    exactly_shortens,
    exactly_now_ends_the_session,
    a_write_that_does_not_touch_leaves_the_times,
    a_touch_sets_seen_to_the_time_of_the_call,
    a_touch_from_behind_does_not_move_seen_back,
    a_touch_does_not_move_the_absolute_end,
    a_touch_does_not_outlive_the_absolute_end,
    apply_moves_the_absolute_end,
    the_token_of_a_touch_guards,
}

/// Expects that a session lives until an end, and not from there on.
async fn ends_at(t: &Trial, session: &Session, end: Timestamp) -> Verdict {
    expect(session.record.end() == end, format!("the end {end:?}"), format!("{:?}", session.record.end()))?;
    t.holds(session, just_before(end)).await?;
    t.missing(&session.key, end).await
}

async fn a_touch_extends(t: Trial) -> Verdict {
    let mut session = t.idle_session().await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(120))), t.at(1)).await?;
    ends_at(&t, &session, t.at(120)).await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(180))).set("k", "1"), t.at(119)).await?;
    ends_at(&t, &session, t.at(180)).await
}

async fn a_touch_never_shortens(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let end = session.record.idle_end;
    t.write(&mut session, patch().expiry(AtLeast(t.at(100))), t.at(1)).await?;
    t.write(&mut session, patch().expiry(AtLeast(just_before(end))).set("k", "1"), t.at(2)).await?;
    t.write(&mut session, patch().expiry(AtLeast(end)), t.at(3)).await?;
    ends_at(&t, &session, end).await
}

async fn exactly_extends(t: Trial) -> Verdict {
    let mut session = t.idle_session().await?;
    t.write(&mut session, patch().expiry(Exactly(t.at(5_000))), t.at(1)).await?;
    ends_at(&t, &session, t.at(5_000)).await
}

async fn exactly_shortens(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.write(&mut session, patch().expiry(Exactly(t.at(90))), t.at(1)).await?;
    ends_at(&t, &session, t.at(90)).await?;
    t.write(&mut session, patch().expiry(Exactly(t.at(60))).set("k", "1"), t.at(2)).await?;
    ends_at(&t, &session, t.at(60)).await
}

async fn exactly_now_ends_the_session(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.write(&mut session, patch().expiry(Exactly(t.at(1))), t.at(1)).await?;
    t.missing(&session.key, t.at(1)).await?;
    t.missing(&session.key, t.at(2)).await
}

async fn a_write_that_does_not_touch_leaves_the_times(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch().set("k", "1").add("n", 1), t.at(600)).await?;
    t.write(&mut session, patch().clear(), t.at(700)).await?;
    t.write(&mut session, patch(), t.at(800)).await?;
    t.write(&mut session, patch().absolute_end(t.at(50_000)), t.at(900)).await?;
    ends_at(&t, &session, session.record.idle_end).await
}

async fn a_touch_sets_seen_to_the_time_of_the_call(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(10))), t.at(600)).await?;
    t.write(&mut session, patch().expiry(Exactly(t.at(5_000))), t.at(700)).await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(6_000))).set("k", "1"), t.at(800)).await
}

/// Requests that finish in another order than they began, or clocks of two machines.
async fn a_touch_from_behind_does_not_move_seen_back(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(4_000))), t.at(50)).await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(4_100))), t.at(20)).await?;
    t.write(&mut session, patch().expiry(Exactly(t.at(4_200))), t.at(10)).await
}

async fn a_touch_does_not_move_the_absolute_end(t: Trial) -> Verdict {
    let mut session = t.ending_session().await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(9_000))), t.at(1)).await?;
    ends_at(&t, &session, t.at(60)).await?;
    t.write(&mut session, patch().expiry(Exactly(t.at(9_500))).set("k", "1"), t.at(2)).await?;
    ends_at(&t, &session, t.at(60)).await
}

async fn a_touch_does_not_outlive_the_absolute_end(t: Trial) -> Verdict {
    let mut record = t.record();
    (record.idle_end, record.absolute_end) = (t.at(30), t.at(60));
    let mut session = t.session_of(record).await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(9_000))), t.at(29)).await?;
    ends_at(&t, &session, t.at(60)).await
}

async fn apply_moves_the_absolute_end(t: Trial) -> Verdict {
    let mut session = t.ending_session().await?;
    t.write(&mut session, patch().absolute_end(t.at(1_000)), t.at(1)).await?;
    ends_at(&t, &session, t.at(1_000)).await?;
    t.write(&mut session, patch().absolute_end(t.at(50)).set("k", "1"), t.at(2)).await?;
    ends_at(&t, &session, t.at(50)).await?;
    t.write(&mut session, patch().absolute_end(t.at(70)).expiry(AtLeast(t.at(9_000))), t.at(3)).await?;
    ends_at(&t, &session, t.at(70)).await
}

/// A touch may change the token, but the one that it answers is then the record's.
async fn the_token_of_a_touch_guards(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    t.write(&mut session, patch().expiry(AtLeast(t.at(9_000))), t.at(1)).await?;
    t.guards(&session, &session.token, t.at(1)).await?;
    let found = t.holds(&session, t.at(1)).await?;
    t.guards(&session, &found.token, t.at(1)).await
}
