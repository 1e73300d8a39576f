//! Live sessions in memory.

use anyhow::Result;
use cloakroom_bench::figures::{Line, Plot, Section, Shape, Table, microseconds, thousands};
use cloakroom_bench::measure::{INCREMENT, Plan, READ, Subject, measure, nothing};
use cloakroom_bench::servers::{CLOAKROOM, Cpus, IN_MEMORY, Kind, Place, available_memory};

use crate::filling::Filling;

const CONNECTIONS: usize = 32;

/// What a session takes of the server's memory.
pub(crate) fn bytes(quick: bool, cpus: &Cpus) -> Result<Section> {
    let (before, sessions) = if quick { (1_000, 10_000) } else { (1_000, 100_000) };
    let text = format!(
        "The server's resident memory after {} new sessions less that before, for one session, which holds a number. What the \
         allocator keeps in reserve counts, and what a collector of garbage has not collected yet.",
        thousands(sessions as f64)
    );
    let mut section = Section::new("Memory", text);
    let mut table = Table::new("", &["", "bytes a session", "the process before, MB"]);
    for kind in in_memory() {
        let server = kind.start(cpus, None)?;
        let mut filling = Filling::default();
        filling.to(before, &server)?;
        let resident = server.resident_bytes()?;
        filling.to(before + sessions, &server)?;
        let grown = server.resident_bytes()?.saturating_sub(resident);
        let mega = format!("{:.1}", resident as f64 / 1e6);
        table.rows.push(vec![kind.name.to_owned(), thousands(grown as f64 / sessions as f64), mega]);
    }
    section.tables.push(table);
    Ok(section)
}

/// What more live sessions change.
pub(crate) fn live(quick: bool, plan: &Plan, cpus: &Cpus) -> Result<Section> {
    let sizes: &[usize] = if quick { &[1_000, 10_000] } else { &[1_000, 100_000, 1_000_000, 10_000_000] };
    let text = "Requests of sessions all over the store, while so many are live. The other stores are measured up to a million, \
                express-session up to a hundred thousand, beyond which it takes long to fill; and none beyond the machine's memory."
        .to_owned();
    let mut section = Section::new("Live sessions in memory", text);
    let mut table =
        Table::new("", &["live", "", "read, CPU µs", "99 %, µs", "increment, CPU µs", "99 %, µs", "memory, MB"]);
    let mut lines: Vec<Line> =
        in_memory().map(|kind| Line { name: kind.name.to_owned(), points: Vec::new() }).collect();
    let mut subjects: Vec<Subject> =
        in_memory().map(|kind| Subject::start(kind, cpus, None, CONNECTIONS)).collect::<Result<_>>()?;
    let mut fillings: Vec<Filling> = subjects.iter().map(|_| Filling::default()).collect();
    for &size in sizes {
        let mut index = 0;
        while index < subjects.len() {
            let subject = &mut subjects[index];
            let filling = &mut fillings[index];
            if size > most(&subject.kind) || !fits(subject, filling, size)? {
                // Its memory is free for the others then.
                subjects.remove(index);
                fillings.remove(index);
                continue;
            }
            filling.to(size, &subject.server)?;
            subject.browsers.clone_from(&filling.browsers);
            index += 1;
        }
        let reads = measure(&mut subjects, &READ, CONNECTIONS, plan, nothing)?;
        let increments = measure(&mut subjects, &INCREMENT, CONNECTIONS, plan, nothing)?;
        for ((subject, read), increment) in subjects.iter().zip(&reads).zip(&increments) {
            table.rows.push(vec![
                thousands(size as f64),
                subject.kind.name.to_owned(),
                microseconds(read.cpu.median()),
                microseconds(read.most.median()),
                microseconds(increment.cpu.median()),
                microseconds(increment.most.median()),
                thousands(subject.server.resident_bytes()? as f64 / 1e6),
            ]);
            for line in lines.iter_mut().filter(|line| line.name == subject.kind.name) {
                line.points.push((size as f64, read.cpu.median()));
            }
        }
    }
    section.tables.push(table);
    section.plots.push(Plot {
        file: "performance-live".to_owned(),
        title: "Processor time of a read in µs, by live sessions in memory".to_owned(),
        shape: Shape::Lines { axis: "live sessions".to_owned(), lines },
    });
    Ok(section)
}

fn in_memory() -> impl Iterator<Item = Kind> {
    IN_MEMORY.into_iter().filter(|kind| kind.place == Place::Memory)
}

/// How many sessions it is measured with at most.
fn most(kind: &Kind) -> usize {
    match kind.name {
        name if name == CLOAKROOM.name => 10_000_000,
        "express-session" => 100_000,
        _ => 1_000_000,
    }
}

/// Whether so many sessions fit into the memory that is left, by what those need that are there.
fn fits(subject: &Subject, filling: &Filling, size: usize) -> Result<bool> {
    if filling.live < 10_000 {
        return Ok(true);
    }
    let each = subject.server.resident_bytes()? as f64 / filling.live as f64;
    // A table that grows is there twice for a moment.
    Ok(each * (size - filling.live) as f64 * 1.5 < available_memory()? as f64)
}
