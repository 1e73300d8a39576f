//! The memory store's records, handed out in the order of their handles.

use super::MemoryStore;
use super::directory::first;
use crate::clock::Timestamp;
use crate::store::{Batch, Cursor, Export, Exported, Names, StoreFuture};

impl Export for MemoryStore {
    fn names(&self) -> Names {
        Names::Ids
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        let limit = limit.max(1);
        let shards = self.settled_shards();
        let first = first(&shards, after.map(Cursor::as_str), limit, now);
        let next = first.last_key_value().filter(|_| first.len() == limit);
        let next = next.map(|(handle, _)| Cursor::new(handle.as_str()));
        let records = first.into_iter();
        let records = records.map(|(handle, slot)| {
            Exported::of_key(slot.id.clone().into(), handle, slot.whole()).with_token(slot.token())
        });
        StoreFuture::ready(Ok(Batch::new(records.collect(), next)))
    }
}
