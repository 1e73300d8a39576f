//! Checks a history: first what is wrong by itself, then each session's life against the model.

use std::collections::BTreeMap;

use super::lag;
use super::model::Objection;
use super::operation::{Kind, Life, Operation, lives};
use super::record::{Change, Datum, History, Loaded};
use super::search::{Verdict, search};
use super::violation::{Finding, Violation};

/// What was found out of a history.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub finding: Option<Finding>,
    /// How many operations were checked.
    pub operations: usize,
    /// How many sessions could not be checked, since it would have taken too long.
    pub undecided: usize,
}

/// Checks a history.
pub fn check(history: &History) -> Report {
    let mut report = Report::default();
    if history.stuck {
        let detail = "nobody wakes them".to_owned();
        report.finding = Some(Finding { violation: Violation::Stuck, exchange: None, detail });
        return report;
    }
    let checked = lives(history).and_then(|mut lives| {
        lag::allow(&mut lives, history);
        if history.keeps_handles {
            check_handles(&lives)?;
        }
        check_lives(&lives, &mut report)
    });
    match checked {
        Ok(()) => {}
        Err(finding) => report.finding = Some(finding),
    }
    report
}

/// Checks the lives of sessions.
///
/// # Errors
///
/// What is wrong.
pub fn check_lives(lives: &[Life], report: &mut Report) -> Result<(), Finding> {
    let writers = Writers::of(lives);
    for (number, life) in lives.iter().enumerate() {
        report.operations += life.len();
        writers.check(number, life)?;
        match search(life) {
            Verdict::Fine => {}
            Verdict::Undecided => report.undecided += 1,
            Verdict::Wrong(operation, objection) => return Err(explain(life, &life[operation], objection)),
        }
    }
    Ok(())
}

/// That no two sessions are the same one.
fn check_handles(lives: &[Life]) -> Result<(), Finding> {
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, life) in lives.iter().enumerate() {
        for operation in life {
            let Kind::Load(_, Loaded::Found(found)) = &operation.kind else { continue };
            if *owners.entry(&found.handle).or_insert(number) != number {
                let detail = format!("{} is found under the ticket of another session as well", found.handle);
                return Err(Finding::new(Violation::ForeignRead, operation.exchange, detail));
            }
        }
    }
    Ok(())
}

/// Which session each text was written to, if it may have been written.
struct Writers<'a>(BTreeMap<&'a str, (usize, u64)>);

impl Writers<'_> {
    fn of(lives: &[Life]) -> Writers<'_> {
        let mut writers = BTreeMap::new();
        for (number, life) in lives.iter().enumerate() {
            for (operation, write) in life.iter().filter_map(|operation| Some((operation, operation.written()?))) {
                for change in &write.changes {
                    if let Change::Set(_, value) | Change::Append(_, value) = change {
                        writers.entry(value.as_str()).or_insert((number, operation.span.start));
                    }
                }
            }
        }
        Writers(writers)
    }

    /// That each text that was read may have been written to this very session before.
    fn check(&self, number: usize, life: &Life) -> Result<(), Finding> {
        for operation in life {
            let Kind::Load(_, Loaded::Found(found)) = &operation.kind else { continue };
            for (key, datum) in &found.data {
                let Datum::Text(text) = datum else { continue };
                for part in text.split(' ') {
                    let violation = match self.0.get(part) {
                        Some((writer, _)) if *writer != number => Violation::ForeignRead,
                        Some((_, start)) if *start < operation.span.end => continue,
                        _ => Violation::PhantomWrite,
                    };
                    return Err(Finding::new(violation, operation.exchange, format!("{key} is {datum}")));
                }
            }
        }
        Ok(())
    }
}

/// What stands in the way of an order, as a finding. A write that is not seen once, but by a later read, is not lost.
fn explain(life: &Life, operation: &Operation, objection: Objection) -> Finding {
    let Objection { mut violation, detail, key } = objection;
    let seen_later = |key: &str, datum: &Datum| {
        life.iter().filter(|later| later.span.start > operation.span.end).any(|later| match &later.kind {
            Kind::Load(_, Loaded::Found(found)) => found.data.get(key) == Some(datum),
            _ => false,
        })
    };
    if let Some((key, Some(should))) = &key
        && seen_later(key, should)
    {
        violation = Violation::StaleRead;
    }
    Finding::new(violation, operation.exchange, detail)
}
