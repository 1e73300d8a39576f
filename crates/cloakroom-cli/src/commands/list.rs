//! `list` and `user`.

use cloakroom::record::{Handle, UserId};
use cloakroom::store::Entry;

use crate::arguments::{Common, List, User};
use crate::failure::{Exit, Failure, Outcome};
use crate::json::SessionJson;
use crate::output::{Output, table};
use crate::store::Opened;
use crate::times::{now, relative};
use crate::walk;

pub(crate) async fn list(common: &Common, output: Output, task: &List) -> Outcome {
    let (opened, now) = (Opened::of(common).await?, now());
    if task.all && output.json && task.after.is_none() {
        // They need not all be kept at a time.
        let mut any = Exit::Nothing;
        walk::each_entry(&opened, now, |entry| {
            any = Exit::Done;
            output.value(&SessionJson::of(&entry))
        })
        .await?;
        return Ok(any);
    }
    let after = task.after.as_deref().map(Handle::from);
    let entries = if task.all {
        let mut entries = Vec::new();
        walk::each_entry(&opened, now, |entry| {
            entries.push(entry);
            Ok(())
        })
        .await?;
        entries.retain(|entry| after.as_ref().is_none_or(|after| entry.handle > *after));
        entries.sort_by(|one, other| one.handle.cmp(&other.handle));
        entries
    } else {
        opened.directory()?.page(after.as_ref(), task.limit, now).await?
    };
    print(output, &entries)?;
    if !task.all && entries.len() == task.limit && task.limit > 0 && !output.json {
        output.note(format!("There may be more: --after {} goes on, --all shows all.", entries[task.limit - 1].handle));
    }
    Ok(if entries.is_empty() { Exit::Nothing } else { Exit::Done })
}

pub(crate) async fn user(common: &Common, output: Output, task: &User) -> Outcome {
    let user = user_of(&task.user)?;
    let entries = Opened::of(common).await?.directory()?.list(&user, now()).await?;
    print(output, &entries)?;
    Ok(if entries.is_empty() { Exit::Nothing } else { Exit::Done })
}

pub(crate) fn user_of(text: &str) -> Outcome<UserId> {
    UserId::new(text).map_err(|error| Failure::usage(error.to_string()))
}

fn print(output: Output, entries: &[Entry]) -> Outcome<()> {
    if output.json {
        return entries.iter().try_for_each(|entry| output.value(&SessionJson::of(entry)));
    }
    if entries.is_empty() {
        output.note("no session");
        return Ok(());
    }
    let now = now();
    let row = |entry: &Entry| {
        let user = entry.user.as_ref().map_or("–".to_owned(), ToString::to_string);
        let times = [entry.created, entry.seen, entry.end].map(|time| relative(time, now));
        [entry.handle.to_string(), user].into_iter().chain(times).collect()
    };
    table(output, &["HANDLE", "USER", "BEGAN", "SEEN", "ENDS"], &entries.iter().map(row).collect::<Vec<_>>())
}
