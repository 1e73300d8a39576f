//! `migrate`: all that is in one store, to another, while an application serves from both.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::record::{Data, Record};
use cloakroom::store::{Exported, Moved, MovingStore, Names, StoreError};
use futures_util::future::FutureExt as _;
use futures_util::stream::TryStreamExt as _;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::arguments::{Common, Migrate};
use crate::confirm::confirm;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::patience::patiently;
use crate::progress;
use crate::store::Opened;
use crate::threads::on_any_thread;
use crate::times::now;
use crate::walk;

/// Each pass takes what was given another id during the one before.
const PASSES: usize = 20;
/// Few, so that little can happen to a session between its reading and its move.
const READ_AT_ONCE: usize = 64;
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
    if common.dry_run {
        let look = look(&old, &new, output).await?;
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
    let mut live = None;
    // Who has said yes, and sees no bar, need not wait for a count.
    if !common.yes || output.is_watched() {
        let count = look(&old, &new, output).await?.live;
        let question = format!(
            "Move {count} sessions from {} to {}? Whoever serves these sessions must know both stores by now (MovingStore, step 2): a \
             process that knows the old one alone logs them out.",
            old.kind, new.kind
        );
        confirm(common, &question)?;
        live = Some(count);
    }
    let moving = MovingStore::new(old.store.clone(), new.store.clone());
    let counts = Arc::new(Move { moving, old, new, jobs: task.jobs.into() }).run(output, live).await?;
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
    look.unreadable = walk::each_record(old, |exported| {
        look.live += 1;
        look.unfit += u64::from(!fits(&exported.record, new));
        bar.inc(1);
        Ok(())
    })
    .await?;
    bar.finish_and_clear();
    Ok(look)
}

struct Move {
    moving: MovingStore,
    old: Opened,
    new: Opened,
    jobs: usize,
}

impl Move {
    async fn run(self: Arc<Self>, output: Output, live: Option<u64>) -> Outcome<Counts> {
        let (mut counts, bar) = (Counts::default(), progress::bar(output, live, "moved"));
        for _ in 0..PASSES {
            let waiting = self.pass(output, &mut counts, &bar).await?;
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
    async fn pass(self: &Arc<Self>, output: Output, counts: &mut Counts, bar: &ProgressBar) -> Outcome<u64> {
        let (unreadable, mut waiting) = (Cell::new(0), 0);
        (counts.unfit, counts.failed) = (0, 0);
        let fates = walk::records(&self.old, READ_AT_ONCE, &unreadable)?.map_ok(|exported| {
            let this = self.clone();
            on_any_thread(async move { this.bring(&exported).await }).map(Ok)
        });
        let mut fates = pin!(fates.try_buffer_unordered(self.jobs));
        while let Some(fate) = fates.try_next().await? {
            if matches!(fate, Ok(Fate::Verified | Fate::ChangedSince | Fate::EndedSince)) {
                counts.moved += 1;
                bar.inc(1);
            }
            match fate {
                Ok(Fate::Verified) => counts.verified += 1,
                Ok(Fate::ChangedSince) => counts.changed_since += 1,
                Ok(Fate::EndedSince) => counts.ended_since += 1,
                Ok(Fate::Over) => counts.over += 1,
                Ok(Fate::Later) => (waiting, counts.waited) = (waiting + 1, counts.waited + 1),
                Ok(Fate::Unfit) => counts.unfit += 1,
                Err(error) => {
                    if counts.failed == 0 {
                        output.note(format!("A session could not be moved: {}", Failure::from(error).with_sources()));
                    }
                    counts.failed += 1;
                }
            }
        }
        counts.unreadable = unreadable.get();
        Ok(waiting)
    }

    async fn bring(&self, exported: &Exported) -> Result<Fate, StoreError> {
        // What is on its way, is completed whatever it holds.
        if !exported.is_on_its_way() && !fits(&exported.record, &self.new) {
            return Ok(Fate::Unfit);
        }
        patiently(|| self.try_to_bring(exported)).await
    }

    async fn try_to_bring(&self, exported: &Exported) -> Result<Fate, StoreError> {
        match self.moving.bring_over(exported, now()).await? {
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
        walk::each_record(&self.old, |_| {
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
