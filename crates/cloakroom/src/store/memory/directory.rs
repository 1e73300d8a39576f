//! The memory store's directory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{MemoryStore, SHARDS};
use crate::clock::Timestamp;
use crate::record::{Handle, UserId};
use crate::store::{Directory, Entry, StoreFuture};

impl Directory for MemoryStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let mut entries = Vec::new();
        for index in 0..SHARDS {
            let shard = self.shard_at(index);
            let live = shard.of_user(user).filter(|(_, slot)| slot.record.is_live(now));
            entries.extend(live.map(|(_, slot)| Entry::new(slot.handle.clone(), &slot.record)));
        }
        entries.sort_by_key(|entry| Reverse(entry.seen));
        StoreFuture::ready(Ok(entries))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        let in_shard = |index| {
            let shard = self.shard_at(index);
            shard.of_user(user).filter(|(_, slot)| slot.record.is_live(now)).count() as u64
        };
        StoreFuture::ready(Ok((0..SHARDS).map(in_shard).sum()))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::ready(Ok(self.end(user, now, |each| each == handle) > 0))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::ready(Ok(self.end(user, now, |each| Some(each) != except)))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let mut page = BTreeMap::new();
        for index in 0..SHARDS {
            for slot in self.shard_at(index).slots() {
                let behind = after.is_none_or(|after| slot.handle > *after);
                if behind && slot.record.is_live(now) {
                    page.insert(slot.handle.clone(), Entry::new(slot.handle.clone(), &slot.record));
                }
                if page.len() > limit {
                    page.pop_last();
                }
            }
        }
        StoreFuture::ready(Ok(page.into_values().collect()))
    }
}

impl MemoryStore {
    /// Ends a user's live sessions whose handle is chosen; tells how many.
    fn end(&self, user: &UserId, now: Timestamp, chosen: impl Fn(&Handle) -> bool) -> u64 {
        let mut ended = 0;
        for index in 0..SHARDS {
            let mut shard = self.shard_at(index);
            let mine = shard.of_user(user).filter(|(_, slot)| slot.record.is_live(now) && chosen(&slot.handle));
            let keys: Vec<_> = mine.map(|(key, _)| *key).collect();
            let removed = keys.iter().filter_map(|key| shard.remove(key)).count();
            self.left(removed);
            ended += removed as u64;
        }
        ended
    }
}
