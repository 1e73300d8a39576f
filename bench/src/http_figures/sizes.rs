//! Values of different sizes.

use anyhow::Result;
use cloakroom_bench::figures::{Line, Plot, Section, Shape, Table, microseconds};
use cloakroom_bench::load::Cookies;
use cloakroom_bench::measure::{Case, Plan, Subject, measure, nothing};
use cloakroom_bench::servers::{Cpus, IN_MEMORY, Kind, Place};

const SIZES: [(usize, &str); 3] = [(100, "100 bytes"), (10_000, "10 KB"), (1_000_000, "1 MB")];

/// As many browsers as connections: a thousand sessions of a megabyte would measure the memory's bandwidth.
const CONNECTIONS: usize = 32;

/// What the size of a value costs.
pub(crate) fn values(plan: &Plan, cpus: &Cpus) -> Result<Section> {
    let text = "*Set* makes a string of that size in the server, another one each time, and puts it into the session; *read* takes \
                it out and answers how long it is. The processor time of a request in µs; sessions in memory."
        .to_owned();
    let mut section = Section::new("Sizes", text);
    let mut columns = vec![String::new()];
    let kinds: Vec<Kind> = IN_MEMORY.into_iter().filter(|kind| kind.place == Place::Memory).collect();
    let mut subjects =
        kinds.iter().map(|kind| Subject::start(*kind, cpus, None, CONNECTIONS)).collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<Vec<String>> = kinds.iter().map(|kind| vec![kind.name.to_owned()]).collect();
    let mut lines = Vec::new();
    for what in ["set", "read"] {
        lines.extend(kinds.iter().map(|kind| Line { name: format!("{}, {what}", kind.name), points: Vec::new() }));
    }
    for (size, name) in SIZES {
        let fill = format!("/ext/fill/{size}");
        let cases = [("set", "POST", fill.as_str()), ("read", "GET", "/ext/length")];
        for (number, (what, method, path)) in cases.into_iter().enumerate() {
            let case = Case { name: what, method, path, cookies: Cookies::Send };
            columns.push(format!("{what}, {name}"));
            let needed = measure(&mut subjects, &case, CONNECTIONS, plan, nothing)?;
            for (index, needed) in needed.iter().enumerate() {
                let cpu = needed.cpu.median();
                rows[index].push(microseconds(cpu));
                lines[number * kinds.len() + index].points.push((size as f64, cpu));
            }
        }
    }
    section.tables.push(Table { title: String::new(), columns, rows });
    section.plots.push(Plot {
        file: "performance-sizes".to_owned(),
        title: "Processor time of a request in µs, by the size of the value".to_owned(),
        shape: Shape::Lines { axis: "bytes".to_owned(), lines },
    });
    Ok(section)
}
