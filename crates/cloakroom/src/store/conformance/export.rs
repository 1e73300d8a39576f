//! The export: each record that lives, whole, under the name by which another store takes it.

use std::collections::BTreeMap;

use super::same;
use super::trial::{Answer, Fault, Session, Trial, Verdict, answer, expect, patch};
use crate::clock::Timestamp;
use crate::record::{Handle, Record, StoreKey};
use crate::store::{Batch, Cursor, Export, Exported, Guard, Imported, Names};

cases! {
    the_export_has_each_session_whole,
    the_export_has_no_session_that_is_over,
    the_export_goes_on_when_its_last_record_ends,
    an_exported_name_is_the_sessions_own,
    an_exported_state_guards_a_write,
    an_import_is_found_by_its_key,
    an_import_by_digest_needs_a_store_of_digests,
    an_import_never_overwrites,
    an_import_of_what_is_over_makes_nothing,
    an_exported_session_can_be_ended,
}

/// More batches than any collection for tests has.
const FAR: usize = 20_000;

fn export(t: &Trial) -> Verdict<&dyn Export> {
    t.store.export().ok_or(Fault::Skipped("the store has no export"))
}

async fn batch(t: &Trial, after: Option<&Cursor>, limit: usize, now: Timestamp) -> Verdict<Batch> {
    answer("records", export(t)?.records(after, limit, now).await)
}

/// What the export has of these sessions, by their digests.
async fn walk(t: &Trial, sessions: &[Session], limit: usize, now: Timestamp) -> Verdict<BTreeMap<[u8; 32], Exported>> {
    let (mut own, mut after) = (BTreeMap::new(), None);
    for _ in 0..FAR {
        let batch = batch(t, after.as_ref(), limit, now).await?;
        for exported in batch.records {
            if sessions.iter().any(|session| session.key.digest() == exported.digest()) {
                own.insert(*exported.digest(), exported);
            }
        }
        after = batch.next;
        if after.is_none() {
            return Ok(own);
        }
    }
    Err(Fault::Skipped("the store holds too many other sessions to go through"))
}

async fn exported(t: &Trial, session: &Session) -> Verdict<Exported> {
    let found = walk(t, std::slice::from_ref(session), 1_000, t.now).await?.remove(session.key.digest());
    found.ok_or_else(|| Fault::expected("the session in the export", "none"))
}

async fn import(t: &Trial, exported: &Exported, now: Timestamp) -> Verdict<Imported> {
    answer("create", exported.import_into(&t.store, now).await)
}

async fn some_sessions(t: &Trial) -> Verdict<Vec<Session>> {
    let mut sessions = vec![t.session().await?, t.full_session().await?];
    let mut written = t.full_session().await?;
    t.write(&mut written, patch().set("a.b", r#"{"$x":[1,null,-0.0]}"#).touch(t.at(9_000)), t.at(1)).await?;
    sessions.push(written);
    let mut turned = t.full_session().await?;
    t.turn(&mut turned, patch().set("n", "8"), t.now).await?;
    sessions.push(turned);
    Ok(sessions)
}

async fn the_export_has_each_session_whole(t: Trial) -> Verdict {
    export(&t)?;
    let sessions = some_sessions(&t).await?;
    for limit in [1, 3, 1_000] {
        let found = walk(&t, &sessions, limit, t.at(1)).await?;
        for session in &sessions {
            let Some(exported) = found.get(session.key.digest()) else {
                return Err(Fault::expected(format!("each session in batches of {limit}"), "one less"));
            };
            if let Some((expected, saw)) = same::difference(&session.record, &exported.record) {
                return Err(Fault::expected(expected, saw));
            }
            expect(exported.handle == session.handle, format!("the handle {}", session.handle), &exported.handle)?;
        }
    }
    Ok(())
}

async fn the_export_has_no_session_that_is_over(t: Trial) -> Verdict {
    export(&t)?;
    let over = [t.idle_session().await?, t.ending_session().await?, t.full_session().await?];
    t.destroy(&over[2].key, t.now).await?;
    let found = walk(&t, &over, 50, t.at(60)).await?;
    expect(found.is_empty(), "no session that is over", found.len())
}

async fn the_export_goes_on_when_its_last_record_ends(t: Trial) -> Verdict {
    export(&t)?;
    let sessions = some_sessions(&t).await?;
    let (mut own, mut after, mut ended) = (Vec::new(), None, 0);
    for _ in 0..FAR {
        let batch = batch(&t, after.as_ref(), 1, t.now).await?;
        let mine = |exported: &&Exported| sessions.iter().any(|each| each.key.digest() == exported.digest());
        for exported in batch.records.iter().filter(mine) {
            if !own.contains(exported.digest()) {
                own.push(*exported.digest());
                ended += u64::from(answer("destroy", exported.end_in(&t.store, t.now).await)?);
            }
        }
        after = batch.next;
        if after.is_none() {
            expect(own.len() == sessions.len(), format!("each of {} sessions", sessions.len()), own.len())?;
            return expect(ended == sessions.len() as u64, "each of them ended", ended);
        }
    }
    Err(Fault::Skipped("the store holds too many other sessions to go through"))
}

async fn an_exported_name_is_the_sessions_own(t: Trial) -> Verdict {
    export(&t)?;
    let session = t.full_session().await?;
    let exported = exported(&t, &session).await?;
    let is_right = match export(&t)?.names() {
        Names::Ids => exported.id() == Some(session.key.plain()),
        Names::Digests => exported.id().is_none(),
    };
    expect(is_right, "an id where the store says so, and a digest alone where not", "something else")?;
    let found = answer("load", exported.look_up_in(&t.store, t.now).await)?;
    let difference = found.map(|record| same::difference(&session.record, &record));
    expect(difference == Some(None), "the session under its exported name", "another or none")
}

async fn an_exported_state_guards_a_write(t: Trial) -> Verdict {
    export(&t)?;
    for mut session in some_sessions(&t).await? {
        let Some(token) = exported(&t, &session).await?.token().cloned() else {
            return Err(Fault::Skipped("the export tells no states"));
        };
        let (guard, write) = (Guard::Unchanged(token), patch().set("again", "1"));
        t.apply(&session.key, &write, &guard, t.now).await?.must_be("Done", "apply with the state of an export")?;
        session.must_follow(&write, t.now);
        let late = t.apply(&session.key, &patch().set("again", "2"), &guard, t.now).await?;
        late.must_be("Conflict", "apply with the state of an export before a write")?;
        t.holds(&session, t.now).await?;
    }
    Ok(())
}

/// A record that another store hands over, and the key that its session's owner has.
fn from_elsewhere(t: &Trial, record: &Record) -> Verdict<(StoreKey, Exported)> {
    let (key, handle) = (StoreKey::generate()?, Handle::new("elsewhere"));
    let exported = match export(t)?.names() {
        Names::Ids => Exported::of_id(key.plain(), handle, record.clone())?,
        Names::Digests => Exported::of_digest(*key.digest(), handle, record.clone()),
    };
    Ok((key, exported))
}

async fn an_import_is_found_by_its_key(t: Trial) -> Verdict {
    export(&t)?;
    for record in [t.record(), t.full_record()?] {
        let (key, exported) = from_elsewhere(&t, &record)?;
        let handle = match import(&t, &exported, t.now).await? {
            Imported::Done { handle } => handle,
            other => return Err(Fault::expected("Done", format!("{other:?}"))),
        };
        let found = t.found(&key, t.now).await?;
        if let Some((expected, saw)) = same::difference(&record, &found.record) {
            return Err(Fault::expected(expected, saw));
        }
        expect(found.handle == handle, "the handle that the import told", &found.handle)?;
        let mut session = Session { key, record, token: found.token, handle };
        t.write(&mut session, patch().set("again", "1"), t.now).await?;
        t.turn(&mut session, patch().set("again", "2"), t.now).await?;
    }
    Ok(())
}

async fn an_import_by_digest_needs_a_store_of_digests(t: Trial) -> Verdict {
    let names = export(&t)?.names();
    let (key, record) = (StoreKey::generate()?, t.record());
    let imported = import(&t, &Exported::of_digest(*key.digest(), Handle::new("elsewhere"), record), t.now).await?;
    let is_right =
        matches!((names, &imported), (Names::Ids, Imported::NeedsId) | (Names::Digests, Imported::Done { .. }));
    expect(is_right, format!("what a store of {names:?} can do"), format!("{imported:?}"))
}

async fn an_import_never_overwrites(t: Trial) -> Verdict {
    export(&t)?;
    let mut session = t.full_session().await?;
    let exported = exported(&t, &session).await?;
    t.write(&mut session, patch().set("n", "8"), t.now).await?;
    let imported = import(&t, &exported, t.now).await?;
    expect(imported == Imported::Taken, "Taken", format!("{imported:?}"))?;
    t.holds(&session, t.now).await.map(drop)
}

async fn an_import_of_what_is_over_makes_nothing(t: Trial) -> Verdict {
    let mut record = t.record();
    record.idle_end = t.at(60);
    let (key, exported) = from_elsewhere(&t, &record)?;
    let imported = import(&t, &exported, t.at(60)).await?;
    expect(imported == Imported::Over, "Over", format!("{imported:?}"))?;
    t.missing(&key, t.now).await
}

async fn an_exported_session_can_be_ended(t: Trial) -> Verdict {
    export(&t)?;
    let (session, other) = (t.session().await?, t.session().await?);
    let exported = exported(&t, &session).await?;
    for expected in [true, false] {
        let ended = answer("destroy", exported.end_in(&t.store, t.now).await)?;
        expect(ended == expected, format!("{expected} from its end"), ended)?;
    }
    t.missing(&session.key, t.now).await?;
    t.holds(&other, t.now).await.map(drop)
}
