//! The rows as another store takes them, in the order of their handles.

use cloakroom::Timestamp;
use cloakroom::record::Handle;
use cloakroom::store::{Batch, Cursor, Export, Exported, Names, StoreError, StoreErrorKind, StoreFuture};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::error::{self, Call};
use crate::layout::{self, NO_HANDLE, column, id_of};
use crate::parameter::Parameter;

impl Export for PostgresStore {
    fn names(&self) -> Names {
        Names::Digests
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        let after = after.map_or_else(|| Handle::new(NO_HANDLE), |after| Handle::new(after.as_str()));
        let limit = limit.max(1);
        StoreFuture::new(self.server.within(async move {
            // What is no handle is no place of this store's.
            let Some(after) = id_of(&after) else { return Ok(Batch::default()) };
            let (now, most) = (now.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX));
            let parameters: [Parameter<'_>; 3] = [&after, &now, &most];
            let rows = self.execute(Call::Read, &self.statements.export, &parameters).await?;
            let (mut records, mut unreadable) = (Vec::with_capacity(rows.len()), 0);
            for row in &rows {
                match exported(row) {
                    Ok(exported) => records.push(exported),
                    Err(error) if error.kind() == StoreErrorKind::Corrupt => unreadable += 1,
                    Err(error) => return Err(error),
                }
            }
            let next = match rows.last() {
                Some(last) if rows.len() == limit => Some(Cursor::new(column::<&str>(last, 0, "handle")?)),
                _ => None,
            };
            Ok(Batch::new(records, next).with_unreadable(unreadable))
        }))
    }
}

fn exported(row: &Row) -> Result<Exported, StoreError> {
    let found = layout::found(row)?.ok_or_else(|| error::corrupt("handle"))?;
    let key: &[u8] = column(row, 11, "key")?;
    let digest = key.try_into().map_err(|_| error::corrupt("key"))?;
    Ok(Exported::of_digest(digest, found.handle, found.record).with_token(found.token))
}
