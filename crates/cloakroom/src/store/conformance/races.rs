//! Many at once: nothing is lost, and what has one winner has one.
//!
//! Each racer is a thread of its own, so that a store whose answers are ready at once is raced, too. Such a store is
//! quick, and its gaps are short: there the race is run again and again for a while.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use super::runner::race;
use super::trial::{Answer, Fault, Session, Trial, Verdict, expect, just_before, patch, value};
use crate::record::{Expiry, StoreKey, Value};
use crate::store::{Applied, Created, Guard};

cases! {
    parallel_adds_lose_nothing,
    parallel_sets_of_different_keys_all_survive,
    parallel_guarded_updates_lose_nothing,
    of_parallel_writes_with_one_token_one_is_done,
    parallel_touches_lose_no_write,
    parallel_writes_beside_the_data_lose_nothing,
    a_load_never_sees_half_a_patch,
    of_parallel_creates_one_is_done,
    of_parallel_destroys_one_is_true,
    a_write_in_flight_does_not_undo_destroy,
    a_touch_in_flight_does_not_undo_destroy,
    sweep_in_flight_takes_no_session_that_was_extended,
}

/// Whether a race should be run again: a few times in any case, and on a quick store for a while.
pub(super) struct Rounds {
    start: Instant,
    run: usize,
    most: usize,
}

impl Rounds {
    pub(super) fn new(most: usize) -> Rounds {
        Rounds { start: Instant::now(), run: 0, most }
    }

    pub(super) fn again(&mut self) -> bool {
        let least = (self.most / 10).max(1);
        let quick = self.start.elapsed() < Duration::from_millis(120);
        self.run += 1;
        self.run <= least || (quick && self.run <= self.most)
    }
}

async fn parallel_adds_lose_nothing(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(10);
    while rounds.again() {
        let session = t.session().await?;
        let numbers = race(8, async |_| {
            let mut numbers = Vec::new();
            for _ in 0..100 {
                match t.apply(&session.key, &patch().add("n", 1), &Guard::Exists, t.now).await? {
                    Applied::Done(written) => numbers.extend(written.numbers.iter().map(|(_, number)| *number)),
                    other => other.must_be("Done", "an add")?,
                }
            }
            Ok(numbers)
        })?;
        let n = number(&t, &session, "n").await?;
        expect(n == 807, "7 and 800 adds of 1 to be 807", n)?;
        let different: BTreeSet<_> = numbers.into_iter().flatten().collect();
        expect(different == (8..=807).collect(), "each number from 8 to 807 to come back once", different.len())?;
    }
    Ok(())
}

async fn number(t: &Trial, session: &Session, key: &str) -> Verdict<i64> {
    let found = t.found(&session.key, t.now).await?;
    found.record.data.get(key).and_then(Value::as_i64).ok_or_else(|| Fault::expected("a number", "none"))
}

async fn parallel_sets_of_different_keys_all_survive(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(20);
    while rounds.again() {
        let mut session = t.session().await?;
        let key = |racer, number| format!("key {racer} {number}");
        race(8, async |racer| {
            for number in 0..20 {
                let set = patch().set(&key(racer, number), "1");
                t.apply(&session.key, &set, &Guard::Exists, t.now).await?.must_be("Done", "a set")?;
                let unset = patch().unset(&key(racer, number)).set(&key(racer, number + 100), "2");
                t.apply(&session.key, &unset, &Guard::Exists, t.now).await?.must_be("Done", "an unset")?;
            }
            Ok(())
        })?;
        for (racer, number) in (0..8).flat_map(|racer| (100..120).map(move |number| (racer, number))) {
            session.must_follow(&patch().set(&key(racer, number), "2"), t.now);
        }
        t.holds(&session, t.now).await?;
    }
    Ok(())
}

async fn parallel_guarded_updates_lose_nothing(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(10);
    while rounds.again() {
        let session = t.session().await?;
        race(6, async |_| {
            for _ in 0..15 {
                loop {
                    let found = t.found(&session.key, t.now).await?;
                    let n = found.record.data.get("n").and_then(Value::as_i64).unwrap_or(0);
                    let set = patch().set_value("n", (n + 1).into());
                    match t.apply(&session.key, &set, &Guard::Unchanged(found.token), t.now).await? {
                        Applied::Conflict => {}
                        other => break other.must_be("Done", "a guarded write")?,
                    }
                }
            }
            Ok(())
        })?;
        let n = number(&t, &session, "n").await?;
        expect(n == 97, "7 and 90 guarded updates by 1 to be 97", n)?;
    }
    Ok(())
}

async fn of_parallel_writes_with_one_token_one_is_done(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(200);
    while rounds.again() {
        let mut session = t.session().await?;
        let guard = Guard::Unchanged(session.token.clone());
        let answers = race(4, async |racer| {
            let set = patch().set(&format!("racer {racer}"), "1");
            Ok(t.apply(&session.key, &set, &guard, t.now).await?.word())
        })?;
        let done = answers.iter().filter(|answer| **answer == "Done").count();
        let conflicts = answers.iter().filter(|answer| **answer == "Conflict").count();
        expect((done, conflicts) == (1, 3), "1 Done and 3 Conflict", format!("{answers:?}"))?;
        let winner = answers.iter().position(|answer| *answer == "Done").unwrap_or_default();
        session.must_follow(&patch().set(&format!("racer {winner}"), "1"), t.now);
        t.holds(&session, t.now).await?;
    }
    Ok(())
}

async fn parallel_touches_lose_no_write(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(10);
    while rounds.again() {
        let session = t.full_session().await?;
        race(4, async |racer| {
            for second in 1..=60 {
                let patch = if racer < 2 { patch().add("n", 1) } else { patch().touch(t.at(4_000 + second)) };
                t.apply(&session.key, &patch, &Guard::Exists, t.now).await?.must_be("Done", "a write or a touch")?;
            }
            Ok(())
        })?;
        let mut expected = session.clone();
        expected.must_follow(&patch().add("n", 120).touch(t.at(4_060)), t.now);
        t.holds(&expected, t.now).await?;
    }
    Ok(())
}

async fn parallel_writes_beside_the_data_lose_nothing(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(10);
    while rounds.again() {
        let mut session = t.session().await?;
        let user = t.user("ada")?;
        let patches = [
            patch().metadata("place", Some(value("1"))),
            patch().user(&user),
            patch().set("k", "1"),
            patch().metadata("agent", Some(value("2"))).add("n", 1),
            patch().absolute_end(t.at(90_000)),
            patch().expiry(Expiry::AtLeast(t.at(5_000))),
        ];
        race(patches.len(), async |racer| {
            t.apply(&session.key, &patches[racer], &Guard::Exists, t.now).await?.must_be("Done", "a write")
        })?;
        for patch in patches {
            session.must_follow(&patch, t.now);
        }
        t.holds(&session, t.now).await?;
    }
    Ok(())
}

async fn a_load_never_sees_half_a_patch(t: Trial) -> Verdict {
    let session = t.session().await?;
    let (stop, end) = (AtomicBool::new(false), Instant::now() + Duration::from_millis(150));
    race(3, async |racer| {
        if racer == 0 {
            for number in 1..=2_000_i64 {
                let start = if number % 2 == 0 { patch().clear() } else { patch() };
                let all = start.set_value("a", number.into()).set_value("z", number.into());
                let all = all.metadata("m", Some(number.into()));
                let applied = t.apply(&session.key, &all, &Guard::Exists, t.now).await;
                if !matches!(applied, Ok(Applied::Done(_))) || Instant::now() > end {
                    stop.store(true, Ordering::SeqCst);
                    return applied?.must_be("Done", "a set");
                }
            }
            stop.store(true, Ordering::SeqCst);
            return Ok(());
        }
        while !stop.load(Ordering::SeqCst) {
            let record = t.found(&session.key, t.now).await?.record;
            let (a, z, m) = (record.data.get("a"), record.data.get("z"), record.metadata.get("m"));
            expect(
                a == z && a == m,
                "all that one patch set",
                format!("{:?}", [a, z, m].map(|v| v.map(Value::as_json))),
            )?;
        }
        Ok(())
    })
    .map(drop)
}

async fn of_parallel_creates_one_is_done(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(200);
    while rounds.again() {
        let key = StoreKey::generate()?;
        let record = |racer: i64| {
            let mut record = t.record();
            record.data = std::sync::Arc::new([("winner", Value::from(racer))].into_iter().collect());
            record
        };
        let racers = [0, 1, 2, 3];
        let created = race(racers.len(), async |racer| t.create(&key, &record(racers[racer])).await)?;
        let done: Vec<_> = racers.into_iter().zip(created).collect();
        let mut winners = done.into_iter().filter_map(|(racer, created)| match created {
            Created::Done { token, handle } => Some((racer, token, handle)),
            Created::Taken => None,
        });
        let Some((racer, token, handle)) = winners.next() else { return Err(Fault::expected("one Done", "none")) };
        expect(winners.next().is_none(), "one Done of 4 creates of one key", "more")?;
        let winner = Session { key, record: record(racer), token, handle };
        t.holds(&winner, t.now).await?;
    }
    Ok(())
}

async fn of_parallel_destroys_one_is_true(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(200);
    while rounds.again() {
        let session = t.session().await?;
        let ended = race(4, async |_| t.destroy(&session.key, t.now).await)?;
        let ended = ended.into_iter().filter(|ended| *ended).count();
        expect(ended == 1, "one true of 4 destroys", ended)?;
    }
    Ok(())
}

/// Two write without a pause while one destroys; once it has, and all have come home, nothing may be there.
async fn stays_destroyed(t: &Trial, write: impl Fn(i64) -> super::trial::Draft + Sync) -> Verdict {
    let mut rounds = Rounds::new(100);
    while rounds.again() {
        let session = t.session().await?;
        let (stop, wrote) = (AtomicBool::new(false), AtomicI64::new(0));
        race(3, async |racer| {
            if racer == 0 {
                while wrote.load(Ordering::SeqCst) < 3 && !stop.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                let destroyed = t.destroy(&session.key, t.now).await;
                stop.store(true, Ordering::SeqCst);
                return expect(destroyed?, "true from destroy of a live session", "false");
            }
            while !stop.load(Ordering::SeqCst) {
                let number = wrote.fetch_add(1, Ordering::SeqCst);
                let applied = t.apply(&session.key, &write(number), &Guard::Exists, t.now).await;
                if !matches!(applied, Ok(Applied::Done(_) | Applied::Gone)) {
                    stop.store(true, Ordering::SeqCst);
                    return applied?.must_be("Gone", "a write that races with destroy");
                }
            }
            Ok(())
        })?;
        t.missing(&session.key, t.now).await?;
    }
    Ok(())
}

async fn a_write_in_flight_does_not_undo_destroy(t: Trial) -> Verdict {
    stays_destroyed(&t, |number| patch().set_value("k", number.into())).await
}

async fn a_touch_in_flight_does_not_undo_destroy(t: Trial) -> Verdict {
    stays_destroyed(&t, |number| patch().touch(t.at(5_000 + number))).await
}

/// A sweep that looks first and deletes then would take a session that was extended in between: so sessions are extended
/// one after the other while it runs.
async fn sweep_in_flight_takes_no_session_that_was_extended(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(30);
    while rounds.again() {
        let mut sessions = Vec::new();
        for _ in 0..12 {
            let mut record = t.record();
            record.idle_end = t.at(10);
            sessions.push(t.session_of(record).await?);
        }
        let in_time = just_before(t.at(10));
        let touched = race(2, async |racer| {
            let mut touched = Vec::new();
            if racer == 0 {
                t.sweep(1_000, t.at(10)).await?;
                return Ok(touched);
            }
            for session in &sessions {
                let touch = patch().touch(t.at(3_000));
                touched.push(t.apply(&session.key, &touch, &Guard::Exists, in_time).await?);
                std::thread::sleep(Duration::from_micros(20));
            }
            Ok(touched)
        })?;
        for (session, applied) in sessions.iter().zip(touched.iter().flatten()) {
            let loaded = t.load(&session.key, t.at(10)).await?;
            match applied {
                Applied::Done(_) => loaded.must_be("Found", "load of a session that was extended in time")?,
                other => {
                    other.must_be("Gone", "a touch of a session that was swept")?;
                    loaded.must_be("Missing", "load of a session whose touch was Gone")?;
                }
            }
        }
    }
    Ok(())
}
