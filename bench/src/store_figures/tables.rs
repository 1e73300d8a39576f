//! The figures as tables.

use std::time::Duration;

use cloakroom_bench::figures::{Section, Table, microseconds, thousands};

use crate::calls::{Call, Times};
use crate::{CLIENTS, FEW};

/// One store.
pub(crate) struct Measured {
    pub(crate) kind: &'static str,
    pub(crate) few: Figures,
    pub(crate) many: Figures,
    /// Of a session.
    pub(crate) bytes: u64,
    pub(crate) swept: Swept,
}

/// Every call, by how many clients, and how long it took.
#[derive(Default)]
pub(crate) struct Figures(Vec<(Call, usize, Times)>);

/// How loads and sets fared before and during a sweep.
pub(crate) struct Swept {
    pub(crate) removed: usize,
    pub(crate) time: Duration,
    pub(crate) before: [Times; 2],
    pub(crate) meanwhile: [Times; 2],
}

impl Figures {
    pub(crate) fn add(&mut self, call: Call, clients: usize, times: Times) {
        self.0.push((call, clients, times));
    }

    fn of(&self, call: Call, clients: usize) -> &Times {
        let mut fitting = self.0.iter().filter(|(its, with, _)| *its == call && *with == clients);
        fitting.next().map_or(const { &Times::NONE }, |(_, _, times)| times)
    }
}

/// All of them.
pub(crate) fn section(measured: &[Measured], many: usize) -> Section {
    let (few, ended, many) = (thousands(FEW as f64), thousands((many / 2) as f64), thousands(many as f64));
    let text =
        "Calls of the stores themselves, without HTTP, from one process with two threads; the servers are on the same machine, with \
         the settings that the tests run them with, and confirm what they do as [consistency.md](consistency.md) says. Each session has a \
         user, a cart and three small values. *Log-in* is a rotation that binds a user. Space counts indexes too: on the disk for SQLite, \
         MongoDB and PostgreSQL, of memory for the others."
            .to_owned();
    let mut section = Section::new("Stores side by side", text);
    section.tables = vec![
        calls(measured, &format!("Calls a second, {CLIENTS} at once, {many} sessions"), |store, call| {
            thousands(store.many.of(call, CLIENTS).rate())
        }),
        calls(
            measured,
            &format!("µs a call, one after the other, {many} sessions (half within, 99 of 100 within)"),
            |store, call| both(store.many.of(call, 1)),
        ),
        calls(
            measured,
            &format!("A call with {many} sessions against one with {few} (medians, one after the other)"),
            |store, call| ratio(store.many.of(call, 1).within(0.5), store.few.of(call, 1).within(0.5)),
        ),
        table(
            measured,
            &format!(
                "While {ended} that have ended are swept, two clients read and two set (µs: half within, 99 of 100 within)"
            ),
            &[
                ("removed", &|store| thousands(store.swept.removed as f64)),
                ("seconds", &|store| format!("{:.1}", store.swept.time.as_secs_f64())),
                ("read before", &|store| both(&store.swept.before[0])),
                ("read meanwhile", &|store| both(&store.swept.meanwhile[0])),
                ("set before", &|store| both(&store.swept.before[1])),
                ("set meanwhile", &|store| both(&store.swept.meanwhile[1])),
                ("99 % of read, ratio", &|store| slower(&store.swept, 0)),
                ("99 % of set, ratio", &|store| slower(&store.swept, 1)),
            ],
        ),
        table(
            measured,
            "Space",
            &[
                ("bytes a session", &|store| thousands(store.bytes as f64)),
                ("sessions in a GB", &|store| thousands(1e9 / store.bytes.max(1) as f64)),
            ],
        ),
    ];
    section
}

type Cell<'a> = &'a dyn Fn(&Measured) -> String;

fn table(measured: &[Measured], title: &str, rows: &[(&str, Cell<'_>)]) -> Table {
    let columns: Vec<_> = std::iter::once("").chain(measured.iter().map(|store| store.kind)).collect();
    let row = |(name, cell): &(&str, Cell<'_>)| {
        std::iter::once((*name).to_owned()).chain(measured.iter().map(cell)).collect::<Vec<_>>()
    };
    Table { rows: rows.iter().map(row).collect(), ..Table::new(title, &columns) }
}

fn calls(measured: &[Measured], title: &str, cell: impl Fn(&Measured, Call) -> String) -> Table {
    let cell = &cell;
    let cells = Call::ALL.map(|call| (call.name(), move |store: &Measured| cell(store, call)));
    let rows: Vec<(&str, Cell<'_>)> = cells.iter().map(|(name, cell)| (*name, cell as Cell<'_>)).collect();
    table(measured, title, &rows)
}

fn both(times: &Times) -> String {
    let micros = |part| microseconds(times.within(part).as_secs_f64() * 1e6);
    format!("{}; {}", micros(0.5), micros(0.99))
}

fn slower(swept: &Swept, which: usize) -> String {
    ratio(swept.meanwhile[which].within(0.99), swept.before[which].within(0.99))
}

fn ratio(one: Duration, other: Duration) -> String {
    format!("{:.2}", one.as_secs_f64() / other.as_secs_f64().max(1e-9))
}
