//! The memory store's records, handed out in the order of their handles.

use std::collections::BTreeMap;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::record::Handle;
use crate::store::{Batch, Cursor, Export, Exported, Names, StoreFuture};

impl Export for MemoryStore {
    fn names(&self) -> Names {
        Names::Ids
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        let limit = limit.max(1);
        let shards = self.all_shards();
        let mut first = BTreeMap::new();
        for (key, slot) in shards.iter().flat_map(|shard| shard.keys_and_slots()) {
            let behind = after.is_none_or(|after| slot.handle.as_str() > after.as_str());
            if !behind || !slot.record.is_live(now) {
                continue;
            }
            first.insert(&slot.handle, (key, slot));
            if first.len() > limit {
                first.pop_last();
            }
        }
        let next = first.last_key_value().filter(|_| first.len() == limit);
        let next = next.map(|(handle, _): (&&Handle, _)| Cursor::new(handle.as_str()));
        let records = first.into_values();
        let records = records.map(|(key, slot)| {
            Exported::of_key(key.clone(), slot.handle.clone(), slot.record.clone()).with_token(slot.token())
        });
        StoreFuture::ready(Ok(Batch::new(records.collect(), next)))
    }
}
