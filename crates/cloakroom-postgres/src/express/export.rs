//! The rows as another store takes them, in the order of their session ids.

use cloakroom::Timestamp;
use cloakroom::store::{Batch, Cursor, Export, Exported, Names, StoreError, StoreErrorKind, StoreFuture};

use super::ExpressStore;
use super::row::{Reading, Stored};
use crate::error::{Call, corrupt};
use crate::parameter::Parameter;

impl Export for ExpressStore {
    fn names(&self) -> Names {
        Names::Ids
    }

    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch> {
        let (after, limit) = (after.map_or("", Cursor::as_str), limit.max(1));
        StoreFuture::new(self.server.within(async move {
            let parameters: [Parameter<'_>; 2] = [&after, &i64::try_from(limit).unwrap_or(i64::MAX)];
            let rows = self.execute(Call::Read, &self.statements.export, &parameters).await?;
            let (mut records, mut unreadable) = (Vec::with_capacity(rows.len()), 0);
            for row in &rows {
                match self.exported(&Stored::of(row)?, now) {
                    Ok(exported) => records.extend(exported),
                    Err(error) if error.kind() == StoreErrorKind::Corrupt => unreadable += 1,
                    Err(error) => return Err(error),
                }
            }
            let next = match rows.last() {
                Some(last) if rows.len() == limit => Some(Cursor::new(Stored::of(last)?.id)),
                _ => None,
            };
            Ok(Batch::new(records, next).with_unreadable(unreadable))
        }))
    }
}

impl ExpressStore {
    /// The session of a row, if it lives.
    fn exported(&self, stored: &Stored<'_>, now: Timestamp) -> Result<Option<Exported>, StoreError> {
        match stored.read(&self.layout, now)? {
            Reading::Live(live) => {
                let found = live.found;
                let exported = Exported::of_id(stored.id, found.handle, found.record);
                exported.map(|exported| Some(exported.with_token(found.token))).map_err(|_| corrupt("sid"))
            }
            Reading::Over => Ok(None),
            Reading::Broken => Err(corrupt("sess")),
        }
    }
}
