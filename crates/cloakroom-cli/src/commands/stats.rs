//! `stats`: how many sessions there are, whose, and how old.

use std::collections::HashSet;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::Entry;
use serde::Serialize;

use crate::arguments::Common;
use crate::failure::{Exit, Outcome};
use crate::output::{Output, table};
use crate::progress;
use crate::store::Opened;
use crate::times::{now, utc};
use crate::walk;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// What there is.
#[derive(Debug, Default, Serialize)]
struct Counts {
    /// The store, as people call it.
    store: String,
    live: u64,
    with_user: u64,
    anonymous: u64,
    /// How many different users.
    users: u64,
    by_age: Ages,
    by_last_seen: Ages,
    /// When the oldest of them began.
    oldest: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Ages {
    under_1_hour: u64,
    under_1_day: u64,
    under_7_days: u64,
    under_30_days: u64,
    older: u64,
}

impl Ages {
    fn count(&mut self, age: Duration) {
        let place = match age {
            age if age < HOUR => &mut self.under_1_hour,
            age if age < DAY => &mut self.under_1_day,
            age if age < DAY * 7 => &mut self.under_7_days,
            age if age < DAY * 30 => &mut self.under_30_days,
            _ => &mut self.older,
        };
        *place += 1;
    }

    fn row(&self, name: &str) -> Vec<String> {
        let counts = [self.under_1_hour, self.under_1_day, self.under_7_days, self.under_30_days, self.older];
        std::iter::once(name.to_owned()).chain(counts.iter().map(ToString::to_string)).collect()
    }
}

pub(crate) async fn stats(common: &Common, output: Output) -> Outcome {
    let (opened, now) = (Opened::of(common).await?, now());
    let bar = progress::bar(output, None, "sessions");
    let (mut counts, mut users, mut oldest) = (Counts::default(), HashSet::new(), None::<Timestamp>);
    walk::each_entry(&opened, now, |Entry { user, created, seen, .. }| {
        counts.live += 1;
        match user {
            Some(user) => {
                counts.with_user += 1;
                users.insert(user);
            }
            None => counts.anonymous += 1,
        }
        counts.by_age.count(now.since(created));
        counts.by_last_seen.count(now.since(seen));
        oldest = Some(oldest.map_or(created, |oldest| oldest.min(created)));
        bar.inc(1);
        Ok(())
    })
    .await?;
    bar.finish_and_clear();
    (counts.store, counts.users, counts.oldest) = (opened.kind, users.len() as u64, oldest.and_then(utc));
    if output.json {
        output.value(&counts)?;
    } else {
        print(output, &counts)?;
    }
    Ok(if counts.live == 0 { Exit::Nothing } else { Exit::Done })
}

fn print(output: Output, counts: &Counts) -> Outcome<()> {
    let Counts { store, live, with_user, anonymous, users, .. } = counts;
    output.line(format!("{store}: {live} live sessions, {with_user} of {users} users, {anonymous} anonymous"))?;
    let head = ["", "< 1 HOUR", "< 1 DAY", "< 7 DAYS", "< 30 DAYS", "OLDER"];
    table(output, &head, &[counts.by_age.row("began"), counts.by_last_seen.row("seen")])?;
    match &counts.oldest {
        Some(oldest) => output.line(format!("the oldest began at {oldest}")),
        None => Ok(()),
    }
}
