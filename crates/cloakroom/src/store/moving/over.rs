//! Moving what nobody uses: one record of the old store after the other.

use super::super::export::{can_name, needs_id};
use super::super::{Exported, Found, Guard, StoreError};
use super::steps::{Brought, Landed};
use super::{MovingStore, marks};
use crate::clock::Timestamp;
use crate::record::{Patch, Record};

/// What became of a session that was to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is in the new store.
    Done,
    /// Not yet: it was given another id a moment ago, and only the old store remembers the one before. Try again in a few
    /// seconds.
    Later,
    /// It has ended, or has another id by now.
    Over,
}

impl MovingStore {
    /// Moves a session of the old store to the new one as its next write would, whether or not it is used.
    ///
    /// So an operator empties the old store, while the application serves from both. It may be done by a process of its
    /// own, with a `MovingStore` of the same two stores, and again after it was cut off. Only from step 2 on: before, it logs
    /// out whoever comes to a process that knows the old store alone.
    ///
    /// The sooner after it was read, the better: it is moved as it was read if it is still in that [state](Exported::token), and read
    /// again if not. A touch that came in between in the old store, by who does not move, is no other state and is lost.
    ///
    /// ```
    /// use cloakroom::{Timestamp, store::{Export, MemoryStore, Moved, MovingStore, Store, StoreError}};
    /// use std::sync::Arc;
    ///
    /// async fn empty(old: Arc<dyn Store>, new: Arc<dyn Store>, now: Timestamp) -> Result<u64, StoreError> {
    ///     let (store, mut moved, mut after) = (MovingStore::new(old.clone(), new), 0, None);
    ///     while let Some(export) = old.export() {
    ///         let batch = export.records(after.as_ref(), 100, now).await?;
    ///         for record in &batch.records {
    ///             moved += u64::from(store.bring_over(record, now).await? == Moved::Done);
    ///         }
    ///         after = batch.next;
    ///         if after.is_none() {
    ///             break;
    ///         }
    ///     }
    ///     Ok(moved)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If a store fails, and if the old one knows the session by a digest while the new one keeps ids.
    pub async fn bring_over(&self, exported: &Exported, now: Timestamp) -> Result<Moved, StoreError> {
        if !can_name(&*self.new, exported.key()) || !can_name(&*self.old, exported.key()) {
            return Err(needs_id());
        }
        if let Some(found) = self.as_read(exported, now)
            && let Some(copy) = self.claim(exported.key(), found, now).await?
        {
            return Ok(match self.land(&copy, exported.key(), now).await? {
                Landed::Now(_) | Landed::Before(_) => Moved::Done,
                Landed::Over => Moved::Over,
            });
        }
        Ok(match self.bring(exported.key(), &Patch::default(), &Guard::Exists, now).await? {
            Brought::InNew(_) => Moved::Done,
            Brought::InOld(_) => Moved::Later,
            // Nothing is guarded and nothing added to.
            Brought::Gone | Brought::Conflict | Brought::WrongType => Moved::Over,
        })
    }

    /// The record as it was read, if it can move without being read again: the mark is guarded by its state.
    fn as_read(&self, exported: &Exported, now: Timestamp) -> Option<Found> {
        let (record, token) = (&exported.record, exported.token()?);
        let can_move = self.moves
            && record.is_live(now)
            && !exported.is_on_its_way()
            && !marks::is_just_turned(&record.metadata, now);
        can_move.then(|| Found::new(record.clone(), token.clone(), exported.handle.clone()))
    }
}

impl Exported {
    /// Whether it is no session: a copy that a [`MovingStore`] has not finished, or what one has left behind.
    pub fn is_on_its_way(&self) -> bool {
        marks::is_moved(&self.record.metadata) || marks::is_arriving(&self.record.metadata)
    }

    /// The record without what a [`MovingStore`] has noted in it.
    pub fn without_notes(&self) -> Record {
        without_notes(self.record.clone())
    }
}

pub(crate) fn without_notes(mut record: Record) -> Record {
    marks::hide(&mut record.metadata);
    record
}
