//! Whose sessions there are.

use std::collections::BTreeMap;

use cloakroom::Timestamp;
use cloakroom::record::{Handle, UserId};
use cloakroom::store::{Directory, Entry, StoreError, StoreFuture};
use mongodb::bson::{Document, RawDocument, doc};
use mongodb::error::Error;
use mongodb::options::{ReadPreference, SelectionCriteria};

use super::ExpressStore;
use super::document::{self, Reading};
use super::filter::{live, of_user, with_text};
use crate::error::Call;

/// As many of those that come next are looked at, at least: some of them may be over.
const LEAST_BATCH: usize = 256;
const LEAST_READ: usize = 16;

/// The pages go through all ids each time: their order is that of the handles, which the database does not know.
impl Directory for ExpressStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(self.within(async move {
            let mut entries: Vec<Entry> =
                self.sessions_of(user, now).await?.into_iter().map(|session| session.entry).collect();
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.seen));
            Ok(entries)
        }))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.within(async move { Ok(self.sessions_of(user, now).await?.len() as u64) }))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.within(async move {
            if !self.tells_user_in_text() {
                let sessions = self.sessions_of(user, now).await?;
                let Some(session) = sessions.into_iter().find(|session| session.entry.handle == *handle) else {
                    return Ok(false);
                };
                let mut filter = of_user(user, &self.layout, now);
                filter.insert(&self.layout.id_field, session.id);
                return Ok(self.end(filter, doc! { "_id": 1 }, now).await?.is_some());
            }
            // Until it is ended or is there no more: its text may have changed meanwhile.
            loop {
                let sessions = self.sessions_of(user, now).await?;
                let Some(session) = sessions.into_iter().find(|session| session.entry.handle == *handle) else {
                    return Ok(false);
                };
                if self.end(self.still(&session, now), doc! { "_id": 1 }, now).await?.is_some() {
                    return Ok(true);
                }
            }
        }))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.within(async move {
            let mut ended = 0;
            // Until there is none: a session may be given a new id meanwhile.
            loop {
                let sessions = self.sessions_of(user, now).await?;
                let (spared, others): (Vec<_>, Vec<_>) =
                    sessions.into_iter().partition(|session| Some(&session.entry.handle) == except);
                if others.is_empty() {
                    return Ok(ended);
                }
                if self.tells_user_in_text() {
                    for session in &others {
                        let before = self.end(self.still(session, now), doc! { "_id": 1 }, now).await?;
                        ended += u64::from(before.is_some());
                    }
                    continue;
                }
                let mut filter = of_user(user, &self.layout, now);
                let spared: Vec<String> = spared.into_iter().map(|session| session.id).collect();
                filter.insert(&self.layout.id_field, doc! { "$nin": spared });
                ended += self.end_all(filter, now).await?;
            }
        }))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        if limit == 0 {
            return StoreFuture::ready(self.layout.check().map(|()| Vec::new()));
        }
        StoreFuture::new(self.within(async move {
            let (mut page, mut after) = (Vec::new(), after.cloned());
            let batch = limit.max(LEAST_BATCH);
            loop {
                let next = self.ids_behind(after.as_ref(), batch).await?;
                let is_last = next.len() < batch;
                after = next.last_key_value().map(|(handle, _)| handle.clone());
                let ids: Vec<String> = next.into_values().collect();
                for some in ids.chunks(limit.max(LEAST_READ)) {
                    if page.len() < limit {
                        page.extend(self.entries(some, now).await?);
                    }
                }
                if is_last || page.len() >= limit {
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
    entry: Entry,
    /// The text that tells whose it is, where one does.
    text: Option<String>,
}

impl ExpressStore {
    /// A user's sessions.
    async fn sessions_of(&self, user: &UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let mut sessions = Vec::new();
        let see = |document: &RawDocument| {
            if let Reading::Live(found) = document::read(document, &self.layout, now)?
                && found.record.user.as_ref() == Some(user)
                && let Some(id) = document::id(document, &self.layout)?
            {
                let text = if self.tells_user_in_text() { document::text(document, &self.layout)? } else { None };
                sessions.push(Session {
                    id: id.to_owned(),
                    entry: Entry::new(found.handle, &found.record),
                    text: text.map(|text| text.stored.to_owned()),
                });
            }
            Ok(())
        };
        self.each(of_user(user, &self.layout, now), self.summary(), see).await?;
        Ok(sessions)
    }

    /// Matches a session if it still has the text that told whose it is.
    fn still(&self, session: &Session, now: Timestamp) -> Document {
        let mut filter = with_text(Document::new(), session.text.as_deref().unwrap_or_default(), &self.layout, now);
        filter.insert(&self.layout.id_field, &session.id);
        filter
    }

    fn tells_user_in_text(&self) -> bool {
        self.layout.is_text() && self.layout.user_at.is_some()
    }

    /// The first ids behind a handle, in the order of the handles, dead or alive. It goes through all ids, by their index.
    async fn ids_behind(&self, after: Option<&Handle>, limit: usize) -> Result<BTreeMap<Handle, String>, StoreError> {
        let mut first = BTreeMap::new();
        let see = |document: &RawDocument| {
            let Some(id) = document::id(document, &self.layout)? else { return Ok(()) };
            let handle = document::handle_of(id);
            if after.is_none_or(|after| handle > *after) {
                first.insert(handle, id.to_owned());
            }
            if first.len() > limit {
                first.pop_last();
            }
            Ok(())
        };
        let id_field = &self.layout.id_field;
        let mut only_id = doc! { "_id": 0 };
        only_id.insert(id_field, 1);
        // A range that holds all of them, so that the index alone tells them.
        self.each(doc! { id_field: { "$gte": "" } }, only_id, see).await?;
        Ok(first)
    }

    /// What is to be told of those sessions that live, in the order of their handles.
    async fn entries(&self, ids: &[String], now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let see = |document: &RawDocument| {
            if let Reading::Live(found) = document::read(document, &self.layout, now)? {
                entries.push(Entry::new(found.handle, &found.record));
            }
            Ok(())
        };
        let mut filter = live(Document::new(), &self.layout, now);
        filter.insert(&self.layout.id_field, doc! { "$in": ids });
        self.each(filter, self.summary(), see).await?;
        entries.sort_by(|one, other| one.handle.cmp(&other.handle));
        Ok(entries)
    }

    /// Goes through the documents that a filter finds.
    async fn each(
        &self,
        filter: Document,
        shown: Document,
        mut see: impl FnMut(&RawDocument) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let not_read = |error: Error| Call::Read.failed(&error);
        let find = self.place.documents.find(filter).projection(shown).max_time(self.place.deadline);
        // Who is to be signed out is looked up so: a secondary may not have seen yet who logged in.
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let mut found = find.selection_criteria(primary).await.map_err(not_read)?;
        while found.advance().await.map_err(not_read)? {
            see(found.current())?;
        }
        Ok(())
    }
}
