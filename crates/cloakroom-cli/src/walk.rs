//! Going through all sessions of a store.

use std::cell::Cell;
use std::collections::HashSet;
use std::pin::pin;

use cloakroom::Timestamp;
use cloakroom::record::Handle;
use cloakroom::store::{Cursor, Entry, Exported, Names};
use futures_util::stream::{self, Stream, TryStreamExt as _};

use crate::failure::{Failure, Outcome};
use crate::patience::patiently;
use crate::store::Opened;
use crate::times::now;

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
        return each_record(opened, |exported| {
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
pub(crate) async fn each_record(opened: &Opened, mut see: impl FnMut(&Exported) -> Outcome<()>) -> Outcome<u64> {
    let unreadable = Cell::new(0);
    let mut records = pin!(records(opened, BATCH, &unreadable)?);
    while let Some(exported) = records.try_next().await? {
        if !exported.is_on_its_way() {
            see(&exported)?;
        }
    }
    Ok(unreadable.get())
}

/// All records that live, read so many at a time, when they are asked for. How many can't be read, is added up.
pub(crate) fn records<'a>(
    opened: &'a Opened,
    at_a_time: usize,
    unreadable: &'a Cell<u64>,
) -> Outcome<impl Stream<Item = Outcome<Exported>> + 'a> {
    let export = opened.export()?;
    let batches = stream::try_unfold(Some(None::<Cursor>), move |after| async move {
        let Some(after) = after else { return Ok::<_, Failure>(None) };
        let batch = patiently(|| export.records(after.as_ref(), at_a_time, now())).await?;
        unreadable.set(unreadable.get() + batch.unreadable);
        let next = batch.next.map(Some);
        Ok(Some((stream::iter(batch.records.into_iter().map(Ok::<_, Failure>)), next)))
    });
    Ok(batches.try_flatten())
}
