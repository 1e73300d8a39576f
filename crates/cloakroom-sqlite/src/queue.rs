//! A queue between callers, who never wait to get in, and threads, who wait for what comes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Holds at most so many, for any number of threads on both sides.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    most: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    is_closed: bool,
}

/// Why nothing more gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// What was taken out.
pub(crate) struct Taken<T> {
    pub(crate) all: Vec<T>,
    /// Whether the queue was empty at first.
    pub(crate) was_idle: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(most: usize) -> Queue<T> {
        let state = State { waiting: VecDeque::new(), is_closed: false };
        Queue { state: Mutex::new(state), filled: Condvar::new(), most }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.most {
            return Err(Refused::Full);
        }
        state.waiting.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for something and takes all that is there by then, but not more than `most`. None once the queue is closed
    /// and empty.
    pub(crate) fn take(&self, most: usize) -> Option<Taken<T>> {
        let mut state = self.lock();
        let was_idle = state.waiting.is_empty();
        while state.waiting.is_empty() {
            if state.is_closed {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.waiting.len().min(most);
        Some(Taken { all: state.waiting.drain(..count).collect(), was_idle })
    }

    /// Takes what is there, but not more than `most`.
    pub(crate) fn take_now(&self, most: usize) -> Vec<T> {
        let mut state = self.lock();
        let count = state.waiting.len().min(most);
        state.waiting.drain(..count).collect()
    }

    /// Lets nothing more in. What is in already is still taken out.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_all();
    }

    /// Lets nothing more in, and drops what is waiting: there is nobody left to take it.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        drop(left);
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No code that holds the lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_waits_is_taken_at_once_and_in_order_up_to_the_most() {
        let queue = Queue::new(10);
        (0..5).for_each(|item| queue.push(item).unwrap());
        let first = queue.take(3).unwrap();
        assert_eq!((first.all, first.was_idle), (vec![0, 1, 2], false));
        assert_eq!(queue.take_now(1), [3]);
        assert_eq!(queue.take(3).unwrap().all, [4]);
        assert!(queue.take_now(1).is_empty());
    }

    #[test]
    fn a_full_queue_lets_nobody_in_and_nobody_wait() {
        let queue = Queue::new(2);
        assert_eq!([1, 2, 3].map(|item| queue.push(item)), [Ok(()), Ok(()), Err(Refused::Full)]);
        queue.take(1);
        assert_eq!(queue.push(3), Ok(()));
    }

    #[test]
    fn who_waits_is_woken_by_what_comes_and_by_the_end() {
        let queue = Arc::new(Queue::new(2));
        let thread = std::thread::spawn({
            let queue = queue.clone();
            move || (queue.take(9).map(|taken| taken.all), queue.take(9).map(|taken| taken.all))
        });
        queue.push(1).unwrap();
        queue.close();
        assert_eq!(thread.join().unwrap(), (Some(vec![1]), None));
        assert_eq!(queue.push(2), Err(Refused::Closed));
    }

    #[test]
    fn what_is_in_a_closed_queue_is_still_taken_and_what_is_abandoned_is_not() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.close();
        assert_eq!(queue.take(1).unwrap().all, [1]);
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.abandon();
        assert!(queue.take(1).is_none());
    }
}
