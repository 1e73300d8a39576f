//! Loading: what was created comes back, until it is over; and looking changes nothing.

use crate::clock::Timestamp;
use crate::record::{Lifetime, Record, StoreKey};

use super::trial::{Trial, Verdict, expect, just_before, patch};

cases! {
    a_missing_key_is_missing,
    a_created_record_comes_back_whole,
    a_bare_record_comes_back_bare,
    a_lifetime_comes_back_as_it_was,
    ends_in_the_far_future_come_back,
    a_handle_is_public_and_stays,
    sessions_do_not_mix,
    a_record_is_missing_from_its_idle_end_on,
    a_record_is_missing_from_its_absolute_end_on,
    load_deletes_nothing,
    load_changes_nothing,
}

async fn a_missing_key_is_missing(t: Trial) -> Verdict {
    t.missing(&StoreKey::generate()?, t.now).await
}

async fn a_created_record_comes_back_whole(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    t.holds(&session, t.now).await.map(drop)
}

async fn a_bare_record_comes_back_bare(t: Trial) -> Verdict {
    let session = t.session_of(Record::new(t.now, t.at(60), t.at(120))).await?;
    t.holds(&session, t.now).await.map(drop)
}

async fn a_lifetime_comes_back_as_it_was(t: Trial) -> Verdict {
    let idle = Some(std::time::Duration::from_millis(30 * 86_400_000 + 1));
    for lifetime in [
        Lifetime { idle: None, persistent: Some(false) },
        Lifetime { idle: None, persistent: Some(true) },
        Lifetime { idle, persistent: None },
        Lifetime { idle, persistent: Some(false) },
    ] {
        let mut record = t.record();
        record.lifetime = lifetime;
        let session = t.session_of(record).await?;
        t.holds(&session, t.now).await?;
    }
    Ok(())
}

/// The last millisecond of the year 9999: an application that wants no end asks for something like it.
async fn ends_in_the_far_future_come_back(t: Trial) -> Verdict {
    let far = Timestamp::from_millis(253_402_300_799_999);
    let mut session = t.session_of(Record::new(t.now, far, far)).await?;
    t.holds(&session, t.now).await?;
    t.write(&mut session, patch().touch(far).set("k", "1"), t.at(1)).await
}

async fn a_handle_is_public_and_stays(t: Trial) -> Verdict {
    let (session, other) = (t.full_session().await?, t.session().await?);
    let handle = session.handle.as_str();
    let in_a_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    expect(!handle.is_empty() && handle.chars().all(in_a_path), "a handle that is safe in a URL path", handle)?;
    expect(!handle.contains(session.key.plain()), "a handle that does not tell the id", "the id in it")?;
    expect(session.handle != other.handle, "two sessions to have two handles", "one")?;
    let found = t.holds(&session, t.at(1)).await?;
    expect(found.handle == session.handle, format!("the handle that create gave, {handle}"), found.handle)
}

async fn sessions_do_not_mix(t: Trial) -> Verdict {
    let (mut one, two) = (t.full_session().await?, t.full_session().await?);
    t.write(&mut one, patch().set("word", r#""new""#).unset("n").touch(t.at(7_200)), t.at(1)).await?;
    t.holds(&two, t.at(1)).await.map(drop)
}

async fn a_record_is_missing_from_its_idle_end_on(t: Trial) -> Verdict {
    let session = t.idle_session().await?;
    t.holds(&session, just_before(session.record.idle_end)).await?;
    t.missing(&session.key, session.record.idle_end).await?;
    t.missing(&session.key, t.at(1_000_000)).await
}

async fn a_record_is_missing_from_its_absolute_end_on(t: Trial) -> Verdict {
    let session = t.ending_session().await?;
    t.holds(&session, just_before(session.record.absolute_end)).await?;
    t.missing(&session.key, session.record.absolute_end).await?;
    t.missing(&session.key, t.at(1_000_000)).await
}

/// Between the look and the deletion another request might have extended it.
async fn load_deletes_nothing(t: Trial) -> Verdict {
    for session in [t.idle_session().await?, t.ending_session().await?] {
        t.missing(&session.key, t.at(60)).await?;
        t.missing(&session.key, t.at(1_000_000)).await?;
        t.holds(&session, t.at(1)).await?;
    }
    Ok(())
}

async fn load_changes_nothing(t: Trial) -> Verdict {
    let session = t.full_session().await?;
    let first = t.holds(&session, t.at(1)).await?;
    t.holds(&session, t.at(600)).await?;
    let last = t.holds(&session, t.at(1_200)).await?;
    expect(first.token == last.token, "the same token from each load", "another")?;
    t.guards(&session, &session.token, t.at(1_200)).await
}
