//! `revoke`: ends one session, a user's, or very many.

use std::cell::Cell;
use std::pin::pin;

use cloakroom::Timestamp;
use cloakroom::store::Entry;
use futures_util::future::{TryFutureExt as _, ready};
use futures_util::stream::TryStreamExt as _;
use serde::Serialize;

use crate::arguments::{Common, Which, Whom};
use crate::commands::list::user_of;
use crate::confirm::confirm;
use crate::failure::{Exit, Failure, Outcome};
use crate::find;
use crate::output::Output;
use crate::patience::patiently;
use crate::progress;
use crate::store::Opened;
use crate::threads::on_any_thread;
use crate::times::now;
use crate::walk::{self, BATCH};

/// Who begins a session meanwhile may be missed by one look; after so many, others are faster.
const LOOKS: usize = 100;
/// So many sessions are ended at a time: a store takes about as long for all of them as for one.
const AT_ONCE: usize = 64;

#[derive(Serialize)]
struct RevokedJson {
    /// How many sessions were ended, or would be.
    revoked: u64,
    dry_run: bool,
}

pub(crate) async fn revoke(common: &Common, output: Output, which: &Which) -> Outcome {
    let (opened, now) = (Opened::of(common).await?, now());
    let revoked = match (&which.handle, &which.user, which.all_of) {
        (Some(handle), _, _) => one(common, &opened, handle, now).await?,
        (_, Some(user), _) => of_user(common, &opened, user, now).await?,
        (_, _, Some(whom)) => all_of(common, output, &opened, whom, now).await?,
        (None, None, None) => return Err(Failure::usage("which sessions?")),
    };
    let word = if common.dry_run { "would be ended" } else { "ended" };
    output.either(format!("sessions {word}: {revoked}"), &RevokedJson { revoked, dry_run: common.dry_run })?;
    Ok(if revoked == 0 { Exit::Nothing } else { Exit::Done })
}

async fn one(common: &Common, opened: &Opened, handle: &str, now: Timestamp) -> Outcome<u64> {
    let Some(entry) = find::by_handle(opened, handle, now).await? else { return Ok(0) };
    if common.dry_run {
        return Ok(1);
    }
    confirm(common, "End this session?")?;
    match &entry.user {
        Some(user) => Ok(u64::from(opened.directory()?.revoke(user, &entry.handle, now).await?)),
        None => end_anonymous(opened, &entry, now).await,
    }
}

/// A directory ends sessions of users. Nobody's is found by the name that its store knows it by.
async fn end_anonymous(opened: &Opened, entry: &Entry, now: Timestamp) -> Outcome<u64> {
    let mut found = None;
    walk::each_record(opened, |exported| {
        if exported.handle == entry.handle {
            found = Some(exported.clone());
        }
        Ok(())
    })
    .await?;
    let Some(exported) = found else { return Ok(0) };
    Ok(u64::from(exported.end_in(&*opened.store, now).await?))
}

async fn of_user(common: &Common, opened: &Opened, user: &str, now: Timestamp) -> Outcome<u64> {
    let (user, directory) = (user_of(user)?, opened.directory()?);
    let count = directory.count(&user, now).await?;
    if common.dry_run || count == 0 {
        return Ok(count);
    }
    confirm(common, &format!("End the {count} sessions of this user?"))?;
    Ok(directory.revoke_all(&user, None, now).await?)
}

async fn all_of(common: &Common, output: Output, opened: &Opened, whom: Whom, now: Timestamp) -> Outcome<u64> {
    let is_meant = |is_user: bool| match whom {
        Whom::Users => is_user,
        Whom::Anonymous => !is_user,
        Whom::Everybody => true,
    };
    let mut count = 0;
    walk::each_entry(opened, now, |entry| {
        count += u64::from(is_meant(entry.user.is_some()));
        Ok(())
    })
    .await?;
    if common.dry_run || count == 0 {
        return Ok(count);
    }
    let question = match whom {
        Whom::Users => format!("Log all {count} users out?"),
        Whom::Anonymous => format!("End the {count} sessions of those who are not logged in?"),
        Whom::Everybody => format!("End all {count} sessions?"),
    };
    confirm(common, &question)?;
    let bar = progress::bar(output, Some(count), "ended");
    let (unreadable, mut ended) = (Cell::new(0), 0);
    // Until a look finds none: some are given another id, or begin, meanwhile.
    for _ in 0..LOOKS {
        let ends = walk::records(opened, BATCH, &unreadable)?
            .try_filter(|exported| ready(is_meant(exported.record.user.is_some())))
            .map_ok(|exported| {
                let store = opened.store.clone();
                let end = async move { patiently(|| exported.end_in(&*store, now)).await };
                on_any_thread(end).err_into()
            })
            .try_buffer_unordered(AT_ONCE);
        let (mut ends, mut found) = (pin!(ends), false);
        while let Some(is_ended) = ends.try_next().await? {
            if is_ended {
                (found, ended) = (true, ended + 1);
                bar.inc(1);
            }
        }
        if !found {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(ended)
}
