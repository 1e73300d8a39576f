//! Rotations among other requests: one key at a time, one winner, and nothing lost on the way.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::races::Rounds;
use super::rotate::not_found;
use super::runner::race;
use super::trial::{Answer, Fault, Session, Trial, Verdict, expect, patch};
use crate::record::{StoreKey, Value};
use crate::store::{Applied, Created, Guard, Loaded, Rotated};

cases! {
    of_parallel_rotates_one_is_done,
    of_rotates_onto_one_key_one_is_done,
    of_a_rotate_and_a_create_onto_one_key_one_is_done,
    of_a_rotate_and_a_destroy_one_happens,
    a_rotation_never_shows_both_keys,
    a_rotation_in_place_never_shows_neither_key,
    a_write_that_races_with_rotate_is_kept_or_refused,
}

async fn of_parallel_rotates_one_is_done(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(200);
    while rounds.again() {
        let session = t.session().await?;
        let mut keys = Vec::new();
        for _ in 0..3 {
            keys.push(StoreKey::generate()?);
        }
        let add = patch().add("n", 1);
        let rotated = race(keys.len(), async |racer| {
            Ok(t.rotate(&session.key, &keys[racer], &add, &Guard::Exists, t.now).await?.word())
        })?;
        let done = rotated.iter().filter(|word| **word == "Done").count();
        let gone = rotated.iter().filter(|word| **word == "Gone").count();
        expect((done, gone) == (1, 2), "1 Done and 2 Gone of 3 rotates of one key", format!("{rotated:?}"))?;
        not_found(&t, &session.key, t.now).await?;
        for (key, word) in keys.into_iter().zip(rotated) {
            if word == "Done" {
                let mut winner = Session { key, ..session.clone() };
                winner.must_follow(&add, t.now);
                t.holds(&winner, t.now).await?;
            } else {
                t.missing(&key, t.now).await?;
            }
        }
    }
    Ok(())
}

async fn of_rotates_onto_one_key_one_is_done(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(200);
    while rounds.again() {
        let sessions = [t.full_session().await?, t.full_session().await?];
        let new = StoreKey::generate()?;
        let rotated =
            race(2, async |racer| t.rotate(&sessions[racer].key, &new, &patch(), &Guard::Exists, t.now).await)?;
        let words: Vec<_> = rotated.iter().map(Answer::word).collect();
        let winner = match words.as_slice() {
            ["Done", "Taken"] => 0,
            ["Taken", "Done"] => 1,
            _ => return Err(Fault::expected("1 Done and 1 Taken", format!("{words:?}"))),
        };
        t.holds(&Session { key: new, ..sessions[winner].clone() }, t.now).await?;
        t.holds(&sessions[1 - winner], t.now).await?;
        not_found(&t, &sessions[winner].key, t.now).await?;
    }
    Ok(())
}

async fn of_a_rotate_and_a_create_onto_one_key_one_is_done(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(200);
    while rounds.again() {
        let (session, created) = (t.full_session().await?, t.full_record()?);
        let new = StoreKey::generate()?;
        let done = race(2, async |racer| {
            Ok(match racer {
                0 => {
                    matches!(t.rotate(&session.key, &new, &patch(), &Guard::Exists, t.now).await?, Rotated::Done { .. })
                }
                _ => matches!(t.create(&new, &created).await?, Created::Done { .. }),
            })
        })?;
        match done.as_slice() {
            [true, false] => {
                t.holds(&Session { key: new, ..session.clone() }, t.now).await?;
                not_found(&t, &session.key, t.now).await?;
            }
            [false, true] => {
                t.holds(&Session { key: new, record: created, ..session.clone() }, t.now).await?;
                t.holds(&session, t.now).await?;
            }
            _ => return Err(Fault::expected("one of a rotate and a create to be Done", format!("{done:?}"))),
        }
    }
    Ok(())
}

async fn of_a_rotate_and_a_destroy_one_happens(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(200);
    while rounds.again() {
        let session = t.session().await?;
        let new = StoreKey::generate()?;
        let done = race(2, async |racer| {
            Ok(match racer {
                0 => {
                    matches!(t.rotate(&session.key, &new, &patch(), &Guard::Exists, t.now).await?, Rotated::Done { .. })
                }
                _ => t.destroy(&session.key, t.now).await?,
            })
        })?;
        not_found(&t, &session.key, t.now).await?;
        match done.as_slice() {
            [true, false] => drop(t.holds(&Session { key: new, ..session }, t.now).await?),
            [false, true] => t.missing(&new, t.now).await?,
            _ => return Err(Fault::expected("one of a rotate and a destroy to happen", format!("{done:?}"))),
        }
    }
    Ok(())
}

/// A chain of keys, which one racer rotates a session along. The others know it, and watch.
struct Chain {
    keys: Vec<StoreKey>,
    /// The rotation from this key to the next may be under way; none beyond it has begun.
    at: AtomicUsize,
    stop: AtomicBool,
}

impl Chain {
    async fn new(t: &Trial) -> Verdict<Chain> {
        let first = t.session().await?.key;
        let mut keys = vec![first];
        for _ in 0..600 {
            keys.push(StoreKey::generate()?);
        }
        Ok(Chain { keys, at: AtomicUsize::new(0), stop: AtomicBool::new(false) })
    }

    fn watched(&self) -> Option<(usize, &StoreKey, &StoreKey)> {
        let at = self.at.load(Ordering::SeqCst);
        let pair = (at, self.keys.get(at)?, self.keys.get(at + 1)?);
        (!self.stop.load(Ordering::SeqCst)).then_some(pair)
    }

    /// Rotates until the chain or the time is over; tells how far it came.
    async fn walk(&self, t: &Trial) -> Verdict<usize> {
        let end = Instant::now() + Duration::from_millis(400);
        let mut walked = Ok(0);
        for (at, pair) in self.keys.windows(2).enumerate() {
            self.at.store(at, Ordering::SeqCst);
            let rotated = t.rotate(&pair[0], &pair[1], &patch().add("turns", 1), &Guard::Exists, t.now).await;
            walked = rotated.and_then(|rotated| rotated.must_be("Done", "rotate along a chain")).map(|()| at + 1);
            if walked.is_err() || Instant::now() > end {
                break;
            }
        }
        self.stop.store(true, Ordering::SeqCst);
        walked
    }
}

/// The new key is looked up first: when it is found, the rotation has happened, and the old key must be dead.
async fn a_rotation_never_shows_both_keys(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(3);
    while rounds.again() {
        let chain = Chain::new(&t).await?;
        race(3, async |racer| {
            if racer == 0 {
                return chain.walk(&t).await.map(drop);
            }
            while let Some((at, old, new)) = chain.watched() {
                if let Loaded::Found(found) = t.load(new, t.now).await? {
                    not_found(&t, old, t.now).await?;
                    let turns = found.record.data.get("turns").and_then(Value::as_i64);
                    let wanted = i64::try_from(at).unwrap_or(0) + 1;
                    expect(turns == Some(wanted), format!("the patch of rotation {wanted}"), format!("{turns:?}"))?;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The old key is looked up first: when it is dead, the rotation has happened, and the new key must find the session,
/// unless the next rotation has begun by then.
async fn a_rotation_in_place_never_shows_neither_key(t: Trial) -> Verdict {
    if !t.store.capabilities().rotates_in_place {
        return Err(Fault::Skipped("the store does not rotate in place"));
    }
    let mut rounds = Rounds::new(3);
    while rounds.again() {
        let chain = Chain::new(&t).await?;
        race(3, async |racer| {
            if racer == 0 {
                return chain.walk(&t).await.map(drop);
            }
            while let Some((at, old, new)) = chain.watched() {
                if matches!(t.load(old, t.now).await?, Loaded::Found(_)) {
                    continue;
                }
                let loaded = t.load(new, t.now).await?;
                if chain.at.load(Ordering::SeqCst) == at {
                    loaded.must_be("Found", "load of the new key once the old one is dead")?;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

async fn a_write_that_races_with_rotate_is_kept_or_refused(t: Trial) -> Verdict {
    let mut rounds = Rounds::new(3);
    while rounds.again() {
        let (chain, added) = (Chain::new(&t).await?, AtomicI64::new(7));
        let walked = race(3, async |racer| {
            if racer == 0 {
                return chain.walk(&t).await;
            }
            while let Some((_, old, new)) = chain.watched() {
                for key in [old, new] {
                    match t.apply(key, &patch().add("n", 1), &Guard::Exists, t.now).await? {
                        Applied::Done(_) => drop(added.fetch_add(1, Ordering::SeqCst)),
                        other => other.must_be("Gone", "a write that races with rotate")?,
                    }
                }
            }
            Ok(0)
        })?;
        let turns = walked.into_iter().max().unwrap_or(0);
        let record = t.found(&chain.keys[turns], t.now).await?.record;
        let n = record.data.get("n").and_then(Value::as_i64);
        let wanted = added.load(Ordering::SeqCst);
        expect(n == Some(wanted), format!("all adds that were Done, {wanted}"), format!("{n:?}"))?;
        for key in chain.keys.iter().take(turns) {
            not_found(&t, key, t.now).await?;
        }
    }
    Ok(())
}
