//! What each server needed, as a table and as bars.

use cloakroom_bench::figures::{Group, Rounds, Table, microseconds, thousands};
use cloakroom_bench::measure::{Needed, Subject};

const COLUMNS: [&str; 7] =
    ["", "CPU, µs", "lowest–highest", "to axum", "the sessions, µs", "requests/s", "50 % / 99 %, µs"];

/// A table of what servers needed for requests of one kind, with what MongoDB needed where it was asked.
pub(crate) fn table(title: &str, subjects: &[Subject], needed: &[Needed], is_in_mongodb: bool) -> Table {
    let of_mongodb = if is_in_mongodb { &["MongoDB's CPU, µs", "operations"][..] } else { &[] };
    let mut table = Table::new(title, &[&COLUMNS, of_mongodb].concat());
    for (subject, it) in subjects.iter().zip(needed) {
        let bare = |name: &str| subjects.iter().zip(needed).find(|(other, _)| other.kind.name == name);
        let over = bare(subject.kind.bare).map(|(_, bare)| it.cpu.with(&bare.cpu, |cpu, bare| cpu - bare));
        let to_axum = needed.first().map(|axum| it.cpu.with(&axum.cpu, |cpu, axum| cpu / axum));
        let (lowest, highest) = it.cpu.range();
        let mut row = vec![
            subject.kind.name.to_owned(),
            microseconds(it.cpu.median()),
            format!("{}–{}", microseconds(lowest), microseconds(highest)),
            to_axum.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median())),
            over.filter(|_| subject.kind.has_sessions()).map_or_else(String::new, |over| microseconds(over.median())),
            thousands(it.rate.median()),
            format!("{} / {}", microseconds(it.half.median()), microseconds(it.most.median())),
        ];
        if is_in_mongodb {
            let told = |figure: &Rounds, text: fn(f64) -> String| {
                if subject.kind.has_sessions() { text(figure.median()) } else { String::new() }
            };
            row.push(told(&it.others[1], microseconds));
            row.push(told(&it.others[0], |operations| format!("{operations:.2}")));
        }
        table.rows.push(row);
    }
    table
}

/// Bars of the processor time that servers needed for requests of one kind.
pub(crate) fn bars(name: &str, subjects: &[Subject], needed: &[Needed]) -> Group {
    let bar = |(subject, it): (&Subject, &Needed)| (subject.kind.name.to_owned(), it.cpu.median());
    Group { name: name.to_owned(), bars: subjects.iter().zip(needed).map(bar).collect() }
}
