//! The directory while sessions rotate: one that lives is there, once, at every moment.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::directory::directory;
use super::page::before;
use super::races::Rounds;
use super::runner::race;
use super::trial::{Answer, Fault, Session, Trial, Verdict, answer, expect, patch};
use crate::record::{Handle, StoreKey, UserId};
use crate::store::{Guard, Rotated};

/// How long the first rotation is waited for.
const FIRST_TURN: Duration = Duration::from_secs(1);

cases! {
    a_session_that_rotates_is_in_the_directory_once,
    a_session_that_rotates_is_revoked,
}

fn in_place(t: &Trial) -> Verdict {
    directory(t)?;
    if t.store.capabilities().rotates_in_place {
        Ok(())
    } else {
        Err(Fault::Skipped("the store does not rotate in place"))
    }
}

async fn session_of_a_user(t: &Trial) -> Verdict<(UserId, Session)> {
    let (user, mut record) = (t.user("ada")?, t.record());
    record.user = Some(user.clone());
    Ok((user, t.session_of(record).await?))
}

/// Rotates a session from key to key until it is told to stop, or the session is gone.
async fn rotate_on(t: &Trial, session: &Session, stop: impl Fn() -> bool) -> Verdict<StoreKey> {
    let mut key = session.key.clone();
    while !stop() {
        let new = StoreKey::generate()?;
        match t.rotate(&key, &new, &patch(), &Guard::Exists, t.now).await? {
            Rotated::Gone => break,
            other => other.must_be("Done", "rotate of a live session")?,
        }
        key = new;
    }
    Ok(key)
}

async fn a_session_that_rotates_is_in_the_directory_once(t: Trial) -> Verdict {
    in_place(&t)?;
    let (user, session) = session_of_a_user(&t).await?;
    let after = before(&t, &session.handle).await?;
    let watching = AtomicUsize::new(3);
    race(4, async |racer| {
        if racer == 3 {
            let key = rotate_on(&t, &session, || watching.load(Ordering::SeqCst) == 0).await?;
            return t.found(&key, t.now).await.map(drop);
        }
        let watched = watch(&t, racer, &user, &session.handle, after.as_ref()).await;
        watching.fetch_sub(1, Ordering::SeqCst);
        watched
    })
    .map(drop)
}

async fn watch(t: &Trial, way: usize, user: &UserId, handle: &Handle, after: Option<&Handle>) -> Verdict {
    let (end, mut looked) = (Instant::now() + Duration::from_millis(200), 0);
    while looked < 5 || Instant::now() < end {
        looked += 1;
        let (call, saw) = match way {
            0 => ("count", answer("count", directory(t)?.count(user, t.now).await)?),
            1 => ("list", answer("list", directory(t)?.list(user, t.now).await)?.len() as u64),
            _ => {
                let page = answer("page", directory(t)?.page(after, 50, t.now).await)?;
                ("page", page.iter().filter(|entry| entry.handle == *handle).count() as u64)
            }
        };
        expect(saw == 1, format!("a session that rotates to be there once for {call}"), saw)?;
    }
    Ok(())
}

async fn a_session_that_rotates_is_revoked(t: Trial) -> Verdict {
    in_place(&t)?;
    let mut rounds = Rounds::new(200);
    let mut by_handle = false;
    while rounds.again() {
        by_handle = !by_handle;
        let (user, session) = session_of_a_user(&t).await?;
        let (revoked, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
        race(2, async |racer| {
            if racer == 0 {
                let stop = || {
                    turns.fetch_add(1, Ordering::SeqCst);
                    revoked.load(Ordering::SeqCst)
                };
                return rotate_on(&t, &session, stop).await.map(drop);
            }
            // On a busy machine who revokes may be first each time. A rotation that fails is waited for in vain.
            let start = Instant::now();
            while by_handle && turns.load(Ordering::SeqCst) < 2 && start.elapsed() < FIRST_TURN {
                std::thread::sleep(Duration::from_micros(50));
            }
            let ended = if by_handle {
                answer("revoke", directory(&t)?.revoke(&user, &session.handle, t.now).await).map(u64::from)
            } else {
                answer("revoke_all", directory(&t)?.revoke_all(&user, None, t.now).await)
            };
            revoked.store(true, Ordering::SeqCst);
            let ended = ended?;
            expect(ended == 1, "the session that rotates to be revoked", ended)
        })?;
        let left = answer("count", directory(&t)?.count(&user, t.now).await)?;
        expect(left == 0, "no session after it was revoked", left)?;
    }
    Ok(())
}
