//! The directory: exactly a user's own live sessions, and an end for the one that was meant.

use super::odd::odd_users;
use super::same;
use super::trial::{Answer, Fault, Session, Trial, Verdict, answer, expect, patch};
use crate::clock::Timestamp;
use crate::record::{Handle, StoreKey, UserId};
use crate::store::{Directory, Entry, Guard};

cases! {
    list_shows_exactly_the_users_sessions,
    list_has_the_last_seen_first,
    an_entry_tells_the_truth,
    list_follows_what_happens_to_a_session,
    list_has_no_session_that_is_over,
    a_log_in_by_apply_is_listed,
    a_rotated_session_is_listed_once,
    a_log_in_by_rotate_is_listed,
    users_that_look_alike_are_two,
    count_counts_the_list,
    revoke_ends_the_session,
    revoke_ends_no_other_users_session,
    revoke_of_a_handle_that_nobody_has_is_false,
    revoke_of_what_is_over_is_false,
    revoke_all_ends_all,
    revoke_all_spares_one,
    revoke_all_leaves_other_users_alone,
}

pub(super) fn directory(t: &Trial) -> Verdict<&dyn Directory> {
    t.store.directory().ok_or(Fault::Skipped("the store has no directory"))
}

async fn list(t: &Trial, user: &UserId, now: Timestamp) -> Verdict<Vec<Entry>> {
    answer("list", directory(t)?.list(user, now).await)
}

async fn count(t: &Trial, user: &UserId, now: Timestamp) -> Verdict<u64> {
    answer("count", directory(t)?.count(user, now).await)
}

async fn revoke(t: &Trial, user: &UserId, handle: &Handle, now: Timestamp) -> Verdict<bool> {
    answer("revoke", directory(t)?.revoke(user, handle, now).await)
}

async fn revoke_all(t: &Trial, user: &UserId, except: Option<&Handle>, now: Timestamp) -> Verdict<u64> {
    answer("revoke_all", directory(t)?.revoke_all(user, except, now).await)
}

async fn session(t: &Trial, user: &UserId, seen: i64) -> Verdict<Session> {
    let mut record = t.full_record()?;
    (record.user, record.created, record.seen) = (Some(user.clone()), t.at(seen - 5), t.at(seen));
    t.session_of(record).await
}

/// Expects that a user's list has these sessions, in this order, and that count says so.
#[track_caller]
fn listed<'a>(
    t: &'a Trial,
    user: &'a UserId,
    sessions: &'a [&Session],
    now: Timestamp,
) -> impl Future<Output = Verdict> + Send + 'a {
    let step = std::panic::Location::caller().line();
    async move {
        let entries = list(t, user, now).await?;
        let mut handles = Vec::new();
        for session in sessions {
            // Where a rotation does not happen in place, the handle is another.
            handles.push(t.found(&session.key, now).await?.handle);
        }
        let saw: Vec<_> = entries.iter().map(|entry| entry.handle.clone()).collect();
        let (wanted, all) = (handles.len(), saw.len());
        expect(saw == handles, format!("the {wanted} sessions {handles:?} at line {step}"), format!("{all}: {saw:?}"))?;
        let counted = count(t, user, now).await?;
        expect(counted == wanted as u64, format!("a count of {wanted} at line {step}"), counted)
    }
}

async fn list_shows_exactly_the_users_sessions(t: Trial) -> Verdict {
    let (ada, bob) = (t.user("ada")?, t.user("bob")?);
    listed(&t, &ada, &[], t.now).await?;
    let one = session(&t, &ada, -10).await?;
    let other = session(&t, &bob, -11).await?;
    let two = session(&t, &ada, -12).await?;
    t.session().await?;
    listed(&t, &ada, &[&one, &two], t.now).await?;
    listed(&t, &bob, &[&other], t.now).await
}

async fn list_has_the_last_seen_first(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let mut middle = session(&t, &ada, -20).await?;
    let (last, first) = (session(&t, &ada, -30).await?, session(&t, &ada, -10).await?);
    listed(&t, &ada, &[&first, &middle, &last], t.now).await?;
    t.write(&mut middle, patch().touch(t.at(8_000)), t.at(1)).await?;
    listed(&t, &ada, &[&middle, &first, &last], t.at(1)).await
}

async fn an_entry_tells_the_truth(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let mut session = session(&t, &ada, -20).await?;
    t.write(&mut session, patch().touch(t.at(9_000)).absolute_end(t.at(8_000)), t.at(2)).await?;
    let mut entries = list(&t, &ada, t.at(2)).await?;
    let Some(entry) = entries.pop() else { return Err(Fault::expected("an entry", "none")) };
    tells(&entry, &Entry::new(session.handle.clone(), &session.record))
}

pub(super) fn tells(saw: &Entry, wanted: &Entry) -> Verdict {
    expect(saw.handle == wanted.handle, &wanted.handle, &saw.handle)?;
    expect(saw.user == wanted.user, format!("{:?}", wanted.user), format!("{:?}", saw.user))?;
    expect(saw.created == wanted.created, format!("created at {:?}", wanted.created), format!("{:?}", saw.created))?;
    expect(saw.seen == wanted.seen, format!("seen at {:?}", wanted.seen), format!("{:?}", saw.seen))?;
    expect(saw.end == wanted.end, format!("the end {:?}", wanted.end), format!("{:?}", saw.end))?;
    match same::data_difference("metadata", &wanted.metadata, &saw.metadata) {
        None => Ok(()),
        Some((wanted, saw)) => Err(Fault::expected(wanted, saw)),
    }
}

async fn list_follows_what_happens_to_a_session(t: Trial) -> Verdict {
    let (ada, bob) = (t.user("ada")?, t.user("bob")?);
    let (mut one, two) = (session(&t, &ada, -10).await?, session(&t, &ada, -20).await?);
    t.destroy(&two.key, t.now).await?;
    listed(&t, &ada, &[&one], t.now).await?;
    t.write(&mut one, patch().user(&bob), t.at(1)).await?;
    listed(&t, &ada, &[], t.at(1)).await?;
    listed(&t, &bob, &[&one], t.at(1)).await?;
    t.destroy(&one.key, t.at(2)).await?;
    listed(&t, &bob, &[], t.at(2)).await
}

async fn list_has_no_session_that_is_over(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let lasting = session(&t, &ada, -10).await?;
    let mut idle = session_record(&t, &ada);
    (idle.seen, idle.idle_end) = (t.at(-20), t.at(60));
    let mut ending = session_record(&t, &ada);
    (ending.seen, ending.absolute_end) = (t.at(-30), t.at(60));
    let (idle, ending) = (t.session_of(idle).await?, t.session_of(ending).await?);
    listed(&t, &ada, &[&lasting, &idle, &ending], t.at(59)).await?;
    listed(&t, &ada, &[&lasting], t.at(60)).await
}

async fn a_log_in_by_apply_is_listed(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let mut session = t.session().await?;
    t.write(&mut session, patch().user(&ada), t.at(1)).await?;
    listed(&t, &ada, &[&session], t.at(1)).await
}

async fn a_rotated_session_is_listed_once(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let mut session = session(&t, &ada, -10).await?;
    for turn in 1..=3 {
        t.turn(&mut session, patch(), t.at(turn)).await?;
        listed(&t, &ada, &[&session], t.at(turn)).await?;
    }
    Ok(())
}

async fn a_log_in_by_rotate_is_listed(t: Trial) -> Verdict {
    let (ada, bob) = (t.user("ada")?, t.user("bob")?);
    let mut session = t.session().await?;
    t.turn(&mut session, patch().user(&ada), t.at(1)).await?;
    listed(&t, &ada, &[&session], t.at(1)).await?;
    t.turn(&mut session, patch().user(&bob), t.at(2)).await?;
    listed(&t, &ada, &[], t.at(2)).await?;
    listed(&t, &bob, &[&session], t.at(2)).await
}

async fn users_that_look_alike_are_two(t: Trial) -> Verdict {
    let base = t.user("user")?;
    let mut users = vec![base.clone()];
    for other in ["%", "_", ".", "*", "1", " ", "\0", "é", "e\u{301}"] {
        users.push(UserId::new(format!("{base}{other}"))?);
    }
    users.push(UserId::new(base.as_str().to_uppercase())?);
    users.push(UserId::new(base.as_str().replacen('u', "_", 1))?);
    users.push(UserId::new(&base.as_str()[..base.as_str().len() - 1])?);
    let mut sessions = Vec::new();
    for user in &users {
        sessions.push(session(&t, user, -10).await?);
    }
    for (user, session) in users.iter().zip(&sessions) {
        listed(&t, user, &[session], t.now).await?;
    }
    // These may be somebody else's, so only that ours is among them.
    for user in odd_users()? {
        let session = session(&t, &user, -10).await?;
        let entries = list(&t, &user, t.now).await?;
        let ours = entries.iter().filter(|entry| entry.handle == session.handle).count();
        expect(ours == 1, format!("the session of the user {user:?} once"), ours)?;
        expect(entries.iter().all(|entry| entry.user.as_ref() == Some(&user)), "only that user's", "another's")?;
        t.destroy(&session.key, t.now).await?;
    }
    Ok(())
}

async fn count_counts_the_list(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    for number in 0..12 {
        let counted = count(&t, &ada, t.now).await?;
        expect(counted == number, format!("a count of {number}"), counted)?;
        t.session_of(session_record(&t, &ada)).await?;
    }
    let listed = list(&t, &ada, t.now).await?.len();
    expect(listed == 12, "12 sessions", listed)
}

fn session_record(t: &Trial, user: &UserId) -> crate::record::Record {
    let mut record = t.record();
    record.user = Some(user.clone());
    record
}

async fn revoke_ends_the_session(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let (one, two) = (session(&t, &ada, -10).await?, session(&t, &ada, -20).await?);
    expect(revoke(&t, &ada, &one.handle, t.now).await?, "true from revoke", "false")?;
    t.missing(&one.key, t.now).await?;
    let write = t.apply(&one.key, &patch().set("k", "1").touch(t.at(9_000)), &Guard::Exists, t.now).await?;
    write.must_be("Gone", "a write after revoke")?;
    let rotated = t.rotate(&one.key, &StoreKey::generate()?, &patch(), &Guard::Exists, t.now).await?;
    rotated.must_be("Gone", "a rotate after revoke")?;
    listed(&t, &ada, &[&two], t.now).await?;
    expect(!revoke(&t, &ada, &one.handle, t.now).await?, "false from a second revoke", "true")?;
    t.holds(&two, t.now).await.map(drop)
}

async fn revoke_ends_no_other_users_session(t: Trial) -> Verdict {
    let (ada, bob) = (t.user("ada")?, t.user("bob")?);
    let (hers, anonymous) = (session(&t, &ada, -10).await?, t.session().await?);
    session(&t, &bob, -10).await?;
    expect(!revoke(&t, &bob, &hers.handle, t.now).await?, "false from revoke by another user", "true")?;
    expect(!revoke(&t, &bob, &anonymous.handle, t.now).await?, "false from revoke of an anonymous session", "true")?;
    t.holds(&hers, t.now).await?;
    t.holds(&anonymous, t.now).await.map(drop)
}

async fn revoke_of_a_handle_that_nobody_has_is_false(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let session = session(&t, &ada, -10).await?;
    let own = session.handle.as_str();
    let long = "f".repeat(10_000);
    let garbage =
        ["", "0", "x", ".", "..", "*", "%", "\0", "$ne", "{\"$ne\":1}", "' OR 1=1 --", "é", "null", long.as_str()];
    let near =
        [format!("{own}0"), format!(" {own}"), own[1..].to_owned(), format!("{own}\0"), session.key.plain().to_owned()];
    for text in garbage.into_iter().chain(near.iter().map(String::as_str)) {
        let revoked = revoke(&t, &ada, &Handle::new(text), t.now).await?;
        expect(!revoked, format!("false from revoke of {text:.40?}"), "true")?;
    }
    t.holds(&session, t.now).await.map(drop)
}

async fn revoke_of_what_is_over_is_false(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let mut record = session_record(&t, &ada);
    record.idle_end = t.at(60);
    let session = t.session_of(record).await?;
    expect(!revoke(&t, &ada, &session.handle, t.at(60)).await?, "false from revoke of what is over", "true")?;
    let ended = revoke_all(&t, &ada, None, t.at(60)).await?;
    expect(ended == 0, "0 from revoke_all where all are over", ended)
}

async fn revoke_all_ends_all(t: Trial) -> Verdict {
    let ada = t.user("ada")?;
    let sessions = [session(&t, &ada, -10).await?, session(&t, &ada, -20).await?, session(&t, &ada, -30).await?];
    let ended = revoke_all(&t, &ada, None, t.now).await?;
    expect(ended == 3, "3 from revoke_all", ended)?;
    for session in &sessions {
        t.missing(&session.key, t.now).await?;
    }
    listed(&t, &ada, &[], t.now).await?;
    let ended = revoke_all(&t, &ada, None, t.now).await?;
    expect(ended == 0, "0 from a second revoke_all", ended)
}

async fn revoke_all_spares_one(t: Trial) -> Verdict {
    let (ada, bob) = (t.user("ada")?, t.user("bob")?);
    let (kept, other) = (session(&t, &ada, -10).await?, session(&t, &ada, -20).await?);
    let ended = revoke_all(&t, &ada, Some(&kept.handle), t.now).await?;
    expect(ended == 1, "1 from revoke_all but for one of two", ended)?;
    t.missing(&other.key, t.now).await?;
    t.holds(&kept, t.now).await?;
    let foreign = session(&t, &bob, -10).await?;
    let ended = revoke_all(&t, &ada, Some(&foreign.handle), t.now).await?;
    expect(ended == 1, "1 from revoke_all but for another user's", ended)?;
    t.missing(&kept.key, t.now).await?;
    t.holds(&foreign, t.now).await?;
    let ended = revoke_all(&t, &bob, Some(&Handle::new("nobody's")), t.now).await?;
    expect(ended == 1, "1 from revoke_all but for a handle that nobody has", ended)
}

async fn revoke_all_leaves_other_users_alone(t: Trial) -> Verdict {
    let (ada, bob) = (t.user("ada")?, t.user("bob")?);
    session(&t, &ada, -10).await?;
    let others = [session(&t, &bob, -10).await?, t.session().await?];
    revoke_all(&t, &ada, None, t.now).await?;
    for other in &others {
        t.holds(other, t.now).await?;
    }
    Ok(())
}
