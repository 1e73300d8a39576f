//! Cuts a plan that fails down to what it needs to fail.

use std::time::{Duration, Instant};

use super::plan::{Action, Plan, Request, Turn};
use super::rng::Rng;

/// Leaves out one thing after the other for as long as it still fails, and as there is time.
///
/// `fails` runs a plan. One that does not fail may do so if its steps are interleaved otherwise, so each is run up to
/// `attempts` times.
pub fn shrink<T>(
    plan: Plan,
    failure: T,
    attempts: usize,
    time: Duration,
    mut fails: impl FnMut(&Plan) -> Option<T>,
) -> (Plan, T) {
    let end = Instant::now() + time;
    let mut rng = Rng::new(plan.schedule);
    let mut shortest = (plan, failure);
    // Where the last one was found: what comes before has just been tried.
    let (mut at, mut tried_since) = (0, 0);
    loop {
        let candidates = smaller(&shortest.0);
        if tried_since >= candidates.len() {
            return shortest;
        }
        at %= candidates.len();
        let found = (0..attempts).find_map(|attempt| {
            if Instant::now() >= end {
                return None;
            }
            let mut candidate = candidates[at].clone();
            if attempt > 0 {
                candidate.schedule = rng.any();
            }
            fails(&candidate).map(|failure| (candidate, failure))
        });
        if Instant::now() >= end {
            return found.unwrap_or(shortest);
        }
        match found {
            Some(found) => (shortest, tried_since) = (found, 0),
            None => (at, tried_since) = (at + 1, tried_since + 1),
        }
    }
}

/// All plans with one thing less, the greatest things first.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut smaller = Vec::new();
    let mut add = |change: &dyn Fn(&mut Plan)| {
        let mut other = plan.clone();
        change(&mut other);
        if other != *plan {
            smaller.push(other);
        }
    };
    add(&|plan| plan.failures = 0);
    for client in 0..plan.clients.len() {
        add(&|plan| drop(plan.clients.remove(client)));
    }
    for jar in 0..plan.jars.len() {
        add(&|plan| plan.jars[jar] = None);
    }
    for (client, turns) in plan.clients.iter().enumerate().map(|(number, client)| (number, &client.turns)) {
        // From the end as well as one by one: what comes after a failure is never needed.
        add(&|plan| plan.clients[client].turns.truncate(turns.len() / 2));
        for turn in (0..turns.len()).rev() {
            add(&|plan| drop(plan.clients[client].turns.remove(turn)));
        }
    }
    add(&|plan| plan.requests().for_each(|request| request.hangs_up = None));
    add(&|plan| plan.requests().for_each(|request| request.actions.retain(|each| !matches!(each, Action::Pause(_)))));
    let mut copy = plan.clone();
    let requests: Vec<Request> = copy.requests().map(|request| request.clone()).collect();
    for (number, request) in requests.iter().enumerate() {
        for action in 0..request.actions.len() {
            add(&|plan| {
                plan.requests().skip(number).take(1).for_each(|each| {
                    each.actions.remove(action);
                })
            });
        }
        add(&|plan| plan.requests().skip(number).take(1).for_each(|each| each.hangs_up = None));
        add(&|plan| plan.requests().skip(number).take(1).for_each(|each| each.outdated = false));
    }
    smaller
}

impl Plan {
    fn requests(&mut self) -> impl Iterator<Item = &mut Request> {
        let later = self.clients.iter_mut().flat_map(|client| &mut client.turns).filter_map(|turn| match turn {
            Turn::Request(request) => Some(request),
            Turn::Advance(_) | Turn::Sweep => None,
        });
        self.jars.iter_mut().flatten().chain(later)
    }
}
