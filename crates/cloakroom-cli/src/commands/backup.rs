//! `backup`: all sessions, into a file.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use cloakroom::store::Names;
use serde::Serialize;

use super::backup_file::{self, Header, VERSION};
use crate::arguments::{Backup, Common};
use crate::failure::{Exit, Failure, Outcome};
use crate::key_file::{create_new, draft_of};
use crate::output::Output;
use crate::progress;
use crate::store::Opened;
use crate::times::{now, utc};
use crate::walk;

#[derive(Serialize)]
struct WrittenJson {
    /// How many sessions are in the file, or would be.
    records: u64,
    /// How many could not be read.
    unreadable: u64,
    /// Whether the file holds session ids.
    ids: bool,
    dry_run: bool,
}

pub(crate) async fn backup(common: &Common, output: Output, task: &Backup) -> Outcome {
    let opened = Opened::of(common).await?;
    let ids = opened.export()?.names() == Names::Ids;
    if ids && !task.with_ids {
        return Err(Failure::usage(
            "this store keeps session ids, as Express does, and so would the file: who can read it has the sessions. Say --with-ids if \
             that is meant, or `migrate` to a store that keeps hashes",
        ));
    }
    if task.file.symlink_metadata().is_ok() {
        return Err(Failure::words("the file is there already"));
    }
    let (records, unreadable) = if common.dry_run {
        let mut records = 0;
        let unreadable = walk::each_record(&opened, |_| {
            records += 1;
            Ok(())
        })
        .await?;
        (records, unreadable)
    } else {
        write(&opened, output, &task.file, ids).await?
    };
    if ids {
        output.note("The file holds session ids: whoever can read it is logged in as everybody in it.");
    } else if !common.dry_run {
        output.note("The file holds no session id, but what the sessions hold. Keep it as you keep the store.");
    }
    let word = if common.dry_run { "would be in the file" } else { "in the file" };
    let words = match unreadable {
        0 => format!("sessions {word}: {records}"),
        unreadable => format!("sessions {word}: {records}; records that can't be read, and are not: {unreadable}"),
    };
    output.either(words, &WrittenJson { records, unreadable, ids, dry_run: common.dry_run })?;
    Ok(if unreadable == 0 { Exit::Done } else { Exit::Failed })
}

/// The file gets its name when it is whole.
async fn write(opened: &Opened, output: Output, path: &Path, ids: bool) -> Outcome<(u64, u64)> {
    let draft = draft_of(path)?;
    let written = write_to(opened, output, &draft, ids).await;
    let placed = written.and_then(|counts| {
        // Unlike a renaming, a link takes no other file's place.
        fs::hard_link(&draft, path).map_err(failed)?;
        Ok(counts)
    });
    match fs::remove_file(&draft) {
        Err(error) if placed.is_ok() => Err(failed(error)),
        _ => placed,
    }
}

async fn write_to(opened: &Opened, output: Output, draft: &Path, ids: bool) -> Outcome<(u64, u64)> {
    let mut file = BufWriter::new(create_new(draft).map_err(failed)?);
    let header = Header { cloakroom_backup: VERSION, store: opened.kind.clone(), ids, at: utc(now()) };
    backup_file::write_header(&mut file, &header)?;
    let bar = progress::bar(output, None, "written");
    // A store may show a session more than once.
    let (mut seen, mut records) = (HashSet::new(), 0);
    let unreadable = walk::each_record(opened, |exported| {
        if seen.insert(*exported.digest()) {
            backup_file::write_record(&mut file, exported)?;
            records += 1;
            bar.inc(1);
        }
        Ok(())
    })
    .await?;
    backup_file::write_end(&mut file, records)?;
    file.flush().map_err(failed)?;
    file.get_ref().sync_all().map_err(failed)?;
    bar.finish_and_clear();
    Ok((records, unreadable))
}

fn failed(error: io::Error) -> Failure {
    Failure::because("the file", error)
}
