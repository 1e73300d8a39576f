//! The directory over both stores. It shows a session where it is: of an old record and its copy, one.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::super::{Directory, Entry, Loaded, StoreError, StoreErrorKind, StoreFuture};
use super::{ATTEMPTS, MovingStore, marks, overtaken, step_aside};
use crate::clock::Timestamp;
use crate::record::{Handle, UserId};

impl Directory for MovingStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(self.list_now(user, now))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(async move { Ok(self.list_now(user, now).await?.len() as u64) })
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.revoke_now(user, handle, now))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.revoke_all_now(user, except, now))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(self.page_now(after, limit, now))
    }
}

impl MovingStore {
    /// The old store's and the new one's.
    pub(super) fn directories(&self) -> Result<(&dyn Directory, &dyn Directory), StoreError> {
        let both = self.old.directory().zip(self.new.directory());
        both.ok_or_else(|| StoreError::with_source(StoreErrorKind::Other, "one of the stores has no directory"))
    }

    /// Looks again while sessions move: none is missed on its way, and none is seen twice.
    async fn list_now(&self, user: &UserId, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let (old, new) = self.directories()?;
        // Old records whose copies have landed or ended before the last look at the new store.
        let mut over = HashSet::new();
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let before = old.list(user, now).await?;
            let here = new.list(user, now).await?;
            let mut has_moved = false;
            for entry in before.iter().filter(|entry| !over.contains(&entry.handle)).collect::<Vec<_>>() {
                if marks::is_moved(&entry.metadata) && !self.has_copy(entry, now).await? {
                    has_moved = true;
                    over.insert(entry.handle.clone());
                }
            }
            if has_moved || (!before.is_empty() && states(&before) != states(&old.list(user, now).await?)) {
                continue;
            }
            let there = before.into_iter().filter(|entry| !over.contains(&entry.handle));
            let mut entries: Vec<_> = there.chain(here.into_iter().filter(has_arrived)).map(shown).collect();
            entries.sort_by_key(|entry| Reverse(entry.seen));
            return Ok(entries);
        }
        Err(overtaken())
    }

    /// Whether the copy of an old record that is marked has not landed yet, and lives.
    async fn has_copy(&self, entry: &Entry, now: Timestamp) -> Result<bool, StoreError> {
        let Some(copy) = marks::destination(&entry.metadata)? else { return Ok(false) };
        Ok(matches!(self.new.load_fresh(&copy, now).await?, Loaded::Found(_)))
    }

    async fn revoke_now(&self, user: &UserId, handle: &Handle, now: Timestamp) -> Result<bool, StoreError> {
        let (old, new) = self.directories()?;
        if new.revoke(user, handle, now).await? {
            return Ok(true);
        }
        let was_moved = old.list(user, now).await?.iter().any(|entry| entry.handle == *handle && is_moved(entry));
        let was_old = old.revoke(user, handle, now).await?;
        // A copy is made before its mark: from here on there is no other.
        let mut ended = was_old && !was_moved;
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let moved: Vec<_> = new.list(user, now).await?;
            let moved: Vec<_> = moved.into_iter().filter(|entry| marks::is_from(&entry.metadata, handle)).collect();
            if moved.is_empty() {
                return Ok(ended);
            }
            for entry in moved {
                let was_there = new.revoke(user, &entry.handle, now).await?;
                ended |= was_there && (was_moved || has_arrived(&entry));
            }
        }
        Err(overtaken())
    }

    async fn revoke_all_now(&self, user: &UserId, except: Option<&Handle>, now: Timestamp) -> Result<u64, StoreError> {
        let (old, new) = self.directories()?;
        let (mut ended, mut was_moved) = (HashSet::new(), HashSet::new());
        for entry in old.list(user, now).await? {
            if except == Some(&entry.handle) {
                continue;
            }
            let was_there = old.revoke(user, &entry.handle, now).await?;
            if is_moved(&entry) {
                was_moved.insert(entry.handle);
            } else if was_there {
                ended.insert(entry.handle);
            }
        }
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let mut entries = new.list(user, now).await?;
            entries.retain(|entry| except.is_none_or(|spared| entry.handle != *spared && !is_from(entry, spared)));
            if entries.is_empty() {
                return Ok(ended.len() as u64);
            }
            for entry in entries {
                let was_there = new.revoke(user, &entry.handle, now).await?;
                let origin = marks::origin(&entry.metadata);
                // A copy without a mark is no session.
                let is_session = has_arrived(&entry) || origin.as_ref().is_some_and(|old| was_moved.contains(old));
                if was_there && is_session {
                    ended.insert(origin.unwrap_or(entry.handle));
                }
            }
        }
        Err(overtaken())
    }

    async fn page_now(&self, after: Option<&Handle>, limit: usize, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let (old, new) = self.directories()?;
        let mut page = self.page_of(old, after, limit, now).await?;
        page.extend(self.page_of(new, after, limit, now).await?);
        page.sort_by(|one, other| one.handle.cmp(&other.handle));
        page.truncate(limit);
        Ok(page.into_iter().map(shown).collect())
    }

    /// A page of one of the stores without what is no session.
    async fn page_of(
        &self,
        directory: &dyn Directory,
        after: Option<&Handle>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Entry>, StoreError> {
        let (mut page, mut after) = (Vec::new(), after.cloned());
        while page.len() < limit {
            let entries = directory.page(after.as_ref(), limit - page.len(), now).await?;
            let Some(last) = entries.last() else { break };
            after = Some(last.handle.clone());
            for entry in entries {
                if has_arrived(&entry) && (!is_moved(&entry) || self.has_copy(&entry, now).await?) {
                    page.push(entry);
                }
            }
        }
        Ok(page)
    }
}

fn states(entries: &[Entry]) -> HashSet<(&Handle, bool)> {
    entries.iter().map(|entry| (&entry.handle, is_moved(entry))).collect()
}

fn is_moved(entry: &Entry) -> bool {
    marks::is_moved(&entry.metadata)
}

fn is_from(entry: &Entry, handle: &Handle) -> bool {
    marks::is_from(&entry.metadata, handle)
}

fn has_arrived(entry: &Entry) -> bool {
    !marks::is_arriving(&entry.metadata)
}

fn shown(mut entry: Entry) -> Entry {
    marks::hide(&mut entry.metadata);
    entry
}
