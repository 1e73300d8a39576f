//! The memory store's directory. It looks at all shards at one moment: a rotation moves a record from one to another.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::MemoryStore;
use super::handles::Handles;
use super::shard::Shard;
use super::slot::Slot;
use super::sync::MutexGuard;
use crate::clock::Timestamp;
use crate::record::{Handle, UserId};
use crate::store::{Directory, Entry, StoreFuture};

impl Directory for MemoryStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let mut entries = Vec::new();
        for shard in &self.settled_shards() {
            let live = shard.of_user(user).filter(|(_, slot)| slot.is_live(now));
            entries.extend(live.map(|(_, slot)| Entry::new(shard.handle(slot), &slot.whole())));
        }
        entries.sort_by_key(|entry| Reverse(entry.seen));
        StoreFuture::ready(Ok(entries))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        let shards = self.all_shards();
        let live = shards.iter().flat_map(|shard| shard.of_user(user)).filter(|(_, slot)| slot.is_live(now));
        StoreFuture::ready(Ok(live.count() as u64))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::ready(Ok(self.end(user, now, |each| each == handle) > 0))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::ready(Ok(self.end(user, now, |each| Some(each) != except)))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let shards = self.settled_shards();
        let page = first(&shards, after.map(Handle::as_str), limit, now);
        StoreFuture::ready(Ok(page.into_iter().map(|(handle, slot)| Entry::new(handle, &slot.whole())).collect()))
    }
}

/// At most `limit` live records behind a handle, in the order of their handles.
pub(super) fn first<'a>(
    shards: &'a [MutexGuard<'_, Shard>],
    after: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> BTreeMap<Handle, &'a Slot> {
    let (mut first, lowest, mut highest) = (BTreeMap::new(), after.map_or(0, Handles::lowest_rank_behind), u64::MAX);
    for shard in shards {
        for slot in shard.slots() {
            // Of millions nearly all end here.
            if !(lowest..=highest).contains(&shard.rank(slot)) || !slot.is_live(now) {
                continue;
            }
            let handle = shard.handle(slot);
            if after.is_some_and(|after| handle.as_str() <= after) {
                continue;
            }
            first.insert(handle, slot);
            if first.len() > limit {
                first.pop_last();
                highest = first.last_key_value().map_or(0, |(_, last)| shard.rank(last));
            }
        }
    }
    first
}

impl MemoryStore {
    /// Ends a user's live sessions whose handle is chosen; tells how many.
    pub(super) fn end(&self, user: &UserId, now: Timestamp, chosen: impl Fn(&Handle) -> bool) -> u64 {
        let mut ended = 0;
        for shard in &mut self.all_shards() {
            let mine = shard.of_user(user).filter(|(_, slot)| slot.is_live(now) && chosen(&shard.handle(slot)));
            let mine: Vec<_> = mine.map(|(at, _)| at).collect();
            for at in &mine {
                shard.remove_at(*at);
            }
            self.left(mine.len());
            ended += mine.len() as u64;
        }
        ended
    }
}
