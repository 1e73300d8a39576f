//! `show`: one session, without its values.

use std::collections::BTreeMap;

use cloakroom::record::Data;
use cloakroom::store::Entry;
use serde::Serialize;

use crate::arguments::{Common, Show};
use crate::failure::{Exit, Outcome};
use crate::find;
use crate::json::{SessionJson, metadata};
use crate::output::{Output, table};
use crate::store::Opened;
use crate::times::{now, relative, utc};
use crate::walk;

/// A session, and the size in bytes of the value of each key, if that was asked for.
#[derive(Serialize)]
struct ShownJson {
    #[serde(flatten)]
    session: SessionJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<BTreeMap<String, usize>>,
}

pub(crate) async fn show(common: &Common, output: Output, task: &Show) -> Outcome {
    let (opened, now) = (Opened::of(common).await?, now());
    let Some(entry) = find::by_handle(&opened, &task.handle, now).await? else {
        output.note("no session has that handle");
        return Ok(Exit::Nothing);
    };
    let mut data = None;
    if task.data {
        walk::each_record(&opened, |exported| {
            if exported.handle == entry.handle {
                data = Some(sizes(&exported.record.data));
            }
            Ok(())
        })
        .await?;
    }
    if output.json {
        output.value(&ShownJson { session: SessionJson::of(&entry), data })?;
    } else {
        print(output, &entry, data)?;
    }
    Ok(Exit::Done)
}

fn sizes(data: &Data) -> BTreeMap<String, usize> {
    data.iter().map(|(key, value)| (key.to_string(), value.as_json().len())).collect()
}

fn print(output: Output, entry: &Entry, data: Option<BTreeMap<String, usize>>) -> Outcome<()> {
    let now = now();
    let time = |time| format!("{} ({})", utc(time).unwrap_or_else(|| "never".to_owned()), relative(time, now));
    let mut rows = vec![
        ["handle".to_owned(), entry.handle.to_string()],
        ["user".to_owned(), entry.user.as_ref().map_or("nobody".to_owned(), ToString::to_string)],
        ["began".to_owned(), time(entry.created)],
        ["seen".to_owned(), time(entry.seen)],
        ["ends".to_owned(), time(entry.end)],
    ];
    rows.extend(
        metadata(&entry.metadata).into_iter().map(|(key, value)| [format!("metadata {key:?}"), value.get().to_owned()]),
    );
    rows.extend(data.into_iter().flatten().map(|(key, size)| [format!("key {key:?}"), format!("{size} bytes")]));
    table(output, &["WHAT", "IS"], &rows.into_iter().map(Vec::from).collect::<Vec<_>>())
}
