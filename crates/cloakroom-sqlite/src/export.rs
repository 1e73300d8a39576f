//! The rows as another store takes them, in the order of their ids.

use cloakroom::Timestamp;
use cloakroom::store::{Batch, Cursor, Export, Exported, Names, StoreErrorKind, StoreFuture};
use rusqlite::{Connection, params};

use crate::SqliteStore;
use crate::error::Fault;
use crate::row::{COLUMNS, DATA, Stored};

/// The place of the key behind the data.
const KEY: usize = DATA + 1;

impl Export for SqliteStore {
    fn names(&self) -> Names {
        Names::Digests
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        let after = match after.map(|after| after.as_str().parse()) {
            None => -1,
            Some(Ok(id)) => id,
            // It is none of this store's.
            Some(Err(_)) => return StoreFuture::ready(Ok(Batch::default())),
        };
        StoreFuture::new(self.read(move |connection| batch(connection, after, limit.max(1), now)))
    }
}

fn batch(connection: &Connection, after: i64, limit: usize, now: Timestamp) -> Result<Batch, Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, data, key FROM session WHERE id > ?2 AND idle_end > ?1 AND absolute_end > ?1 ORDER BY id LIMIT ?3"
    );
    let mut find = connection.prepare_cached(&sql)?;
    let mut rows = find.query(params![now.as_millis(), after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let (mut records, mut unreadable, mut seen, mut last) = (Vec::new(), 0, 0, after);
    while let Some(row) = rows.next()? {
        (seen, last) = (seen + 1, row.get(0)?);
        match Stored::with_data(row) {
            Ok(stored) => {
                let (handle, token) = (stored.handle(), stored.token());
                records.push(Exported::of_digest(row.get(KEY)?, handle, stored.record).with_token(token));
            }
            Err(fault) if fault.kind() == StoreErrorKind::Corrupt => unreadable += 1,
            Err(fault) => return Err(fault),
        }
    }
    let next = (seen == limit).then(|| Cursor::new(last.to_string()));
    Ok(Batch::new(records, next).with_unreadable(unreadable))
}
