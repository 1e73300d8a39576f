//! Whose sessions there are. Nothing but the sessions themselves tells, for Express keeps no index: so all of them are looked
//! through, as connect-redis does for its `all`.

use std::collections::BTreeMap;

use cloakroom::Timestamp;
use cloakroom::record::{Handle, UserId};
use cloakroom::store::{Directory, Entry, StoreError, StoreFuture};
use futures_util::future::try_join_all;

use super::ExpressStore;
use super::text;
use crate::error::Call;
use crate::layout;
use crate::scan::escaped;
use crate::script::Request;

/// So many keys are asked for at a time, and so many sessions read.
const BATCH: usize = 2_000;

/// As many of those that come next are looked at, at least: some of them may be over.
const LEAST_PAGE: usize = 64;

/// A session of a user.
struct Session {
    id: String,
    entry: Entry,
    /// What tells whose it is.
    text: String,
}

impl Directory for ExpressStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(self.within(async move {
            let sessions = self.sessions_of(user, now).await?;
            let mut entries: Vec<Entry> = sessions.into_iter().map(|session| session.entry).collect();
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.seen));
            Ok(entries)
        }))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.within(async move { Ok(self.sessions_of(user, now).await?.len() as u64) }))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.within(async move { Ok(self.end_of(user, |mine| mine == handle, now).await? > 0) }))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.within(self.end_of(user, move |mine| Some(mine) != except, now)))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        if limit == 0 {
            return StoreFuture::ready(self.layout.check().map(|()| Vec::new()));
        }
        StoreFuture::new(self.within(async move {
            let (mut page, mut after) = (Vec::new(), after.cloned());
            let batch = limit.max(LEAST_PAGE);
            loop {
                let next = self.ids_behind(after.as_ref(), batch).await?;
                let is_last = next.len() < batch;
                after = next.last_key_value().map(|(handle, _)| handle.clone());
                let ids: Vec<String> = next.into_values().collect();
                for ids in ids.chunks(BATCH) {
                    page.extend(self.sessions(ids, now).await?.into_iter().map(|session| session.entry));
                }
                if is_last || page.len() >= limit {
                    page.truncate(limit);
                    return Ok(page);
                }
            }
        }))
    }
}

impl ExpressStore {
    async fn sessions_of(&self, user: &UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let mut sessions = BTreeMap::new();
        let ids: Vec<String> = self.ids_behind(None, usize::MAX).await?.into_values().collect();
        for ids in ids.chunks(BATCH) {
            for session in self.sessions(ids, now).await? {
                if session.entry.user.as_ref() == Some(user) {
                    sessions.insert(session.entry.handle.clone(), session);
                }
            }
        }
        Ok(sessions.into_values().collect())
    }

    /// Ends those of a user's sessions that are meant, until there is none: its text, or its id, may change meanwhile. A session that
    /// gets another id while all are looked through may be seen under neither, so they are looked through twice.
    async fn end_of(
        &self,
        user: &UserId,
        meant: impl Fn(&Handle) -> bool + Send,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (mut ended, mut empty) = (0, 0);
        while empty < 2 {
            empty += 1;
            for session in self.sessions_of(user, now).await? {
                if meant(&session.entry.handle) {
                    empty = 0;
                    ended += u64::from(self.end(&session.id, Some(&session.text), now).await?);
                }
            }
        }
        Ok(ended)
    }

    /// Those sessions that live, in the order of the ids.
    async fn sessions(&self, ids: &[String], now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let read = try_join_all(ids.iter().map(|id| self.live(id, now))).await?;
        let session = |(id, stored): (&String, Option<text::Stored>)| {
            stored.map(|stored| Session {
                id: id.clone(),
                entry: Entry::new(text::handle(id), stored.record()),
                text: stored.text,
            })
        };
        Ok(ids.iter().zip(read).filter_map(session).collect())
    }

    /// The first ids behind a handle, in the order of the handles. It goes through all keys.
    async fn ids_behind(&self, after: Option<&Handle>, limit: usize) -> Result<BTreeMap<Handle, String>, StoreError> {
        let mut first = BTreeMap::new();
        let pattern = format!("{}*", escaped(&self.layout.prefix));
        for node in self.place.server.masters().await.map_err(|failure| failure.of(Call::Read))? {
            let mut cursor = "0".to_owned();
            loop {
                let request = Request::command("SCAN").arg(cursor).arg("MATCH").arg(pattern.as_str());
                let request = request.arg("COUNT").arg(BATCH.to_string()).arg("TYPE").arg("string");
                let answer = self.place.server.ask_of(&node, Call::Read, &request).await?;
                let mut answer = layout::list(answer)?.into_iter();
                cursor = layout::string(answer.next().unwrap_or_default())?;
                for key in layout::list(answer.next().unwrap_or_default())? {
                    // What is no text is no key of Express.
                    let Ok(key) = layout::string(key) else { continue };
                    let Some(id) = key.strip_prefix(&self.layout.prefix) else { continue };
                    let handle = text::handle(id);
                    if after.is_none_or(|after| handle > *after) {
                        first.insert(handle, id.to_owned());
                    }
                    if first.len() > limit {
                        first.pop_last();
                    }
                }
                if cursor == "0" {
                    break;
                }
            }
        }
        Ok(first)
    }
}
