//! The feeds of both stores as one.

use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use super::super::{Feed, Listener, News, StoreError, StoreErrorKind, StoreFuture};
use super::MovingStore;
use super::token::Side;

impl Feed for MovingStore {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::new(async move {
            let (old, new) = self.feeds()?;
            let (old, new) = (old.listen(listener).await?, new.listen(listener).await?);
            let both: Box<dyn Listener> = Box::new(Both { old, new, first: Side::Old, marks: HashSet::new() });
            Ok(both)
        })
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        StoreFuture::new(async move {
            let (old, new) = self.feeds()?;
            old.echo(listener, mark).await?;
            new.echo(listener, mark).await
        })
    }
}

impl MovingStore {
    /// The old store's and the new one's.
    pub(super) fn feeds(&self) -> Result<(&dyn Feed, &dyn Feed), StoreError> {
        let both = self.old.feed().zip(self.new.feed());
        both.ok_or_else(|| StoreError::with_source(StoreErrorKind::Other, "one of the stores has no feed"))
    }
}

/// Listens to both.
struct Both {
    old: Box<dyn Listener>,
    new: Box<dyn Listener>,
    /// Whose turn it is where both have something to tell.
    first: Side,
    /// Marks that have come back from one of them.
    marks: HashSet<u64>,
}

impl Both {
    async fn next_now(&mut self) -> Result<News, StoreError> {
        loop {
            match self.next_of_one().await? {
                // It proves something once both have told all.
                News::Echo(mark) if self.marks.insert(mark) => {}
                News::Echo(mark) => {
                    self.marks.remove(&mark);
                    return Ok(News::Echo(mark));
                }
                // Which states have what is no longer known by their tokens alone.
                News::Changed(name, _) => return Ok(News::Changed(name, None)),
                news => return Ok(news),
            }
        }
    }

    async fn next_of_one(&mut self) -> Result<News, StoreError> {
        let (one, other) = match self.first {
            Side::Old => (&mut self.old, &mut self.new),
            Side::New => (&mut self.new, &mut self.old),
        };
        self.first = match self.first {
            Side::Old => Side::New,
            Side::New => Side::Old,
        };
        // What is not ready is dropped, and loses nothing.
        let (mut one, mut other) = (one.next(), other.next());
        poll_fn(|cx| match Pin::new(&mut one).poll(cx) {
            Poll::Pending => Pin::new(&mut other).poll(cx),
            ready => ready,
        })
        .await
    }
}

impl Listener for Both {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(self.next_now())
    }
}

impl fmt::Debug for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Both").field("old", &self.old).field("new", &self.new).finish_non_exhaustive()
    }
}
