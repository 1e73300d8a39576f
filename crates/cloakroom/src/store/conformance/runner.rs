//! Runs a case so that whatever the store does, the case ends: by its name, and in bounded time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Outcome;
use super::trial::{Case, Fault, Trial, Verdict};
use crate::store::Store;

/// Much longer than a case takes on a slow database. A store that needs longer hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// Each case has a thread of its own. So a store that blocks, panics or never answers fails that case and no other, and a
/// case may itself block to wait for its racers, on a current-thread runtime too: that one drives the store's sockets.
///
/// The wait is by the system's clock: a test may have paused tokio's.
pub(super) async fn run(case: &'static Case, store: Arc<dyn Store>) -> Outcome {
    run_within(PATIENCE, case, store).await
}

async fn run_within(patience: Duration, case: &'static Case, store: Arc<dyn Store>) -> Outcome {
    let runtime = Handle::current();
    let (tell, told) = oneshot::channel();
    thread::spawn(move || {
        let (done, verdict) = mpsc::channel();
        thread::spawn(move || {
            let run = || runtime.block_on((case.run)(Trial::new(store)));
            let verdict = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)));
            // Nobody listens any more once patience has run out.
            drop(done.send(verdict));
        });
        let verdict = verdict.recv_timeout(patience).unwrap_or_else(|_| {
            Err(Fault::Broken(format!("expected an answer in time, saw none within {patience:?}")))
        });
        // The caller may have dropped the run.
        drop(tell.send(verdict));
    });
    match told.await {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(Fault::Broken(why))) => Outcome::Failed(why),
        Ok(Err(Fault::Skipped(why))) => Outcome::Skipped(why),
        Err(_) => Outcome::Failed("the case was cut short".to_owned()),
    }
}

/// Runs one future for each number below `racers`, each on a thread of its own, all from the same moment.
pub(super) fn race<T, F>(racers: usize, racer: impl Fn(usize) -> F + Sync) -> Verdict<Vec<T>>
where
    T: Send,
    F: Future<Output = Verdict<T>>,
{
    let (runtime, start) = (Handle::current(), Barrier::new(racers));
    thread::scope(|scope| {
        let spawn = |number| {
            let (runtime, start, racer) = (&runtime, &start, &racer);
            scope.spawn(move || {
                start.wait();
                runtime.block_on(racer(number))
            })
        };
        let threads: Vec<_> = (0..racers).map(spawn).collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| Err(panicked(&*panic))));
        // All have to end before the first fault is told: each of them is joined.
        joined.collect::<Vec<_>>().into_iter().collect()
    })
}

fn panicked(panic: &(dyn Any + Send)) -> Fault {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Fault::Broken(format!("expected an answer, saw a panic: {}", message.unwrap_or("without a message")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    const SHORT: Duration = Duration::from_millis(100);

    async fn outcome_within(patience: Duration, case: &'static Case) -> Outcome {
        run_within(patience, case, Arc::new(MemoryStore::new())).await
    }

    fn failed_with(outcome: &Outcome, word: &str) -> bool {
        matches!(outcome, Outcome::Failed(why) if why.contains(word))
    }

    #[tokio::test]
    async fn a_case_that_hangs_or_blocks_or_panics_fails_by_its_name() {
        static HANGS: Case = Case { name: "hangs", run: |_| Box::pin(std::future::pending()) };
        static BLOCKS: Case = Case {
            name: "blocks",
            run: |_| {
                Box::pin(async {
                    thread::sleep(Duration::from_secs(5));
                    Ok(())
                })
            },
        };
        static PANICS: Case = Case { name: "panics", run: |_| Box::pin(async { panic!("out of order") }) };
        static RACER_PANICS: Case = Case {
            name: "a racer panics",
            run: |_| {
                Box::pin(async { race(2, async |racer| if racer == 0 { panic!("lame") } else { Ok(()) }).map(drop) })
            },
        };
        assert!(failed_with(&outcome_within(SHORT, &HANGS).await, "saw none within"));
        assert!(failed_with(&outcome_within(SHORT, &BLOCKS).await, "saw none within"));
        assert!(failed_with(&outcome_within(PATIENCE, &PANICS).await, "out of order"));
        assert!(failed_with(&outcome_within(PATIENCE, &RACER_PANICS).await, "lame"));
    }
}
