//! Faults of the export.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{Batch, Cursor, Export, Exported, MemoryStore, StoreFuture, Token};

use super::Wrong;

#[derive(Debug, Default)]
pub(crate) struct ExportsTheDead;

impl Wrong for ExportsTheDead {
    fn records<'a>(
        &'a self,
        inner: &'a MemoryStore,
        after: Option<&'a Cursor>,
        limit: usize,
        _now: Timestamp,
    ) -> StoreFuture<'a, Batch> {
        inner.records(after, limit, Timestamp::from_millis(0))
    }
}

/// As it would by the directory's entries.
#[derive(Debug, Default)]
pub(crate) struct ExportsWithoutData;

impl Wrong for ExportsWithoutData {
    fn records<'a>(
        &'a self,
        inner: &'a MemoryStore,
        after: Option<&'a Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> StoreFuture<'a, Batch> {
        StoreFuture::new(async move {
            let mut batch = inner.records(after, limit, now).await?;
            for exported in &mut batch.records {
                exported.record.data = Arc::default();
            }
            Ok(batch)
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExportsByDigest;

impl Wrong for ExportsByDigest {
    fn records<'a>(
        &'a self,
        inner: &'a MemoryStore,
        after: Option<&'a Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> StoreFuture<'a, Batch> {
        StoreFuture::new(async move {
            let mut batch = inner.records(after, limit, now).await?;
            for exported in &mut batch.records {
                let (digest, handle, record) = (*exported.digest(), exported.handle.clone(), exported.record.clone());
                *exported = Exported::of_digest(digest, handle, record);
            }
            Ok(batch)
        })
    }
}

/// As it would where a state is told that was never read.
#[derive(Debug, Default)]
pub(crate) struct ExportsFirstStates;

impl Wrong for ExportsFirstStates {
    fn records<'a>(
        &'a self,
        inner: &'a MemoryStore,
        after: Option<&'a Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> StoreFuture<'a, Batch> {
        StoreFuture::new(async move {
            let mut batch = inner.records(after, limit, now).await?;
            for exported in &mut batch.records {
                *exported = exported.clone().with_token(Token::version(1));
            }
            Ok(batch)
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExportStopsEarly;

impl Wrong for ExportStopsEarly {
    fn records<'a>(
        &'a self,
        inner: &'a MemoryStore,
        after: Option<&'a Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> StoreFuture<'a, Batch> {
        StoreFuture::new(async move {
            let batch = inner.records(after, limit, now).await?;
            Ok(Batch::new(batch.records, None))
        })
    }
}
