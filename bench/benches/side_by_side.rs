//! What a session layer costs a request, beside tower-sessions with the settings of its README.
//!
//! Beside both stands the least that a signed session can cost: one written by hand for this application alone, which ends no
//! session, bounds no memory and knows no store. Its update is its increment.
//!
//! All in one process and on one thread: requests are made outside of the measurement, and each call is polled to its end
//! at once, which memory stores allow. All have the same routes and answer the same bodies. Cloakroom's ids are always signed;
//! those of tower-sessions are not unless a feature is turned on, so it is measured without and with it. tower-sessions has
//! neither increment nor update, so these stand beside a `get` and an `insert`, which lose changes. What the costs are over is
//! a router with a layer that does nothing.
//!
//! The kinds of requests take turns every few microseconds, and medians are compared: what else the machine does meanwhile,
//! it does to all of them.

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

mod apps;

use std::time::Instant;

use anyhow::Result;
use cloakroom_bench::figures::{Arguments, Made, Part, Section, Table};

use crate::apps::{App, CASES, runtime};

const ROUNDS: usize = 3_000;
const ROUNDS_OF_THE_SHORT_FORM: usize = 100;
/// Requests in a row, so that reading the clock costs nothing.
const IN_A_ROW: u32 = 32;

/// The requests of one case, and how much longer than the bare router's they take, in nanoseconds.
struct Costs {
    name: &'static str,
    ours: f64,
    by_hand: f64,
    theirs: f64,
    theirs_signed: f64,
}

/// Prints the table, or leaves it in a file if it is told `--out FILE [--quick]`.
fn main() -> Result<()> {
    if !std::env::args().any(|argument| argument == "--out") {
        let (bare, costs) = measure(ROUNDS);
        print(bare, &costs);
        return Ok(());
    }
    let arguments = Arguments::read()?;
    let made = Made::now(arguments.quick);
    let (bare, costs) = measure(if arguments.quick { ROUNDS_OF_THE_SHORT_FORM } else { ROUNDS });
    Part { made: made.ended(), sections: vec![section(bare, &costs)] }.write(&arguments.out)
}

fn measure(rounds: usize) -> (f64, Vec<Costs>) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let (mut bare, mut ours, mut by_hand) = (App::bare(), App::ours(), App::by_hand());
    let (mut theirs, mut theirs_signed) = (App::theirs(), App::theirs_signed());
    let mut bare_times = Vec::new();
    let mut times: [[Vec<f64>; 4]; CASES.len()] = Default::default();
    for _ in 0..rounds {
        bare_times.push(nanoseconds(&mut bare, "/untouched", false));
        for (case, [our_times, by_hand_times, their_times, their_signed_times]) in CASES.iter().zip(&mut times) {
            our_times.push(nanoseconds(&mut ours, case.ours, case.has_session));
            by_hand_times.push(nanoseconds(&mut by_hand, case.by_hand, case.has_session));
            their_times.push(nanoseconds(&mut theirs, case.theirs, case.has_session));
            their_signed_times.push(nanoseconds(&mut theirs_signed, case.theirs, case.has_session));
        }
    }
    let bare = median(bare_times);
    let costs = CASES.iter().zip(times).map(|(case, times)| {
        let [ours, by_hand, theirs, theirs_signed] = times.map(|times| median(times) - bare);
        Costs { name: case.name, ours, by_hand, theirs, theirs_signed }
    });
    (bare, costs.collect())
}

fn print(bare: f64, costs: &[Costs]) {
    println!("bare router: {bare:.0} ns; over it:\n");
    println!(
        "{:<22} {:>12} {:>10} {:>7} {:>16} {:>7} {:>10} {:>7}",
        "", "cloakroom", "by hand", "ratio", "tower-sessions", "ratio", "signed", "ratio"
    );
    for Costs { name, ours, by_hand, theirs, theirs_signed } in costs {
        let ratios = [ours / by_hand, ours / theirs, ours / theirs_signed];
        println!(
            "{name:<22} {ours:>9.0} ns {by_hand:>7.0} ns {:>7.2} {theirs:>13.0} ns {:>7.2} {theirs_signed:>7.0} ns {:>7.2}",
            ratios[0], ratios[1], ratios[2]
        );
    }
}

fn section(bare: f64, costs: &[Costs]) -> Section {
    let text = format!(
        "What the layer adds to a call of the router, without sockets: all in one process and on one thread, and the kinds of \
         requests take turns every few microseconds. The bare router takes {bare:.0} ns; the figures are what comes on top, \
         medians in ns. *By hand* is the least that a signed session can cost: a map in memory, written for these few routes alone, \
         which ends no session and bounds no memory. tower-sessions has neither `increment` nor `update`, so these stand beside a `get` and an `insert`, which \
         lose changes. `cargo bench -p cloakroom-bench --bench side_by_side` prints the same table."
    );
    let mut section = Section::new("Calls in process, side by side", text);
    let columns = ["", "Cloakroom", "by hand", "ratio", "tower-sessions", "ratio", "tower-sessions, signed", "ratio"];
    let mut table = Table::new("", &columns);
    for Costs { name, ours, by_hand, theirs, theirs_signed } in costs {
        table.rows.push(vec![
            (*name).to_owned(),
            format!("{ours:.0}"),
            format!("{by_hand:.0}"),
            format!("{:.2}", ours / by_hand),
            format!("{theirs:.0}"),
            format!("{:.2}", ours / theirs),
            format!("{theirs_signed:.0}"),
            format!("{:.2}", ours / theirs_signed),
        ]);
    }
    section.tables.push(table);
    section
}

/// What one such request takes.
fn nanoseconds(app: &mut App, path: &str, has_session: bool) -> f64 {
    let requests: Vec<_> = (0..IN_A_ROW).map(|_| app.request(path, has_session)).collect();
    let mut responses = Vec::with_capacity(requests.len());
    let start = Instant::now();
    for request in requests {
        responses.push(app.call(request));
    }
    let taken = start.elapsed();
    assert!(responses.iter().all(|response| response.status().is_success()), "{path}");
    taken.as_nanos() as f64 / f64::from(IN_A_ROW)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
