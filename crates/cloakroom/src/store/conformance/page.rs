//! Paging through all sessions: each that lives all the while is on exactly one page.

use std::collections::BTreeMap;

use super::directory::{directory, tells};
use super::trial::{Fault, Session, Trial, Verdict, answer, expect, patch};
use crate::clock::Timestamp;
use crate::record::Handle;
use crate::store::Entry;

cases! {
    pages_show_each_session_once,
    pages_have_no_session_that_is_over,
    a_page_has_at_most_its_limit,
    paging_survives_the_end_of_the_last_entry,
}

/// More pages than any collection for tests has.
const FAR: usize = 20_000;

async fn page(t: &Trial, after: Option<&Handle>, limit: usize, now: Timestamp) -> Verdict<Vec<Entry>> {
    let page = answer("page", directory(t)?.page(after, limit, now).await)?;
    expect(page.len() <= limit, format!("at most {limit} entries on a page"), page.len())?;
    let handles: Vec<_> = after.into_iter().chain(page.iter().map(|entry| &entry.handle)).collect();
    expect(handles.is_sorted_by(|one, next| one < next), "handles in order, behind the last", format!("{handles:?}"))?;
    Ok(page)
}

/// Walks through all pages and gives the entries of these sessions.
async fn walk(t: &Trial, sessions: &[Session], limit: usize, now: Timestamp) -> Verdict<Vec<Entry>> {
    let mut own = Vec::new();
    let mut after = None;
    for _ in 0..FAR {
        let page = page(t, after.as_ref(), limit, now).await?;
        let Some(last) = page.last() else { return Ok(own) };
        after = Some(last.handle.clone());
        own.extend(page.into_iter().filter(|entry| sessions.iter().any(|session| session.handle == entry.handle)));
    }
    Err(Fault::Skipped("the store holds too many other sessions to page through"))
}

/// The handle of the entry before this one, if there is any.
pub(super) async fn before(t: &Trial, handle: &Handle) -> Verdict<Option<Handle>> {
    let mut last = None;
    for _ in 0..FAR {
        for entry in page(t, last.as_ref(), 500, t.now).await? {
            if entry.handle == *handle {
                return Ok(last);
            }
            last = Some(entry.handle);
        }
    }
    Err(Fault::Skipped("the store holds too many other sessions to page through"))
}

async fn some_sessions(t: &Trial) -> Verdict<Vec<Session>> {
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(t.session().await?);
        sessions.push(t.full_session().await?);
    }
    let mut touched = t.full_session().await?;
    t.write(&mut touched, patch().touch(t.at(9_000)), t.at(1)).await?;
    sessions.push(touched);
    Ok(sessions)
}

async fn pages_show_each_session_once(t: Trial) -> Verdict {
    directory(&t)?;
    let sessions = some_sessions(&t).await?;
    let wanted: BTreeMap<_, _> = sessions.iter().map(|session| (session.handle.clone(), &session.record)).collect();
    for limit in [2, 3, 1_000] {
        let entries = walk(&t, &sessions, limit, t.at(1)).await?;
        expect(entries.len() == wanted.len(), format!("each of {} sessions once", wanted.len()), entries.len())?;
        for (entry, (handle, record)) in entries.iter().zip(&wanted) {
            tells(entry, &Entry::new(handle.clone(), record))?;
        }
    }
    Ok(())
}

async fn pages_have_no_session_that_is_over(t: Trial) -> Verdict {
    directory(&t)?;
    let over = [t.idle_session().await?, t.ending_session().await?, t.full_session().await?];
    t.destroy(&over[2].key, t.now).await?;
    let entries = walk(&t, &over, 50, t.at(60)).await?;
    expect(entries.is_empty(), "no session that is over", entries.len())
}

async fn a_page_has_at_most_its_limit(t: Trial) -> Verdict {
    directory(&t)?;
    some_sessions(&t).await?;
    for limit in [0, 1, 2, 5] {
        let first = page(&t, None, limit, t.now).await?;
        expect(first.len() == limit, format!("{limit} of the sessions that there are"), first.len())?;
    }
    Ok(())
}

/// The handle is a place in an order, not a session that has to be there.
async fn paging_survives_the_end_of_the_last_entry(t: Trial) -> Verdict {
    directory(&t)?;
    let mut sessions = some_sessions(&t).await?;
    sessions.sort_by(|one, other| one.handle.cmp(&other.handle));
    t.destroy(&sessions[2].key, t.now).await?;
    let mut after = Some(sessions[2].handle.clone());
    let mut own = Vec::new();
    for _ in 0..FAR {
        let page = page(&t, after.as_ref(), 2, t.now).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.handle.clone());
        own.extend(page.into_iter().map(|entry| entry.handle));
    }
    let wanted: Vec<_> = sessions[3..].iter().map(|session| &session.handle).collect();
    let saw: Vec<_> = own.iter().filter(|handle| wanted.contains(handle)).collect();
    expect(saw == wanted, format!("the {} sessions behind it", wanted.len()), saw.len())
}
