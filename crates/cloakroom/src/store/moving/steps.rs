//! The steps of a move, and of an end that may meet one.
//!
//! Where a session is, is decided by single steps of single stores:
//!
//! - A record in the old store without a mark is the session. One with a mark never is again.
//! - The mark is made by a write that is guarded by the state that was copied, and names the copy's key in the new store. From
//!   then on the session is the copy, as long as it is under that key; a rotation takes it to the session's own
//!   key, once.
//! - In the new store, what has the session's own key is the session.
//!
//! The copy's key is drawn for each attempt to move, so no two copies are mistaken for each other, and who ends the session
//! learns from the mark which copy has to end.

use super::super::{Applied, Created, Found, Guard, Loaded, Rotated, StoreError, StoreErrorKind, Token};
use super::{ATTEMPTS, MovingStore, marks, overtaken, step_aside, token};
use crate::clock::Timestamp;
use crate::record::{Expiry, Patch, Record, StoreKey};

/// How many expired records make room at a time.
const SWEPT_AT_ONCE: usize = 1_000;

/// Where a session that is to be written is, and how to ask for it.
#[derive(Debug)]
pub(super) enum Brought {
    InNew(Guard),
    /// It is not to move, or not yet.
    InOld(Guard),
    Gone,
    Conflict,
    WrongType,
}

impl MovingStore {
    /// Finds a session that the new store had not, and moves it there.
    ///
    /// A patch that would be refused moves nothing: the token that it came with is to be of use again.
    pub(super) async fn bring(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Brought, StoreError> {
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let Loaded::Found(found) = self.old.load_fresh(key, now).await? else {
                return Ok(as_asked(self.look(key, now).await?, guard));
            };
            if let Some(copy) = marks::destination(&found.record.metadata)? {
                return Ok(as_asked(self.land(&copy, key, now).await?, guard));
            }
            if !token::is_of_old(guard, &found.token) {
                return Ok(Brought::Conflict);
            }
            if patch.apply_to(&mut found.record.clone(), now).is_err() {
                return Ok(Brought::WrongType);
            }
            if !self.moves || marks::is_just_turned(&found.record.metadata, now) {
                return Ok(Brought::InOld(Guard::Unchanged(found.token)));
            }
            let mut record = found.record.clone();
            marks::hide(&mut record.metadata);
            if let Some(copy) = self.claim(key, found, now).await? {
                return Ok(match (self.land(&copy, key, now).await?, guard) {
                    // The mark was guarded by the state that is asked for, and nobody has had the copy since.
                    (Landed::Now(token), Guard::Unchanged(_)) => Brought::InNew(Guard::Unchanged(token)),
                    // Another has helped, and has not written yet. To refuse both would be wrong: one has to win.
                    (Landed::Before(there), Guard::Unchanged(_)) if is_still(&record, &there.record) => {
                        Brought::InNew(Guard::Unchanged(there.token))
                    }
                    (landed, guard) => as_asked(landed, guard),
                });
            }
        }
        Err(overtaken())
    }

    /// Copies a record, and marks it as moved to the copy. None if it is not any more what was copied.
    pub(super) async fn claim(
        &self,
        key: &StoreKey,
        found: Found,
        now: Timestamp,
    ) -> Result<Option<StoreKey>, StoreError> {
        let copy = StoreKey::generate().map_err(|error| StoreError::with_source(StoreErrorKind::Other, error))?;
        match self.new.create(&copy, &marks::copy_of(found.record, &found.handle)?, now).await? {
            Created::Done { .. } => {}
            Created::Taken => return Err(StoreError::new(StoreErrorKind::Other)),
        }
        match self.old.apply(key, &marks::moved_to(&copy)?, &Guard::Unchanged(found.token), now).await? {
            Applied::Done(_) => Ok(Some(copy)),
            Applied::Gone | Applied::Conflict | Applied::WrongType => {
                self.new.destroy(&copy, now).await?;
                Ok(None)
            }
        }
    }

    /// Takes the copy of a record that is marked to the session's own key, if nobody has done so, and removes the record.
    pub(super) async fn land(&self, copy: &StoreKey, key: &StoreKey, now: Timestamp) -> Result<Landed, StoreError> {
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let landed = match self.new.rotate(copy, key, &marks::landed(), &Guard::Exists, now).await? {
                Rotated::Done { written, .. } => Landed::Now(written.token),
                Rotated::Gone => self.look(key, now).await?,
                // What has the key may be the session: the copy is not there any more then.
                Rotated::Taken => match self.look(key, now).await? {
                    there @ Landed::Before(_) => {
                        self.new.destroy(copy, now).await?;
                        there
                    }
                    _ if matches!(self.new.load_fresh(copy, now).await?, Loaded::Found(_)) => {
                        // An expired record has the key.
                        if self.new.sweep(SWEPT_AT_ONCE, now).await? == 0 {
                            break;
                        }
                        continue;
                    }
                    over => over,
                },
                Rotated::Conflict | Rotated::WrongType => return Err(StoreError::new(StoreErrorKind::Other)),
            };
            self.old.destroy(key, now).await?;
            return Ok(landed);
        }
        Err(StoreError::with_source(StoreErrorKind::Other, "an expired session has the key in the new store"))
    }

    async fn look(&self, key: &StoreKey, now: Timestamp) -> Result<Landed, StoreError> {
        Ok(match self.new.load_fresh(key, now).await? {
            Loaded::Found(found) => Landed::Before(found),
            Loaded::Superseded | Loaded::Missing => Landed::Over,
        })
    }

    /// Ends a session, wherever it is.
    pub(super) async fn end(&self, key: &StoreKey, now: Timestamp) -> Result<bool, StoreError> {
        if self.new.destroy(key, now).await? {
            // What may be left of it has a mark, and is no session. But others who know the old store alone see one.
            self.old.destroy(key, now).await?;
            return Ok(true);
        }
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let Loaded::Found(found) = self.old.load_fresh(key, now).await? else {
                // It may have moved since; what is left in the old store, has expired.
                self.old.destroy(key, now).await?;
                return self.new.destroy(key, now).await;
            };
            if let Some(copy) = marks::destination(&found.record.metadata)? {
                // In this order: from the one key it goes to the other.
                let was_copy = self.new.destroy(&copy, now).await?;
                let was_there = self.new.destroy(key, now).await?;
                self.old.destroy(key, now).await?;
                return Ok(was_copy || was_there);
            }
            // Not by a plain destroy: that would take a mark along that has been made just now, and miss the copy.
            let guard = Guard::Unchanged(found.token);
            if matches!(self.old.apply(key, &expired(), &guard, now).await?, Applied::Done(_)) {
                self.old.destroy(key, now).await?;
                return Ok(true);
            }
        }
        Err(overtaken())
    }
}

/// How a copy is found when it is to land.
#[derive(Debug)]
pub(super) enum Landed {
    /// By this call, in this state.
    Now(Token),
    /// By another, and it may have been written since.
    Before(Found),
    /// It has ended.
    Over,
}

fn as_asked(landed: Landed, guard: &Guard) -> Brought {
    match (landed, guard) {
        (Landed::Over, _) => Brought::Gone,
        (_, Guard::Exists) => Brought::InNew(Guard::Exists),
        (_, Guard::Unchanged(_)) => Brought::Conflict,
    }
}

/// Whether nothing but touches has happened to a record since it was copied.
fn is_still(record: &Record, there: &Record) -> bool {
    let mut metadata = there.metadata.clone();
    marks::hide(&mut metadata);
    (&record.data, &record.user, &record.lifetime, &record.metadata)
        == (&there.data, &there.user, &there.lifetime, &metadata)
}

/// Over for every clock, so that it does not matter whose lags.
fn expired() -> Patch {
    let mut patch = Patch::default();
    patch.expiry = Expiry::Exactly(Timestamp::from_millis(0));
    patch
}
