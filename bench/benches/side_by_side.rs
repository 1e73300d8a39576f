//! What a session layer costs a request, beside tower-sessions with the settings of its README.
//!
//! All in one process and on one thread: requests are made outside of the measurement, and each call is polled to its end
//! at once, which memory stores allow. Both sides have the same routes and answer the same bodies. tower-sessions' ids are
//! not signed (that is a feature that its README does not turn on), Cloakroom's always are; tower-sessions has neither
//! increment nor update, so these stand beside a `get` and an `insert`, which lose changes.
//!
//! The kinds of requests take turns every few microseconds, and medians are compared: what else the machine does meanwhile,
//! it does to all of them.

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

mod apps;

use std::time::Instant;

use crate::apps::{App, CASES, runtime};

const ROUNDS: usize = 3_000;
/// Requests in a row, so that reading the clock costs nothing.
const IN_A_ROW: u32 = 32;

fn main() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let (mut bare, mut ours, mut theirs) = (App::bare(), App::ours(), App::theirs());
    let mut bare_times = Vec::new();
    let mut times: [(Vec<f64>, Vec<f64>); CASES.len()] = Default::default();
    for _ in 0..ROUNDS {
        bare_times.push(nanoseconds(&mut bare, "/untouched", false));
        for (case, (our_times, their_times)) in CASES.iter().zip(&mut times) {
            our_times.push(nanoseconds(&mut ours, case.ours, case.has_session));
            their_times.push(nanoseconds(&mut theirs, case.theirs, case.has_session));
        }
    }
    let bare = median(bare_times);
    println!("bare router: {bare:.0} ns; over it:\n");
    println!("{:<22} {:>12} {:>16} {:>8}", "", "cloakroom", "tower-sessions", "ratio");
    for (case, (our_times, their_times)) in CASES.iter().zip(times) {
        let (ours, theirs) = (median(our_times) - bare, median(their_times) - bare);
        println!("{:<22} {ours:>9.0} ns {theirs:>13.0} ns {:>8.2}", case.name, ours / theirs);
    }
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
