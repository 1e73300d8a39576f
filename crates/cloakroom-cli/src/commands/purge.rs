//! `purge`: what is over leaves the store.

use serde::Serialize;

use crate::arguments::{Common, Purge};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::patience::patiently;
use crate::progress;
use crate::store::Opened;
use crate::times::now;

/// A call has a deadline.
const AT_ONCE: usize = 1_000;
/// A store may look at a part of its sessions only for each call: so many calls in a row that find nothing are the end.
const EMPTY: usize = 3;

#[derive(Serialize)]
struct PurgedJson {
    /// How many records that were over were removed.
    purged: usize,
}

pub(crate) async fn purge(common: &Common, output: Output, task: &Purge) -> Outcome {
    if common.dry_run {
        return Err(Failure::usage(
            "no store tells how much there is to purge: only what is over goes, so there is nothing to fear",
        ));
    }
    let opened = Opened::of(common).await?;
    let (limit, bar) = (task.limit.unwrap_or(usize::MAX), progress::bar(output, None, "removed"));
    let (mut purged, mut empty) = (0, 0);
    while purged < limit && empty < EMPTY {
        let swept = patiently(|| opened.store.sweep(AT_ONCE.min(limit - purged), now())).await?;
        empty = if swept == 0 { empty + 1 } else { 0 };
        purged += swept;
        bar.inc(swept as u64);
    }
    bar.finish_and_clear();
    output.either(format!("removed what was over: {purged}"), &PurgedJson { purged })?;
    Ok(Exit::Done)
}
