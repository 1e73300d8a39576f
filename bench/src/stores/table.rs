//! The tables.

use std::fmt::Write as _;
use std::time::Duration;

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

/// Every call.
#[derive(Default)]
pub(crate) struct Figures {
    calls: Vec<(Call, usize, Times)>,
}

/// How loads and sets fared before and during a sweep.
pub(crate) struct Swept {
    pub(crate) removed: usize,
    pub(crate) time: Duration,
    pub(crate) before: [Times; 2],
    pub(crate) meanwhile: [Times; 2],
}

impl Figures {
    pub(crate) fn add(&mut self, call: Call, clients: usize, times: Times) {
        self.calls.push((call, clients, times));
    }

    fn of(&self, call: Call, clients: usize) -> Option<&Times> {
        let mut fitting = self.calls.iter().filter(|(its, with, _)| *its == call && *with == clients);
        fitting.next().map(|(_, _, times)| times)
    }
}

/// All tables of all stores.
pub(crate) fn all(measured: &[Measured], many: usize) -> String {
    let mut text = String::new();
    let mut table = |title: String, lines: Vec<(String, Vec<String>)>| {
        let columns = std::iter::once("").chain(measured.iter().map(|store| store.kind));
        _ = writeln!(text, "{title}\n\n| {} |", columns.collect::<Vec<_>>().join(" | "));
        _ = writeln!(text, "|{}", ["---|"].into_iter().chain(measured.iter().map(|_| "---:|")).collect::<String>());
        for (name, cells) in lines {
            _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        text.push('\n');
    };
    let each = |cell: &dyn Fn(&Measured) -> String| measured.iter().map(cell).collect::<Vec<_>>();
    let calls = |cell: &dyn Fn(&Measured, Call) -> String| {
        let line = |call: Call| (call.name().to_owned(), each(&|store| cell(store, call)));
        Call::ALL.into_iter().map(line).collect::<Vec<_>>()
    };
    table(
        format!("Calls a second, {CLIENTS} at once, with {many} sessions"),
        calls(&|store, call| store.many.of(call, CLIENTS).map_or_else(String::new, |times| thousands(times.rate()))),
    );
    table(
        format!("Microseconds a call takes (half of them; 99 of 100), one after the other, with {many} sessions"),
        calls(&|store, call| store.many.of(call, 1).map_or_else(String::new, both)),
    );
    table(
        format!("What a call takes with {many} sessions, against {FEW}: the ratio of medians, one after the other"),
        calls(&|store, call| match (store.few.of(call, 1), store.many.of(call, 1)) {
            (Some(few), Some(many)) => ratio(many.within(0.5), few.within(0.5)),
            _ => String::new(),
        }),
    );
    let swept = |name: &str, cell: &dyn Fn(&Swept) -> String| (name.to_owned(), each(&|store| cell(&store.swept)));
    table(
        format!("While {} that have ended are removed: two clients read, two set", many / 2),
        vec![
            swept("removed", &|swept| swept.removed.to_string()),
            swept("seconds", &|swept| format!("{:.1}", swept.time.as_secs_f64())),
            swept("read before, µs", &|swept| both(&swept.before[0])),
            swept("read meanwhile, µs", &|swept| both(&swept.meanwhile[0])),
            swept("set before, µs", &|swept| both(&swept.before[1])),
            swept("set meanwhile, µs", &|swept| both(&swept.meanwhile[1])),
            swept("p99 of read, ratio", &|swept| ratio(swept.meanwhile[0].within(0.99), swept.before[0].within(0.99))),
            swept("p99 of set, ratio", &|swept| ratio(swept.meanwhile[1].within(0.99), swept.before[1].within(0.99))),
        ],
    );
    table(
        "Space".to_owned(),
        vec![
            ("bytes a session".to_owned(), each(&|store| store.bytes.to_string())),
            ("sessions a GB".to_owned(), each(&|store| thousands(1e9 / store.bytes.max(1) as f64))),
        ],
    );
    text
}

/// Half within, and 99 of 100.
fn both(times: &Times) -> String {
    format!("{}; {}", micros(times.within(0.5)), micros(times.within(0.99)))
}

fn micros(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 10.0 { format!("{micros:.1}") } else { thousands(micros) }
}

fn ratio(one: Duration, other: Duration) -> String {
    format!("{:.2}", one.as_secs_f64() / other.as_secs_f64().max(1e-9))
}

/// A whole number, with a comma for every thousand.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
