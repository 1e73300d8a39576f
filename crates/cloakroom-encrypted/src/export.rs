//! The wrapped store's records, handed out with their values decrypted.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{Batch, Cursor, Export, Names, Store, StoreError, StoreErrorKind, StoreFuture};

use crate::seal::Sealer;
use crate::store::EncryptedStore;

/// What it hands out is in plain: another store, encrypted or not, takes it as it is.
impl<S: Store> Export for EncryptedStore<S> {
    /// The wrapped store's own.
    fn names(&self) -> Names {
        self.inner().export().map_or(Names::Ids, Export::names)
    }

    /// A record with a value that can't be decrypted is passed over, and counted as one that can't be read.
    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        StoreFuture::new(async move {
            let Some(export) = self.inner().export() else {
                return Ok(Batch::default());
            };
            let mut batch = export.records(after, limit, now).await?;
            let mut records = Vec::with_capacity(batch.records.len());
            for mut exported in batch.records {
                let opened = Sealer::new(self.keys(), exported.digest()).open_all(&exported.record.data);
                match opened.map_err(StoreError::from) {
                    Ok(data) => {
                        exported.record.data = Arc::new(data);
                        records.push(exported);
                    }
                    Err(error) if error.kind() == StoreErrorKind::Corrupt => batch.unreadable += 1,
                    Err(error) => return Err(error),
                }
            }
            batch.records = records;
            Ok(batch)
        })
    }
}
