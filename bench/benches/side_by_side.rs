//! What a session layer costs a request, beside tower-sessions with the settings of its README.
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

use crate::apps::{App, CASES, runtime};

const ROUNDS: usize = 3_000;
/// Requests in a row, so that reading the clock costs nothing.
const IN_A_ROW: u32 = 32;

fn main() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let (mut bare, mut ours) = (App::bare(), App::ours());
    let (mut theirs, mut theirs_signed) = (App::theirs(), App::theirs_signed());
    let mut bare_times = Vec::new();
    let mut times: [[Vec<f64>; 3]; CASES.len()] = Default::default();
    for _ in 0..ROUNDS {
        bare_times.push(nanoseconds(&mut bare, "/untouched", false));
        for (case, [our_times, their_times, their_signed_times]) in CASES.iter().zip(&mut times) {
            our_times.push(nanoseconds(&mut ours, case.ours, case.has_session));
            their_times.push(nanoseconds(&mut theirs, case.theirs, case.has_session));
            their_signed_times.push(nanoseconds(&mut theirs_signed, case.theirs, case.has_session));
        }
    }
    let bare = median(bare_times);
    println!("bare router: {bare:.0} ns; over it:\n");
    println!("{:<22} {:>12} {:>16} {:>7} {:>10} {:>7}", "", "cloakroom", "tower-sessions", "ratio", "signed", "ratio");
    for (case, times) in CASES.iter().zip(times) {
        let [ours, theirs, signed] = times.map(|times| median(times) - bare);
        let ratios = [ours / theirs, ours / signed];
        println!(
            "{:<22} {ours:>9.0} ns {theirs:>13.0} ns {:>7.2} {signed:>7.0} ns {:>7.2}",
            case.name, ratios[0], ratios[1]
        );
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
