//! Creating: the only way in, and never over another.

use super::trial::{Answer, Trial, Verdict, expect, patch};
use crate::record::StoreKey;
use crate::store::Guard;

cases! {
    create_never_overwrites,
    create_on_a_taken_key_leaves_the_token,
    the_token_of_create_guards,
    create_does_not_change_the_clock_of_a_record,
}

async fn create_never_overwrites(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    let other = t.record();
    t.create(&session.key, &other).await?.must_be("Taken", "create on the key of a live session")?;
    t.holds(&session, t.now).await?;
    t.create(&session.key, &session.record).await?.must_be("Taken", "create of the very same record")?;
    t.holds(&session, t.now).await.map(drop)
}

async fn create_on_a_taken_key_leaves_the_token(t: Trial) -> Verdict {
    let session = t.session().await?;
    t.create(&session.key, &t.record()).await?.must_be("Taken", "create on the key of a live session")?;
    let guard = Guard::Unchanged(session.token);
    t.apply(&session.key, &patch().set("k", "1"), &guard, t.now).await?.must_be("Done", "apply with the token")
}

async fn the_token_of_create_guards(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let stale = Guard::Unchanged(session.token.clone());
    t.apply(&session.key, &patch().set("k", "1"), &stale, t.now).await?.must_be("Done", "apply with a fresh token")?;
    session.must_follow(&patch().set("k", "1"), t.now);
    t.apply(&session.key, &patch().set("k", "2"), &stale, t.now).await?.must_be("Conflict", "the same token again")?;
    t.holds(&session, t.now).await.map(drop)
}

/// The times are the record's, not the call's.
async fn create_does_not_change_the_clock_of_a_record(t: Trial) -> Verdict {
    let key = StoreKey::generate()?;
    let mut record = t.record();
    record.created = t.at(-100_000);
    record.seen = t.at(-50_000);
    t.create(&key, &record).await?.must_be("Done", "create")?;
    let found = t.found(&key, t.at(1)).await?.record;
    expect(
        found.created == record.created,
        format!("created at {:?}", record.created),
        format!("{:?}", found.created),
    )?;
    expect(found.seen == record.seen, format!("seen at {:?}", record.seen), format!("{:?}", found.seen))
}
