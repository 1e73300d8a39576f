//! The memory store's feed. It tells other copies of this process' sessions, and tests.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};

use super::MemoryStore;
use super::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};
use crate::store::{Feed, Listener, News, StoreFuture};

/// So much waits for a listener at most. One that is slower has missed something.
const WAITING: usize = 10_000;

/// Tells the listeners what happens. The shards do so while they are locked, so that the order is right.
#[derive(Default)]
pub(super) struct Hub {
    queues: Mutex<Vec<(u64, Weak<Queue>)>>,
    /// How many there were when somebody looked last: where nobody listens, nothing is to be paid.
    listeners: AtomicUsize,
}

#[derive(Default)]
struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    news: VecDeque<News>,
    listener: Option<Waker>,
}

impl Hub {
    /// Tells all listeners.
    pub(super) fn tell(&self, news: impl FnOnce() -> News) {
        if self.listeners.load(Ordering::SeqCst) > 0 {
            self.tell_those(&news(), |_| true);
        }
    }

    fn tell_those(&self, news: &News, chosen: impl Fn(u64) -> bool) {
        let mut queues = lock(&self.queues);
        queues.retain(|(listener, queue)| {
            let queue = queue.upgrade();
            if let Some(queue) = queue.as_ref().filter(|_| chosen(*listener)) {
                queue.push(news.clone());
            }
            queue.is_some()
        });
        self.listeners.store(queues.len(), Ordering::SeqCst);
    }

    fn listen(&self, listener: u64) -> Ear {
        let (queue, mut queues) = (Arc::new(Queue::default()), lock(&self.queues));
        queues.push((listener, Arc::downgrade(&queue)));
        self.listeners.store(queues.len(), Ordering::SeqCst);
        Ear(queue)
    }
}

impl Queue {
    fn push(&self, news: News) {
        let mut waiting = lock(&self.0);
        if waiting.news.len() >= WAITING {
            waiting.news.clear();
            waiting.news.push_back(News::Gap);
        }
        waiting.news.push_back(news);
        if let Some(listener) = waiting.listener.take() {
            listener.wake();
        }
    }
}

/// One listener.
struct Ear(Arc<Queue>);

impl Listener for Ear {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(poll_fn(|cx| {
            let mut waiting = lock(&self.0.0);
            match waiting.news.pop_front() {
                Some(news) => Poll::Ready(Ok(news)),
                None => {
                    waiting.listener = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        }))
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear(…)")
    }
}

impl Feed for MemoryStore {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::ready(Ok(Box::new(self.hub.listen(listener))))
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        self.hub.tell_those(&News::Echo(mark), |each| each == listener);
        StoreFuture::ready(Ok(()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
