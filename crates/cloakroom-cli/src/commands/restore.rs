//! `restore`: what is in a file and not in the store, into the store.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use cloakroom::record::Handle;
use cloakroom::store::{Exported, Imported, Names, Store, StoreError};
use futures_util::future::TryFutureExt as _;
use futures_util::stream::{self, TryStreamExt as _};
use serde::Serialize;

use super::backup_file::{self, Header, Read};
use crate::arguments::{Common, Restore};
use crate::confirm::confirm;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::patience::patiently;
use crate::progress;
use crate::store::Opened;
use crate::threads::on_any_thread;
use crate::times::now;
use crate::walk;

/// What became of the records.
#[derive(Clone, Debug, Default, Serialize)]
struct Counts {
    /// In the store now, or would be.
    restored: u64,
    /// Left as they are in the store, under the same id or, with the same handle, under another.
    there: u64,
    /// Over by now.
    over: u64,
    /// Those that the store can't keep: a key of theirs means something else there.
    unfit: u64,
    dry_run: bool,
}

pub(crate) async fn restore(common: &Common, output: Output, task: &Restore) -> Outcome {
    // All of it is read first, so that a file that is cut off changes nothing.
    let (header, records) = check(&task.file)?;
    let opened = Opened::of(common).await?;
    if !header.ids && opened.export()?.names() == Names::Ids {
        return Err(Failure::usage(format!(
            "from this file there is no way to {}: the file holds a hash of each session id only, and the store needs the id itself",
            opened.kind
        )));
    }
    if header.ids {
        output.note("The file holds session ids: whoever can read it is logged in as everybody in it.");
    }
    if !common.dry_run {
        confirm(
            common,
            &format!(
                "Put the {records} sessions of the file into {}? What is there stays as it is. But who has logged out since the file was made is \
                 logged in again.",
                opened.kind
            ),
        )?;
    }
    let counts = run(common, output, task, &opened, records).await?;
    report(output, &counts)?;
    Ok(match (counts.unfit, counts.restored) {
        (1.., _) => Exit::Failed,
        (0, 0) => Exit::Nothing,
        (0, _) => Exit::Done,
    })
}

async fn run(common: &Common, output: Output, task: &Restore, opened: &Opened, records: u64) -> Outcome<Counts> {
    // A session that was given another id since has kept its handle, where a rotation happens in place.
    let target =
        Arc::new(Target { store: opened.store.clone(), handles: handles(opened).await?, dry_run: common.dry_run });
    let bar = progress::bar(output, Some(records), "restored");
    let mut counts = Counts { dry_run: common.dry_run, ..Counts::default() };
    let (mut file, _) = open(&task.file)?;
    let mut number = 1;
    let records = std::iter::from_fn(|| {
        number += 1;
        match backup_file::read(&mut file, number) {
            Ok(Read::Record(exported)) => Some(Ok(exported)),
            Ok(Read::End(_)) => None,
            Err(failure) => Some(Err(failure)),
        }
    });
    let imports = stream::iter(records).map_ok(|exported| {
        let target = target.clone();
        on_any_thread(async move { target.import(&exported).await }).err_into::<Failure>()
    });
    let mut imports = pin!(imports.try_buffer_unordered(task.jobs.into()));
    while let Some(imported) = imports.try_next().await? {
        bar.inc(1);
        match imported {
            Imported::Done { .. } => counts.restored += 1,
            Imported::Taken => counts.there += 1,
            Imported::Over => counts.over += 1,
            Imported::NeedsId | Imported::Unfit => counts.unfit += 1,
        }
    }
    bar.finish_and_clear();
    Ok(counts)
}

/// Where the records go.
struct Target {
    store: Arc<dyn Store>,
    /// Of the sessions that were there before.
    handles: HashSet<Handle>,
    dry_run: bool,
}

impl Target {
    async fn import(&self, exported: &Exported) -> Result<Imported, StoreError> {
        let now = now();
        if !exported.record.is_live(now) {
            return Ok(Imported::Over);
        }
        if self.handles.contains(&exported.handle) {
            return Ok(Imported::Taken);
        }
        if !self.dry_run {
            return patiently(|| exported.import_into(&*self.store, now)).await;
        }
        Ok(match patiently(|| exported.look_up_in(&*self.store, now)).await? {
            Some(_) => Imported::Taken,
            None => Imported::Done { handle: exported.handle.clone() },
        })
    }
}

async fn handles(opened: &Opened) -> Outcome<HashSet<Handle>> {
    let mut handles = HashSet::new();
    walk::each_entry(opened, now(), |entry| {
        handles.insert(entry.handle);
        Ok(())
    })
    .await?;
    Ok(handles)
}

fn open(path: &Path) -> Outcome<(BufReader<File>, Header)> {
    let mut file = BufReader::new(File::open(path).map_err(|error| Failure::because("the file", error))?);
    let header = backup_file::read_header(&mut file)?;
    Ok((file, header))
}

/// Reads the whole file; tells how many records it has.
fn check(path: &Path) -> Outcome<(Header, u64)> {
    let (mut file, header) = open(path)?;
    let mut records = 0;
    loop {
        match backup_file::read(&mut file, records + 2)? {
            Read::Record(exported) if exported.id().is_some() == header.ids => records += 1,
            Read::Record(_) => {
                return Err(Failure::words(format!("line {} of the file is not as its header says", records + 2)));
            }
            Read::End(end) if end.end == records => return Ok((header, records)),
            Read::End(_) => {
                return Err(Failure::words("the file is not whole: its end tells of another number of records"));
            }
        }
    }
}

fn report(output: Output, counts: &Counts) -> Outcome<()> {
    let Counts { restored, there, over, unfit, dry_run } = counts;
    let word = if *dry_run { "would be restored" } else { "restored" };
    let mut words = format!("sessions {word}: {restored}; there already: {there}; over by now: {over}");
    if *unfit > 0 {
        words = format!("{words}; with a key that the store can't keep: {unfit}");
    }
    output.either(words, counts)
}
