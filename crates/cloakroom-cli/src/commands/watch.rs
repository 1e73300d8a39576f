//! `watch`: what begins and ends between two looks.

use std::collections::HashMap;
use std::time::Duration;

use cloakroom::record::Handle;
use cloakroom::store::Entry;
use serde::Serialize;

use crate::arguments::{Common, Watch};
use crate::failure::{Exit, Outcome};
use crate::output::Output;
use crate::store::Opened;
use crate::times::{now, utc};
use crate::walk;

#[derive(Serialize)]
struct LookJson<'a> {
    at: Option<String>,
    live: usize,
    with_user: usize,
    /// The sessions that were not there at the last look.
    began: Vec<&'a str>,
    /// Those that were, and are not.
    ended: Vec<&'a str>,
}

pub(crate) async fn watch(common: &Common, output: Output, task: &Watch) -> Outcome {
    let opened = Opened::of(common).await?;
    let every = Duration::from_secs(task.every.max(1));
    output.note(format!(
        "Looks at all sessions every {} s, until Ctrl-C. What begins and ends between two looks is not seen.",
        every.as_secs()
    ));
    let mut before: Option<HashMap<Handle, Entry>> = None;
    for look in 0_u64.. {
        if task.looks.is_some_and(|looks| look >= looks) {
            break;
        }
        if look > 0 {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                pressed = tokio::signal::ctrl_c() => {
                    pressed?;
                    break;
                }
            }
        }
        let mut there = HashMap::new();
        walk::each_entry(&opened, now(), |entry| {
            there.insert(entry.handle.clone(), entry);
            Ok(())
        })
        .await?;
        print(output, before.as_ref(), &there)?;
        before = Some(there);
    }
    Ok(Exit::Done)
}

fn print(output: Output, before: Option<&HashMap<Handle, Entry>>, there: &HashMap<Handle, Entry>) -> Outcome<()> {
    let with_user = there.values().filter(|entry| entry.user.is_some()).count();
    let (mut began, mut ended) = (Vec::new(), Vec::new());
    if let Some(before) = before {
        began.extend(there.values().filter(|entry| !before.contains_key(&entry.handle)));
        ended.extend(before.values().filter(|entry| !there.contains_key(&entry.handle)));
        began.sort_by_key(|entry| entry.created);
        ended.sort_by_key(|entry| entry.created);
    }
    let at = utc(now());
    if output.json {
        return output.value(&LookJson {
            at,
            live: there.len(),
            with_user,
            began: began.iter().map(|entry| entry.handle.as_str()).collect(),
            ended: ended.iter().map(|entry| entry.handle.as_str()).collect(),
        });
    }
    let line = |sign: char, entry: &Entry| {
        format!("  {sign} {}  {}", entry.handle, entry.user.as_ref().map_or("–".to_owned(), ToString::to_string))
    };
    let at = at.unwrap_or_default();
    let counts = format!("{at}  {} live, {with_user} with a user, +{} -{}", there.len(), began.len(), ended.len());
    output.line(counts)?;
    began.into_iter().try_for_each(|entry| output.line(line('+', entry)))?;
    ended.into_iter().try_for_each(|entry| output.line(line('-', entry)))
}
