//! A key that was rotated away a moment ago: known, so that a late request does no harm, and of no use.

use super::rotate::not_found;
use super::trial::{Answer, Fault, Trial, Verdict, patch};
use crate::clock::Timestamp;
use crate::record::Expiry;
use crate::record::StoreKey;
use crate::store::{Guard, SUPERSEDED_FOR};

cases! {
    a_rotated_key_is_superseded_for_a_moment,
    a_rotated_key_is_missing_after_that_moment,
    a_rotated_key_is_missing_once_its_session_is_destroyed,
    a_rotated_key_is_missing_once_its_session_is_over,
    a_destroyed_key_is_never_superseded,
    a_refused_rotate_makes_nothing_superseded,
    a_rotation_counts_from_its_own_time,
    a_store_that_forgets_says_missing,
}

fn remembers(t: &Trial) -> Verdict {
    if t.store.capabilities().remembers_previous_key {
        Ok(())
    } else {
        Err(Fault::Skipped("the store does not remember previous keys"))
    }
}

async fn superseded(t: &Trial, key: &StoreKey, now: Timestamp) -> Verdict {
    t.load(key, now).await?.must_be("Superseded", "load of a key that was rotated away a moment ago")
}

async fn a_rotated_key_is_superseded_for_a_moment(t: Trial) -> Verdict {
    remembers(&t)?;
    let mut session = t.full_session().await?;
    let first = t.turn(&mut session, patch(), t.now).await?;
    superseded(&t, &first, t.now).await?;
    superseded(&t, &first, t.at(9)).await?;
    t.write(&mut session, patch().set("k", "1").touch(t.at(8_000)), t.at(1)).await?;
    superseded(&t, &first, t.at(2)).await?;
    // Looking at it changes nothing, and the new key is none of it.
    t.holds(&session, t.at(2)).await?;
    let second = t.turn(&mut session, patch(), t.at(3)).await?;
    superseded(&t, &second, t.at(3)).await?;
    not_found(&t, &first, t.at(3)).await
}

async fn a_rotated_key_is_missing_after_that_moment(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let old = t.turn(&mut session, patch(), t.now).await?;
    let after = t.now + SUPERSEDED_FOR;
    t.missing(&old, Timestamp::from_millis(after.as_millis() + 1)).await?;
    t.missing(&old, t.at(3_000)).await?;
    t.write(&mut session, patch().set("k", "1").touch(t.at(8_000)), t.at(11)).await?;
    t.missing(&old, t.at(11)).await
}

async fn a_rotated_key_is_missing_once_its_session_is_destroyed(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let old = t.turn(&mut session, patch(), t.now).await?;
    t.destroy(&session.key, t.at(1)).await?;
    t.missing(&old, t.at(1)).await?;
    t.missing(&session.key, t.at(1)).await
}

async fn a_rotated_key_is_missing_once_its_session_is_over(t: Trial) -> Verdict {
    for shorten in [patch().expiry(Expiry::Exactly(t.at(5))), patch().absolute_end(t.at(5))] {
        let mut session = t.full_session().await?;
        let old = t.turn(&mut session, shorten, t.now).await?;
        t.missing(&session.key, t.at(5)).await?;
        t.missing(&old, t.at(5)).await?;
    }
    Ok(())
}

async fn a_destroyed_key_is_never_superseded(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    t.destroy(&session.key, t.now).await?;
    t.missing(&session.key, t.now).await?;
    t.rotate(&session.key, &StoreKey::generate()?, &patch(), &Guard::Exists, t.now).await?.must_be("Gone", "rotate")?;
    t.missing(&session.key, t.now).await
}

async fn a_refused_rotate_makes_nothing_superseded(t: Trial) -> Verdict {
    let missing = StoreKey::generate()?;
    t.rotate(&missing, &StoreKey::generate()?, &patch(), &Guard::Exists, t.now).await?.must_be("Gone", "rotate")?;
    t.missing(&missing, t.now).await?;
    let (session, other) = (t.session().await?, t.session().await?);
    t.rotate(&session.key, &other.key, &patch(), &Guard::Exists, t.now).await?.must_be("Taken", "rotate")?;
    t.destroy(&session.key, t.now).await?;
    t.missing(&session.key, t.now).await
}

/// Not from the creation of the record, nor from the time of the machine.
async fn a_rotation_counts_from_its_own_time(t: Trial) -> Verdict {
    remembers(&t)?;
    let mut session = t.full_session().await?;
    let old = t.turn(&mut session, patch(), t.at(600)).await?;
    superseded(&t, &old, t.at(609)).await?;
    t.missing(&old, t.at(611)).await
}

async fn a_store_that_forgets_says_missing(t: Trial) -> Verdict {
    if t.store.capabilities().remembers_previous_key {
        return Err(Fault::Skipped("the store remembers previous keys"));
    }
    let mut session = t.full_session().await?;
    let old = t.turn(&mut session, patch(), t.now).await?;
    t.missing(&old, t.now).await
}
