//! The records as another store takes them, as the server goes through its keys.

use cloakroom::Timestamp;
use cloakroom::store::{Batch, Cursor, Export, Exported, Names, StoreError, StoreErrorKind, StoreFuture};
use futures_util::future::try_join_all;

use crate::RedisStore;
use crate::layout::Fields;
use crate::names;
use crate::scan;

impl Export for RedisStore {
    fn names(&self) -> Names {
        Names::Digests
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        StoreFuture::new(self.place.within(self.batch(after, limit, now)))
    }
}

impl RedisStore {
    async fn batch(&self, after: Option<&Cursor>, limit: usize, now: Timestamp) -> Result<Batch, StoreError> {
        let prefix = names::sessions(&self.place.prefix);
        let (digests, next) = scan::step(&self.place, &prefix, "hash", after, limit).await?;
        let read = try_join_all(digests.iter().map(|digest| self.place.read(digest))).await?;
        let (mut records, mut unreadable) = (Vec::new(), 0);
        for (digest, fields) in digests.iter().zip(&read) {
            match exported(digest, fields, now) {
                Ok(exported) => records.extend(exported),
                Err(error) if error.kind() == StoreErrorKind::Corrupt => unreadable += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(Batch::new(records, next).with_unreadable(unreadable))
    }
}

/// The record of a digest, if there is one that lives.
fn exported(digest: &str, fields: &Fields, now: Timestamp) -> Result<Option<Exported>, StoreError> {
    let Some(digest) = names::bytes_of(digest).filter(|_| fields.is_record()) else { return Ok(None) };
    let found = fields.found()?;
    Ok(found
        .record
        .is_live(now)
        .then(|| Exported::of_digest(digest, found.handle, found.record).with_token(found.token)))
}
