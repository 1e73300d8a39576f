//! What a session layer costs a request, in time, kept by criterion from run to run.
//!
//! For the comparison with tower-sessions take `side_by_side`: what is measured minutes apart is not comparable on a busy
//! machine.

#![allow(missing_docs, reason = "criterion's macros")]

mod apps;

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

use crate::apps::{App, CASES, runtime};

/// How many requests are made before they are sent. With thousands of them, as criterion would have it, the benchmark measures
/// the caches of the processor and the heap.
const AT_ONCE: BatchSize = BatchSize::NumIterations(32);

fn middleware(criterion: &mut Criterion) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let mut group = criterion.benchmark_group("middleware");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    let mut measure = |name: &str, app: &mut App, path: &str, has_session: bool| {
        group.bench_function(name, |bencher| {
            // Both need the application, and one after the other they get it.
            let app = std::cell::RefCell::new(&mut *app);
            let make = || app.borrow().request(path, has_session);
            bencher.iter_batched(make, |request| app.borrow_mut().call(request), AT_ONCE);
        });
    };
    let (mut ours, mut theirs, mut theirs_signed) = (App::ours(), App::theirs(), App::theirs_signed());
    let mut by_hand = App::by_hand();
    measure("bare", &mut App::bare(), "/untouched", false);
    for case in &CASES {
        measure(&format!("cloakroom/{}", case.name), &mut ours, case.ours, case.has_session);
        measure(&format!("by hand/{}", case.name), &mut by_hand, case.by_hand, case.has_session);
        measure(&format!("tower-sessions/{}", case.name), &mut theirs, case.theirs, case.has_session);
        measure(&format!("tower-sessions, signed/{}", case.name), &mut theirs_signed, case.theirs, case.has_session);
    }
    group.finish();
}

criterion_group!(benches, middleware);
criterion_main!(benches);
