//! `migrate`: all that is in one store, to another, while an application serves from both.

use std::time::Duration;

use cloakroom::record::{Data, Record};
use cloakroom::store::{Exported, Moved, MovingStore, Names, StoreError};
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;

use crate::arguments::{Common, Migrate};
use crate::confirm::confirm;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::patience::patiently;
use crate::progress;
use crate::store::Opened;
use crate::times::now;
use crate::walk::{self, BATCH};

/// Each pass takes what was given another id during the one before.
const PASSES: usize = 20;
/// A session that was given another id is moved this much later.
const TURNED: Duration = Duration::from_secs(11);

/// What became of the sessions.
#[derive(Clone, Debug, Default, Serialize)]
struct Counts {
    /// In the new store now, by this command.
    moved: u64,
    /// Of these, found there with the data that they had here.
    verified: u64,
    /// Of these, written to by somebody since.
    changed_since: u64,
    /// Of these, ended by somebody since, or given another id.
    ended_since: u64,
    /// Over before it was their turn.
    over: u64,
    /// Given another id a moment ago, so that it was not their turn yet; counted each time.
    waited: u64,
    /// Those that the new store can't keep: a key of theirs means something else there.
    unfit: u64,
    /// Records of the old store that can't be read.
    unreadable: u64,
    /// Those where a store failed again and again.
    failed: u64,
    /// Those that are left in the old store, `unfit` and `failed` among them.
    left: u64,
    dry_run: bool,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Verified,
    ChangedSince,
    EndedSince,
    Over,
    Later,
    Unfit,
    Failed,
}

pub(crate) async fn migrate(common: &Common, output: Output, task: &Migrate) -> Outcome {
    if task.from == task.to {
        return Err(Failure::usage("the old store and the new one are the same"));
    }
    let (old, new) = (Opened::at(common, &task.from).await?, Opened::at(common, &task.to).await?);
    if (old.export()?.names(), new.export()?.names()) == (Names::Digests, Names::Ids) {
        return Err(Failure::usage(format!(
            "from {} to {} there is no way: the first keeps a hash of each session id only, and the second needs the id itself",
            old.kind, new.kind
        )));
    }
    let look = look(&old, &new, output).await?;
    if common.dry_run {
        let counts = Counts {
            left: look.live,
            unfit: look.unfit,
            unreadable: look.unreadable,
            dry_run: true,
            ..Counts::default()
        };
        output.either(
            format!(
                "would move {} sessions from {} to {}; {} have a key that can't be kept there, and {} records can't be read",
                look.live - look.unfit, old.kind, new.kind, look.unfit, look.unreadable
            ),
            &counts,
        )?;
        return Ok(if look.live == 0 { Exit::Nothing } else { Exit::Done });
    }
    let question = format!(
        "Move {} sessions from {} to {}? Whoever serves these sessions must know both stores by now (MovingStore, step 2): a process that \
         knows the old one alone logs them out.",
        look.live, old.kind, new.kind
    );
    confirm(common, &question)?;
    let counts = Move { old: &old, new: &new, jobs: task.jobs.into(), output }.run(look.live).await?;
    report(output, &counts)?;
    Ok(if counts.left == 0 && counts.unreadable == 0 { Exit::Done } else { Exit::Failed })
}

/// What is in the old store before.
struct Look {
    live: u64,
    unfit: u64,
    unreadable: u64,
}

async fn look(old: &Opened, new: &Opened, output: Output) -> Outcome<Look> {
    let (mut look, bar) = (Look { live: 0, unfit: 0, unreadable: 0 }, progress::bar(output, None, "looking"));
    look.unreadable = walk::each_record(old, now(), |exported| {
        look.live += 1;
        look.unfit += u64::from(!fits(&exported.record, new));
        bar.inc(1);
        Ok(())
    })
    .await?;
    bar.finish_and_clear();
    Ok(look)
}

struct Move<'a> {
    old: &'a Opened,
    new: &'a Opened,
    jobs: usize,
    output: Output,
}

impl Move<'_> {
    async fn run(&self, live: u64) -> Outcome<Counts> {
        let moving = MovingStore::new(self.old.store.clone(), self.new.store.clone());
        let (mut counts, bar) = (Counts::default(), progress::bar(self.output, Some(live), "moved"));
        for _ in 0..PASSES {
            let waiting = self.pass(&moving, &mut counts, &bar).await?;
            // Who is left now is left for good, or has come since.
            counts.left = self.left().await?;
            if counts.left == 0 || (waiting == 0 && counts.left <= counts.unfit + counts.failed) {
                break;
            }
            if waiting > 0 {
                tokio::time::sleep(TURNED).await;
            }
        }
        bar.finish_and_clear();
        Ok(counts)
    }

    /// Goes through the old store once; tells how many have to wait.
    async fn pass(&self, moving: &MovingStore, counts: &mut Counts, bar: &indicatif::ProgressBar) -> Outcome<u64> {
        let (export, mut after, mut waiting) = (self.old.export()?, None, 0);
        (counts.unfit, counts.failed, counts.unreadable) = (0, 0, 0);
        loop {
            let batch = patiently(|| export.records(after.as_ref(), BATCH, now())).await?;
            counts.unreadable += batch.unreadable;
            let fates = stream::iter(&batch.records).map(|exported| self.bring(moving, exported));
            let mut fates = fates.buffer_unordered(self.jobs);
            while let Some(fate) = fates.next().await {
                match fate {
                    Fate::Verified => counts.verified += 1,
                    Fate::ChangedSince => counts.changed_since += 1,
                    Fate::EndedSince => counts.ended_since += 1,
                    Fate::Over => counts.over += 1,
                    Fate::Later => (waiting, counts.waited) = (waiting + 1, counts.waited + 1),
                    Fate::Unfit => counts.unfit += 1,
                    Fate::Failed => counts.failed += 1,
                }
                if matches!(fate, Fate::Verified | Fate::ChangedSince | Fate::EndedSince) {
                    counts.moved += 1;
                    bar.inc(1);
                }
            }
            drop(fates);
            after = batch.next;
            if after.is_none() {
                return Ok(waiting);
            }
        }
    }

    async fn bring(&self, moving: &MovingStore, exported: &Exported) -> Fate {
        // What is on its way, is completed whatever it holds.
        if !exported.is_on_its_way() && !fits(&exported.record, self.new) {
            return Fate::Unfit;
        }
        patiently(|| self.try_to_bring(moving, exported)).await.unwrap_or(Fate::Failed)
    }

    async fn try_to_bring(&self, moving: &MovingStore, exported: &Exported) -> Result<Fate, StoreError> {
        match moving.bring_over(exported, now()).await? {
            Moved::Later => return Ok(Fate::Later),
            Moved::Over => return Ok(Fate::Over),
            Moved::Done => {}
        }
        Ok(match exported.look_up_in(&*self.new.store, now()).await? {
            None => Fate::EndedSince,
            Some(there) if is_same(&exported.without_notes(), &there) => Fate::Verified,
            Some(_) => Fate::ChangedSince,
        })
    }

    /// How many sessions the old store still has.
    async fn left(&self) -> Outcome<u64> {
        let mut left = 0;
        walk::each_record(self.old, now(), |_| {
            left += 1;
            Ok(())
        })
        .await?;
        Ok(left)
    }
}

/// Whether a store can keep all keys of a record.
fn fits(record: &Record, new: &Opened) -> bool {
    let rules = new.store.capabilities().keys;
    record.data.iter().all(|(key, value)| rules.allow(key) && rules.allow_in(value))
}

/// Whether nothing but touches has happened. The order of an object's keys may be another.
fn is_same(before: &Record, there: &Record) -> bool {
    (&before.user, before.created, before.lifetime) == (&there.user, there.created, there.lifetime)
        && same_data(&before.data, &there.data)
        && same_data(&before.metadata, &there.metadata)
}

fn same_data(before: &Data, there: &Data) -> bool {
    let tree = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let same = |(key, value): (&std::sync::Arc<str>, &cloakroom::record::Value)| {
        there.get(key).is_some_and(|other| value == other || tree(value.as_json()) == tree(other.as_json()))
    };
    before.len() == there.len() && before.iter().all(same)
}

fn report(output: Output, counts: &Counts) -> Outcome<()> {
    if output.json {
        return output.value(counts);
    }
    let Counts { moved, verified, changed_since, ended_since, .. } = counts;
    output.line(format!(
        "moved: {moved} (compared: {verified} the same, {changed_since} written to since, {ended_since} ended since)"
    ))?;
    let others = [
        ("over before their turn", counts.over),
        ("had just been given another id, and waited", counts.waited),
        ("not moved, for a key that the new store can't keep", counts.unfit),
        ("not moved, for a store that failed", counts.failed),
        ("records that can't be read", counts.unreadable),
    ];
    others
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .try_for_each(|(what, count)| output.line(format!("{what}: {count}")))?;
    output.line(match counts.left {
        0 => "the old store is empty".to_owned(),
        left => format!("left in the old store: {left}; the same command goes on"),
    })
}
