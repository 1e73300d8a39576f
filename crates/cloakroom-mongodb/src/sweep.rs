//! Removes what is over, a part at a time.

use std::sync::{Arc, Mutex, PoisonError};

use cloakroom::Timestamp;
use cloakroom::store::StoreError;
use mongodb::bson::raw::RawDocument;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::Error;
use mongodb::options::Hint;

use crate::error::Call;
use crate::layout::date;
use crate::place::Place;

/// A call has a deadline, and a filter its greatest size.
const AT_ONCE: usize = 10_000;

const ID: &str = "_id";

/// Remembers how far it has come, by each of the two times of which the earlier ends a session.
///
/// What was removed from an index stays in it for some minutes, for readers of older snapshots. Who looks for the next part
/// from the beginning passes all of it again: half a million records would never be done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sweeper(Arc<Mutex<[Option<DateTime>; 2]>>);

impl Sweeper {
    /// Removes at most `limit` of the documents of which one of the times is past; tells how many: none where there
    /// are none.
    pub(crate) async fn sweep(
        &self,
        place: &Place,
        times: [&str; 2],
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let limit = limit.min(AT_ONCE);
        let failed = |error: Error| Call::Write.failed(&error);
        let mut ids = Vec::new();
        for (number, time) in times.into_iter().enumerate() {
            ids.extend(self.next(place, number, time, limit - ids.len(), now).await.map_err(failed)?);
        }
        if ids.is_empty() {
            return Ok(0);
        }
        // A touch may have come in between: what lives by now stays.
        let past = doc! { "$lte": date(now) };
        let or: Vec<_> = times.into_iter().map(|time| doc! { time: past.clone() }).collect();
        let filter = doc! { ID: { "$in": ids }, "$or": or };
        let removing = place.documents.delete_many(filter).hint(Hint::Keys(doc! { ID: 1 }));
        let removed = removing.await.map_err(failed)?.deleted_count;
        Ok(usize::try_from(removed).unwrap_or(usize::MAX))
    }

    /// The ids of the next documents of which this time is past.
    async fn next(
        &self,
        place: &Place,
        number: usize,
        time: &str,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Bson>, Error> {
        let from = self.places()[number];
        let mut found = find(place, time, from, limit, now).await?;
        if found.ids.len() < limit && from.is_some() {
            // At the end. There may be more before the place where it began.
            found = find(place, time, None, limit, now).await?;
        }
        self.places()[number] = found.last.filter(|_| found.ids.len() == limit);
        Ok(found.ids)
    }

    fn places(&self) -> std::sync::MutexGuard<'_, [Option<DateTime>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Ended {
    ids: Vec<Bson>,
    /// The latest of their times.
    last: Option<DateTime>,
}

/// Documents of which this time is past, the earliest first.
async fn find(place: &Place, time: &str, from: Option<DateTime>, limit: usize, now: Timestamp) -> Result<Ended, Error> {
    let mut ended = Ended::default();
    // To MongoDB, a limit of 0 is none.
    if limit == 0 {
        return Ok(ended);
    }
    let mut range = Document::new();
    range.extend(from.map(|from| ("$gte".to_owned(), Bson::from(from))));
    range.insert("$lte", date(now));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = place.documents.find(doc! { time: range }).projection(doc! { ID: 1, time: 1 }).sort(doc! { time: 1 });
    let mut found = found.limit(limit).max_time(place.deadline).await?;
    while found.advance().await? {
        let document = found.current();
        let id = document.get(ID).ok().flatten().and_then(|id| Bson::try_from(id).ok());
        ended.ids.extend(id);
        ended.last = date_at(document, time).or(ended.last);
    }
    Ok(ended)
}

/// The time at a path with dots between.
fn date_at(document: &RawDocument, path: &str) -> Option<DateTime> {
    match path.split_once('.') {
        Some((first, rest)) => date_at(document.get_document(first).ok()?, rest),
        None => document.get_datetime(path).ok(),
    }
}
