//! Whose sessions there are.

use cloakroom::Timestamp;
use cloakroom::record::{Handle, UserId};
use cloakroom::store::{Directory, Entry, StoreError, StoreFuture};

use crate::PostgresStore;
use crate::error::Call;
use crate::escape::escape;
use crate::layout::{NO_HANDLE, column, entry, id_of};
use crate::parameter::Parameter;

impl Directory for PostgresStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(self.server.within(async move {
            self.entries(&self.statements.list, &[&escape(user.as_str()), &now.as_millis()]).await
        }))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.server.within(async move {
            let parameters: [Parameter<'_>; 2] = [&escape(user.as_str()), &now.as_millis()];
            let rows = self.execute(Call::Read, &self.statements.count_of, &parameters).await?;
            let count: i64 = rows.first().map_or(Ok(0), |row| column(row, 0, "user_id"))?;
            Ok(u64::try_from(count).unwrap_or(0))
        }))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        let Some(id) = id_of(handle) else { return StoreFuture::ready(Ok(false)) };
        StoreFuture::new(self.server.within(async move {
            let parameters: [Parameter<'_>; 3] = [&escape(user.as_str()), &now.as_millis(), &id];
            Ok(!self.execute(Call::Write, &self.statements.revoke, &parameters).await?.is_empty())
        }))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.server.within(async move {
            let parameters: [Parameter<'_>; 3] = [&escape(user.as_str()), &now.as_millis(), &except.and_then(id_of)];
            Ok(self.execute(Call::Write, &self.statements.revoke_all, &parameters).await?.len() as u64)
        }))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        // A handle that no session can have has no place in their order.
        let Some(after) = after.map_or(Some(NO_HANDLE), id_of) else { return StoreFuture::ready(Ok(Vec::new())) };
        StoreFuture::new(self.server.within(async move {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            self.entries(&self.statements.page, &[&after, &now.as_millis(), &limit]).await
        }))
    }
}

impl PostgresStore {
    async fn entries(&self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Entry>, StoreError> {
        self.execute(Call::Read, statement, parameters).await?.iter().map(entry).collect()
    }
}
