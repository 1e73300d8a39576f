//! Going through all sessions of a store.

use std::collections::HashSet;

use cloakroom::Timestamp;
use cloakroom::record::Handle;
use cloakroom::store::{Entry, Exported, Names};

use crate::failure::Outcome;
use crate::patience::patiently;
use crate::store::Opened;

/// A call has a deadline, and entries are small.
const PAGE: usize = 1_000;
/// Records may be large.
pub(crate) const BATCH: usize = 200;

/// Shows each live session once, in no order that matters.
///
/// A page of a store that keeps its sessions as Express does goes through all ids; there the records are gone through, once.
pub(crate) async fn each_entry(
    opened: &Opened,
    now: Timestamp,
    mut see: impl FnMut(Entry) -> Outcome<()>,
) -> Outcome<()> {
    if opened.store.export().is_some_and(|export| export.names() == Names::Ids) {
        let mut seen = HashSet::new();
        return each_record(opened, now, |exported| {
            let is_new = seen.insert(exported.handle.clone());
            if is_new { see(Entry::new(exported.handle.clone(), &exported.without_notes())) } else { Ok(()) }
        })
        .await
        .map(drop);
    }
    let directory = opened.directory()?;
    let mut after: Option<Handle> = None;
    loop {
        let page = patiently(|| directory.page(after.as_ref(), PAGE, now)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.handle.clone());
        let is_last = page.len() < PAGE;
        page.into_iter().try_for_each(&mut see)?;
        if is_last {
            return Ok(());
        }
    }
}

/// Shows each record that lives, but for those that are on their way to another store. Tells how many can't be read.
pub(crate) async fn each_record(
    opened: &Opened,
    now: Timestamp,
    mut see: impl FnMut(&Exported) -> Outcome<()>,
) -> Outcome<u64> {
    let export = opened.export()?;
    let (mut after, mut unreadable) = (None, 0);
    loop {
        let batch = patiently(|| export.records(after.as_ref(), BATCH, now)).await?;
        unreadable += batch.unreadable;
        batch.records.iter().filter(|exported| !exported.is_on_its_way()).try_for_each(&mut see)?;
        after = batch.next;
        if after.is_none() {
            return Ok(unreadable);
        }
    }
}
