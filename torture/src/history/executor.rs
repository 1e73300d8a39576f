//! Who has the next turn.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::task::yield_now;

use super::rng::Rng;

/// What a client does from its first request to its last.
pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Longer than any pause that the session layer makes before it tries again. So all who wait are woken together, and the
/// seed decides who is first; not the random lengths of the pauses.
const IDLE_STEP: Duration = Duration::from_millis(20);

/// No session waits for so long.
const PATIENCE: Duration = Duration::from_secs(600);

/// Some tasks did not come to their end: nobody wakes them.
#[derive(Debug)]
pub(super) struct Stuck;

/// Runs tasks to their end on a paused clock; the seed decides whose turn it is, and nothing else.
pub(super) async fn run_seeded(tasks: Vec<Task>, mut rng: Rng) -> Result<(), Stuck> {
    let ready = Ready::default();
    let mut tasks: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    ready.lock().extend(0..tasks.len());
    let wakers: Vec<_> = (0..tasks.len()).map(|task| waker(task, &ready)).collect();
    // How often the same task goes on. Where it mostly does, the others stand still for long.
    let steadiness = rng.one_of(&[0, 0, 50, 80]);
    let (mut current, mut waited) = (0, Duration::ZERO);
    while tasks.iter().any(Option::is_some) {
        let Some(next) = ready.next(current, steadiness, &mut rng) else {
            if waited >= PATIENCE {
                return Err(Stuck);
            }
            waited += IDLE_STEP;
            tokio::time::advance(IDLE_STEP).await;
            continue;
        };
        (current, waited) = (next, Duration::ZERO);
        if let Some(task) = &mut tasks[next]
            && let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&wakers[next]))
        {
            tasks[next] = None;
        }
        // What was spawned has its turns as well: a commit that outlives its client.
        yield_now().await;
    }
    Ok(())
}

/// The tasks that were woken.
#[derive(Clone, Default)]
struct Ready(Arc<Mutex<BTreeSet<usize>>>);

impl Ready {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, current: usize, steadiness: usize, rng: &mut Rng) -> Option<usize> {
        let mut ready = self.lock();
        let any = ready.iter().nth(rng.below(ready.len())).copied()?;
        let next = if ready.contains(&current) && rng.chance(steadiness) { current } else { any };
        ready.remove(&next);
        Some(next)
    }
}

struct TaskWaker {
    task: usize,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.lock().insert(self.task);
    }
}

fn waker(task: usize, ready: &Ready) -> Waker {
    Waker::from(Arc::new(TaskWaker { task, ready: ready.clone() }))
}
