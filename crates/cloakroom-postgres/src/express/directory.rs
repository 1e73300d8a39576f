//! Whose sessions there are.

use std::cmp::Reverse;

use cloakroom::Timestamp;
use cloakroom::record::{Handle, UserId};
use cloakroom::store::{Directory, Entry, StoreError, StoreFuture};

use super::ExpressStore;
use super::row::{Reading, Stored};
use super::text::needle;
use crate::error::Call;
use crate::escape::escape;
use crate::parameter::Parameter;

/// As many rows are looked at for a page, at least: some of them may be over.
const LEAST_BATCH: usize = 64;

/// The pages go through all ids each time: their order is that of the handles, which no index has.
impl Directory for ExpressStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(self.server.within(async move {
            let sessions = self.sessions_of(user, now).await?;
            let mut entries: Vec<Entry> = sessions.into_iter().map(|session| session.entry).collect();
            entries.sort_by_key(|entry| Reverse(entry.seen));
            Ok(entries)
        }))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.server.within(async move { Ok(self.sessions_of(user, now).await?.len() as u64) }))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.server.within(async move {
            // Until it is ended or is there no more: its text may have changed meanwhile.
            loop {
                let sessions = self.sessions_of(user, now).await?;
                let Some(session) = sessions.into_iter().find(|session| session.entry.handle == *handle) else {
                    return Ok(false);
                };
                if self.end(user, &session).await? {
                    return Ok(true);
                }
            }
        }))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.server.within(async move {
            let mut ended = 0;
            // Until there is none: a session may be given a new id meanwhile.
            loop {
                let mut others = self.sessions_of(user, now).await?;
                others.retain(|session| Some(&session.entry.handle) != except);
                if others.is_empty() {
                    return Ok(ended);
                }
                for session in &others {
                    ended += u64::from(self.end(user, session).await?);
                }
            }
        }))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let after = after.map_or("", Handle::as_str).to_owned();
        // A handle that no session can have has no place in their order.
        if limit == 0 || after.contains('\0') {
            return StoreFuture::ready(Ok(Vec::new()));
        }
        StoreFuture::new(self.server.within(async move {
            let (mut page, mut after) = (Vec::new(), after);
            let batch = limit.max(LEAST_BATCH);
            loop {
                let parameters: [Parameter<'_>; 2] = [&after, &i64::try_from(batch).unwrap_or(i64::MAX)];
                let rows = self.execute(Call::Read, &self.statements.page, &parameters).await?;
                for row in &rows {
                    let stored = Stored::of(row)?;
                    if let Reading::Live(live) = stored.read(&self.layout, now)? {
                        page.push(Entry::new(live.found.handle, &live.found.record));
                    }
                }
                if let Some(last) = rows.last() {
                    after = super::row::handle_of(Stored::of(last)?.id).as_str().to_owned();
                }
                if rows.len() < batch || page.len() >= limit {
                    page.truncate(limit);
                    return Ok(page);
                }
            }
        }))
    }
}

/// A session of a user.
struct Session {
    id: String,
    text: String,
    entry: Entry,
}

impl ExpressStore {
    /// A user's sessions.
    async fn sessions_of(&self, user: &UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let name = match self.layout.user_at {
            Some(_) => needle(user.as_str()),
            None => escape(user.as_str()).into_owned(),
        };
        let mut sessions = Vec::new();
        for row in &self.execute(Call::Read, &self.statements.list, &[&name]).await? {
            let stored = Stored::of(row)?;
            if let Reading::Live(live) = stored.read(&self.layout, now)?
                && live.found.record.user.as_ref() == Some(user)
            {
                let entry = Entry::new(live.found.handle, &live.found.record);
                sessions.push(Session { id: stored.id.to_owned(), text: stored.text.to_owned(), entry });
            }
        }
        Ok(sessions)
    }

    /// Ends a session if it still is the user's; tells whether it was.
    async fn end(&self, user: &UserId, session: &Session) -> Result<bool, StoreError> {
        let still = match self.layout.user_at {
            Some(_) => session.text.clone(),
            None => escape(user.as_str()).into_owned(),
        };
        let parameters: [Parameter<'_>; 2] = [&session.id, &still];
        Ok(!self.execute(Call::Write, &self.statements.revoke, &parameters).await?.is_empty())
    }
}
