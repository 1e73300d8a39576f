//! Faults of the directory.

use cloakroom::record::Handle;
use cloakroom::store::{Directory, Entry, MemoryStore, StoreFuture};
use cloakroom::{Timestamp, UserId};

use super::Wrong;

#[derive(Debug, Default)]
pub(crate) struct ListsTheDead;

impl Wrong for ListsTheDead {
    fn list<'a>(&'a self, inner: &'a MemoryStore, user: &'a UserId, _now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        inner.list(user, Timestamp::from_millis(0))
    }
}

#[derive(Debug, Default)]
pub(crate) struct ListsTheOldestFirst;

impl Wrong for ListsTheOldestFirst {
    fn list<'a>(&'a self, inner: &'a MemoryStore, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(async move {
            let mut entries = inner.list(user, now).await?;
            entries.reverse();
            Ok(entries)
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct ListsByPrefix;

impl Wrong for ListsByPrefix {
    fn list<'a>(&'a self, inner: &'a MemoryStore, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(async move {
            let mut entries = inner.page(None, usize::MAX - 1, now).await?;
            let mine = |other: &UserId| other.as_str().starts_with(user.as_str());
            entries.retain(|entry| entry.user.as_ref().is_some_and(mine));
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.seen));
            Ok(entries)
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct RevokesForAnybody;

impl Wrong for RevokesForAnybody {
    fn revoke<'a>(
        &'a self,
        inner: &'a MemoryStore,
        _user: &'a UserId,
        handle: &'a Handle,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        StoreFuture::new(async move {
            let entries = inner.page(None, usize::MAX - 1, now).await?;
            let owner = entries.into_iter().find(|entry| entry.handle == *handle).and_then(|entry| entry.user);
            match owner {
                Some(owner) => inner.revoke(&owner, handle, now).await,
                None => Ok(false),
            }
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct RevokesWithoutExceptions;

impl Wrong for RevokesWithoutExceptions {
    fn revoke_all<'a>(
        &'a self,
        inner: &'a MemoryStore,
        user: &'a UserId,
        _except: Option<&'a Handle>,
        now: Timestamp,
    ) -> StoreFuture<'a, u64> {
        inner.revoke_all(user, None, now)
    }
}

#[derive(Debug, Default)]
pub(crate) struct PagesSkipOne;

impl Wrong for PagesSkipOne {
    fn page<'a>(
        &'a self,
        inner: &'a MemoryStore,
        after: Option<&'a Handle>,
        limit: usize,
        now: Timestamp,
    ) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(async move {
            let mut page = inner.page(after, limit + usize::from(after.is_some()), now).await?;
            if after.is_some() && !page.is_empty() {
                page.remove(0);
            }
            Ok(page)
        })
    }
}
