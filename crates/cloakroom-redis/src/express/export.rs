//! The sessions as another store takes them, as the server goes through its keys.

use cloakroom::Timestamp;
use cloakroom::store::{Batch, Cursor, Export, Exported, Names, StoreError, StoreFuture};
use futures_util::future::try_join_all;

use super::ExpressStore;
use super::text;
use crate::scan;

impl Export for ExpressStore {
    fn names(&self) -> Names {
        Names::Ids
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        StoreFuture::new(self.within(self.batch(after, limit, now)))
    }
}

impl ExpressStore {
    async fn batch(&self, after: Option<&Cursor>, limit: usize, now: Timestamp) -> Result<Batch, StoreError> {
        let (ids, next) = scan::step(&self.place, &self.layout.prefix, "string", after, limit).await?;
        let read = try_join_all(ids.iter().map(|id| self.read(id, now))).await?;
        let (mut records, mut unreadable) = (Vec::new(), 0);
        for (id, reading) in ids.iter().zip(read) {
            // A text that can't be read has been told to the log; one that has ended since, is no more.
            let Some(stored) = reading.stored else {
                unreadable += u64::from(reading.is_broken);
                continue;
            };
            if stored.record().is_live(now)
                && let Ok(exported) = Exported::of_id(id, text::handle(id), stored.record().clone())
            {
                records.push(exported.with_token(stored.token()?));
            }
        }
        Ok(Batch::new(records, next).with_unreadable(unreadable))
    }
}
