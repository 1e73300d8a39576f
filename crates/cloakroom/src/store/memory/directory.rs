//! The memory store's directory. It looks at all shards at one moment: a rotation moves a record from one to another.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::MemoryStore;
use super::shard::Slot;
use crate::clock::Timestamp;
use crate::record::{Handle, UserId};
use crate::store::{Directory, Entry, StoreFuture};

impl Directory for MemoryStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let mut entries: Vec<_> = {
            let shards = self.all_shards();
            let live = shards.iter().flat_map(|shard| shard.of_user(user)).filter(|(_, slot)| slot.record.is_live(now));
            live.map(|(_, slot)| entry(slot)).collect()
        };
        entries.sort_by_key(|entry| Reverse(entry.seen));
        StoreFuture::ready(Ok(entries))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        let shards = self.all_shards();
        let live = shards.iter().flat_map(|shard| shard.of_user(user)).filter(|(_, slot)| slot.record.is_live(now));
        StoreFuture::ready(Ok(live.count() as u64))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::ready(Ok(self.end(user, now, |each| each == handle) > 0))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::ready(Ok(self.end(user, now, |each| Some(each) != except)))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let shards = self.all_shards();
        let mut page: BTreeMap<&Handle, &Slot> = BTreeMap::new();
        for slot in shards.iter().flat_map(|shard| shard.slots()) {
            let behind = after.is_none_or(|after| slot.handle > *after);
            let full = page.len() >= limit;
            let beyond = full && page.last_key_value().is_none_or(|(last, _)| slot.handle > **last);
            if !behind || beyond || !slot.record.is_live(now) {
                continue;
            }
            page.insert(&slot.handle, slot);
            if full {
                page.pop_last();
            }
        }
        StoreFuture::ready(Ok(page.into_values().map(entry).collect()))
    }
}

fn entry(slot: &Slot) -> Entry {
    Entry::new(slot.handle.clone(), &slot.record)
}

impl MemoryStore {
    /// Ends a user's live sessions whose handle is chosen; tells how many.
    pub(super) fn end(&self, user: &UserId, now: Timestamp, chosen: impl Fn(&Handle) -> bool) -> u64 {
        let mut ended = 0;
        for shard in &mut self.all_shards() {
            let mine = shard.of_user(user).filter(|(_, slot)| slot.record.is_live(now) && chosen(&slot.handle));
            let keys: Vec<_> = mine.map(|(key, _)| key.clone()).collect();
            let removed = keys.iter().filter_map(|key| shard.remove(key)).count();
            self.left(removed);
            ended += removed as u64;
        }
        ended
    }
}
