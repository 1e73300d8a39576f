//! Destroying and sweeping: dead is dead, and what lives stays.

use std::time::SystemTime;

use super::apply::{kinds, touches};
use super::trial::{Answer, Session, Trial, Verdict, expect, patch};
use crate::clock::Timestamp;
use crate::record::{Record, StoreKey};
use crate::store::{Guard, Loaded};

cases! {
    destroy_ends_a_live_session,
    destroy_of_a_missing_key_is_fine,
    destroy_twice_tells_so,
    destroy_of_an_expired_session_is_false,
    destroy_leaves_other_sessions_alone,
    destroyed_stays_dead_whatever_is_in_flight,
    destroyed_stays_dead_for_a_clock_that_lags,
    sweep_takes_no_live_session,
    sweep_takes_no_session_that_was_extended,
    sweep_keeps_to_its_limit,
    sweep_tells_how_many_it_took,
    what_sweep_took_or_may_take_is_missing,
}

async fn destroy_ends_a_live_session(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    expect(t.destroy(&session.key, t.now).await?, "true from destroy of a live session", "false")?;
    t.missing(&session.key, t.now).await
}

async fn destroy_of_a_missing_key_is_fine(t: Trial) -> Verdict {
    let key = StoreKey::generate()?;
    expect(!t.destroy(&key, t.now).await?, "false from destroy of a missing key", "true")?;
    t.missing(&key, t.now).await
}

async fn destroy_twice_tells_so(t: Trial) -> Verdict {
    let session = t.session().await?;
    expect(t.destroy(&session.key, t.now).await?, "true from the first destroy", "false")?;
    expect(!t.destroy(&session.key, t.now).await?, "false from the second destroy", "true")
}

async fn destroy_of_an_expired_session_is_false(t: Trial) -> Verdict {
    for session in [t.idle_session().await?, t.ending_session().await?] {
        let there = t.destroy(&session.key, t.at(60)).await?;
        expect(!there, "false from destroy of an expired session", "true")?;
        t.missing(&session.key, t.at(60)).await?;
    }
    Ok(())
}

async fn destroy_leaves_other_sessions_alone(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    let other = t.session_of(session.record.clone()).await?;
    t.destroy(&session.key, t.now).await?;
    t.holds(&other, t.now).await.map(drop)
}

/// Whatever a request that loaded it before may still send.
async fn still_dead(t: &Trial, session: &Session, now: Timestamp) -> Verdict {
    let token = Guard::Unchanged(session.token.clone());
    for guard in [Guard::Exists, token] {
        for (kind, draft) in kinds(t)?.into_iter().chain(touches(t)) {
            t.apply(&session.key, &draft, &guard, now).await?.must_be("Gone", format!("{kind} after destroy"))?;
            t.missing(&session.key, now).await?;
            let new = StoreKey::generate()?;
            t.rotate(&session.key, &new, &draft, &guard, now).await?.must_be("Gone", "rotate after destroy")?;
            t.missing(&new, now).await?;
            t.missing(&session.key, now).await?;
        }
    }
    expect(!t.destroy(&session.key, now).await?, "false from destroy of a destroyed session", "true")
}

async fn destroyed_stays_dead_whatever_is_in_flight(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    t.destroy(&session.key, t.now).await?;
    still_dead(&t, &session, t.now).await?;
    still_dead(&t, &session, t.at(5)).await
}

async fn destroyed_stays_dead_for_a_clock_that_lags(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    t.destroy(&session.key, t.at(10)).await?;
    still_dead(&t, &session, t.now).await?;
    still_dead(&t, &session, t.at(-60)).await
}

/// When the short sessions of these cases are over: soon, so that a sweep then takes little that is not ours.
const SOON: i64 = 10;

fn short(t: &Trial) -> Record {
    let mut record = t.record();
    record.idle_end = t.at(SOON);
    record
}

/// Whether the machine's own time is still so early that no server has collected what ends soon.
fn in_time(t: &Trial) -> bool {
    Timestamp::from(SystemTime::now()) < t.at(SOON - 1)
}

async fn sweep_takes_no_live_session(t: Trial) -> Verdict {
    let mut old = t.full_record()?;
    (old.created, old.seen) = (t.at(-3_000_000), t.at(-2_000_000));
    let mut close = t.record();
    close.idle_end = Timestamp::from_millis(t.at(SOON).as_millis() + 1);
    let mut ending = t.record();
    ending.absolute_end = close.idle_end;
    let mut sessions = vec![t.session().await?, t.full_session().await?];
    for record in [old, close, ending] {
        sessions.push(t.session_of(record).await?);
    }
    let over = t.session_of(short(&t)).await?;
    t.sweep(1_000, t.now).await?;
    for session in sessions.iter().chain(in_time(&t).then_some(&over)) {
        t.holds(session, t.now).await?;
    }
    t.sweep(1_000, t.at(SOON)).await?;
    let (lasting, closest) = sessions.split_at(3);
    for session in lasting {
        t.holds(session, t.at(SOON)).await?;
    }
    for session in closest.iter().filter(|_| in_time(&t)) {
        t.holds(session, t.at(SOON)).await?;
    }
    Ok(())
}

async fn sweep_takes_no_session_that_was_extended(t: Trial) -> Verdict {
    let mut touched = t.session_of(short(&t)).await?;
    t.write(&mut touched, patch().touch(t.at(3_000)), t.at(1)).await?;
    let mut rotated = t.session_of(short(&t)).await?;
    t.turn(&mut rotated, patch().touch(t.at(3_000)), t.at(1)).await?;
    let mut ending = t.record();
    ending.absolute_end = t.at(SOON);
    let mut prolonged = t.session_of(ending).await?;
    t.write(&mut prolonged, patch().absolute_end(t.at(3_000)), t.at(1)).await?;
    t.sweep(1_000, t.at(SOON)).await?;
    for session in [touched, rotated, prolonged] {
        t.holds(&session, t.at(SOON)).await?;
    }
    Ok(())
}

async fn still_there(t: &Trial, sessions: &[Session]) -> Verdict<usize> {
    let mut there = 0;
    for session in sessions {
        there += usize::from(matches!(t.load(&session.key, t.at(1)).await?, Loaded::Found(_)));
    }
    Ok(there)
}

async fn short_sessions(t: &Trial, count: usize) -> Verdict<Vec<Session>> {
    let mut sessions = Vec::new();
    for _ in 0..count {
        sessions.push(t.session_of(short(t)).await?);
    }
    Ok(sessions)
}

async fn sweep_keeps_to_its_limit(t: Trial) -> Verdict {
    let sessions = short_sessions(&t, 6).await?;
    for (limit, least) in [(0, 6), (1, 5), (2, 3)] {
        let took = t.sweep(limit, t.at(SOON)).await?;
        expect(took <= limit, format!("at most {limit} from sweep({limit})"), took)?;
        let there = still_there(&t, &sessions).await?;
        expect(there >= least || !in_time(&t), format!("at least {least} of 6 after sweep({limit})"), there)?;
    }
    Ok(())
}

async fn sweep_tells_how_many_it_took(t: Trial) -> Verdict {
    let sessions = short_sessions(&t, 4).await?;
    let took = t.sweep(1_000, t.at(SOON)).await?;
    let gone = sessions.len() - still_there(&t, &sessions).await?;
    expect(took >= gone || !in_time(&t), format!("{gone} or more from a sweep that took {gone} of ours"), took)
}

async fn what_sweep_took_or_may_take_is_missing(t: Trial) -> Verdict {
    let sessions = short_sessions(&t, 3).await?;
    t.sweep(1_000, t.at(SOON)).await?;
    for session in sessions {
        t.missing(&session.key, t.at(SOON)).await?;
        let applied = t.apply(&session.key, &patch().touch(t.at(9_000)), &Guard::Exists, t.at(SOON)).await?;
        applied.must_be("Gone", "a touch of what is over")?;
    }
    Ok(())
}
