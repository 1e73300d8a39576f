//! Carries out the steps that [`state`](super::state) decides on, against the store.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};

use super::Inner;
use super::changes::Intent;
use super::deadline::{Elapsed, back_off};
use super::error::{SessionError, SessionErrorKind as Kind};
use super::state::{Own, State, Step};
use crate::clock::Timestamp;
use crate::events::{Event, StoreCall};
use crate::record::{Change, Data, Handle, Patch, Record, StoreKey, Value};
use crate::store::{Applied, Created, Found, Guard, Loaded, Rotated, StoreError, StoreErrorKind, Written};

/// How often a new id is drawn when the one before was taken, which only a broken random source makes happen.
const DRAWS: usize = 3;

/// How often a rotation is tried whose outcome is not known.
const ATTEMPTS: u32 = 4;

/// What a write has led to.
#[derive(Debug)]
enum Outcome {
    /// All is written; with it the number that was asked for.
    Written(Option<i64>),
    /// Somebody else has changed the session since; nothing is written.
    Conflict,
}

impl Inner {
    /// Writes what is pending, and `own` with it, within the deadline.
    pub(super) async fn write(&self, own: Own) -> Result<(), SessionError> {
        self.write_what(|| Ok(own)).await.map(drop)
    }

    /// Adds to the integer of a key, and writes what is pending with it, within the deadline. Gives the new number.
    pub(super) async fn add(&self, key: &str, by: i64) -> Result<i64, SessionError> {
        let number = self.write_what(|| self.state().adding(key, by)).await?;
        number.ok_or_else(|| SessionError::new(Kind::WrongType))
    }

    /// Writes what is pending, and with it what `own` gives when it is its turn.
    async fn write_what(&self, own: impl FnOnce() -> Result<Own, SessionError>) -> Result<Option<i64>, SessionError> {
        let writing = pin!(async {
            let _turn = self.turn().await;
            let own = own()?;
            self.write_in_turn(&own).await
        });
        match self.patience.wait_for(writing).await {
            Ok(Ok(Outcome::Written(number))) => Ok(number),
            // Only a replacement ends so.
            Ok(Ok(Outcome::Conflict)) => Err(SessionError::new(Kind::Contention)),
            Ok(Err(error)) => Err(self.told_if_gone(error)),
            Err(Elapsed) => Err(self.settings.timed_out().into()),
        }
    }

    /// Replaces the value of a key by what `f` makes of it, which may be none, again and again until nobody interferes.
    pub(super) async fn replace<T>(
        &self,
        key: Arc<str>,
        mut f: impl FnMut(Option<Value>) -> Result<(Option<Value>, T), SessionError>,
    ) -> Result<T, SessionError> {
        // How often others were in the way.
        let conflicts = AtomicU32::new(0);
        let replacing = pin!(async {
            let _turn = self.turn().await;
            // Where others are at it already, there is no point in trying before one's turn.
            let mut place = None;
            if let Some(queue) = self.live_key().as_ref().and_then(|session| self.settings.queues.join(session)) {
                conflicts.fetch_add(1, Ordering::Relaxed);
                place = Some(queue.await);
            }
            if place.is_some() || self.state().is_stale() {
                self.reload().await?;
            }
            loop {
                // Not under the lock: `f` is the application's, and may look at the session.
                let before = self.state().value(&key)?;
                let (value, result) = f(before)?;
                let own = match value {
                    Some(value) => {
                        self.state().check(&key, &value)?;
                        Own::Replace { key: key.clone(), value }
                    }
                    None => Own::Take { key: key.clone() },
                };
                match self.write_in_turn(&own).await? {
                    Outcome::Written(_) => return Ok(result),
                    Outcome::Conflict => self.tell_conflict(),
                }
                let attempt = conflicts.fetch_add(1, Ordering::Relaxed);
                match self.live_key() {
                    Some(session) if place.is_none() => place = Some(self.settings.queues.enter(&session).await),
                    // Somebody on another server.
                    _ => back_off(attempt).await,
                }
                self.reload().await?;
            }
        });
        match self.patience.wait_for(replacing).await {
            Ok(result) => result.map_err(|error| self.told_if_gone(error)),
            Err(Elapsed) if conflicts.load(Ordering::Relaxed) > 0 => {
                self.state().given_up();
                self.tell_contention();
                Err(SessionError::new(Kind::Contention))
            }
            Err(Elapsed) => Err(self.settings.timed_out().into()),
        }
    }

    /// Waits until no other write is under way.
    async fn turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        // Nobody is there who could have begun one.
        if self.is_alone.load(Ordering::Relaxed) {
            return None;
        }
        Some(match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => Box::pin(self.turn.lock()).await,
        })
    }

    async fn write_in_turn(&self, own: &Own) -> Result<Outcome, SessionError> {
        loop {
            let logging_in = self.settings.limit.and_then(|_| self.state().logging_in());
            if let Some(user) = &logging_in {
                Box::pin(self.check_room_for(user)).await.map_err(|error| self.told_if_denied(error, user))?;
            }
            let now = self.settings.clock.now();
            let step = self.state().begin(own, now)?;
            let proof = step.proof();
            let outcome = match step {
                Step::Nothing => return Ok(Outcome::Written(None)),
                Step::Gone => return Err(SessionError::new(Kind::Gone)),
                Step::Destroy(key) => {
                    Box::pin(self.destroy(&key, now)).await?;
                    continue;
                }
                // The rarer steps are boxed, so that the future of a plain write stays small.
                Step::Create(record) => Box::pin(self.create(record, own, now)).await?,
                Step::Apply { key, intent, guard } => self.apply(&key, &intent, &guard, own, now).await?,
                Step::Rotate { key, intent, guard } => Box::pin(self.rotate(&key, &intent, &guard, own, now)).await?,
            };
            match (outcome, own) {
                // Only the touch minds: all else goes without it.
                (Outcome::Conflict, Own::Nothing | Own::Begin | Own::Add { .. }) => self.state().touch_no_more(),
                (outcome, _) => {
                    let is_written = matches!(outcome, Outcome::Written(_));
                    if let Some(user) = logging_in.filter(|_| is_written) {
                        let held = Box::pin(self.hold_to_limit(&user)).await;
                        held.map_err(|error| self.told_if_denied(error, &user))?;
                    }
                    if let Some(proof) = proof.filter(|_| is_written) {
                        self.tell_proof(&proof);
                    }
                    return Ok(outcome);
                }
            }
        }
    }

    async fn destroy(&self, key: &StoreKey, now: Timestamp) -> Result<(), SessionError> {
        let settings = &self.settings;
        if settings.ask(StoreCall::Destroy, |store| store.destroy(key, now)).await? {
            self.destroyed();
            return Ok(());
        }
        // It ended some other way, which is as good; or it was rotated, and lives. A user's can still be found, which has the
        // last word: between the two answers the session may have come back to its user under yet another id.
        let is_superseded =
            matches!(settings.ask(StoreCall::Load, |store| store.load_fresh(key, now)).await?, Loaded::Superseded);
        let was_there = self.destroy_by_handle(now).await?;
        match (was_there, is_superseded) {
            (true, _) => self.destroyed(),
            (false, true) => self.state().escaped(),
            (false, false) => self.state().destroyed(false),
        }
        Ok(())
    }

    fn destroyed(&self) {
        let ended = self.state().doomed();
        self.state().destroyed(true);
        self.tell_end(ended);
    }

    /// Ends the session that is to be destroyed by its handle, which stays the same when the id is rotated in place.
    async fn destroy_by_handle(&self, now: Timestamp) -> Result<bool, SessionError> {
        let settings = &self.settings;
        let (Some(directory), Some((user, handle))) = (settings.store.directory(), self.state().doomed_of_user())
        else {
            return Ok(false);
        };
        Ok(settings.ask(StoreCall::Revoke, |_| directory.revoke(&user, &handle, now)).await?)
    }

    async fn create(&self, mut record: Record, own: &Own, now: Timestamp) -> Result<Outcome, SessionError> {
        let mut answer = Unanswered::new(self);
        record.metadata = with(self.settings.metadata.clone(), &record.metadata);
        for _ in 0..DRAWS {
            let key = match StoreKey::generate() {
                Ok(key) => key,
                Err(error) => return answer.not_done(Err(error.into())),
            };
            match self.settings.ask(StoreCall::Create, |store| store.create(&key, &record, now)).await {
                Ok(Created::Done { token, handle }) => {
                    let (number, user) = (own.number_in_record(&record), record.user.clone());
                    answer.done(|state| state.created(key, record, token, handle.clone()));
                    self.settings.observers.tell(Event::Created { handle: &handle, user: user.as_ref() });
                    return Ok(Outcome::Written(number));
                }
                Ok(Created::Taken) => {
                    tracing::warn!("a new session id was taken already: is the random source broken?")
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::new(StoreErrorKind::Other).into())
    }

    async fn apply(
        &self,
        key: &StoreKey,
        intent: &Intent,
        guard: &Guard,
        own: &Own,
        now: Timestamp,
    ) -> Result<Outcome, SessionError> {
        let mut answer = Unanswered::new(self);
        let patch = &intent.patch;
        match self.settings.ask(StoreCall::Apply, |store| store.apply(key, patch, guard, now)).await {
            Ok(Applied::Done(written)) => Ok(answer.written(patch, guard, written, None, own, now)),
            Ok(Applied::Conflict) => answer.not_done(Ok(Outcome::Conflict)),
            // A session that has ended needs no touch.
            Ok(Applied::Gone) if patch.is_touch() || intent.is_by_the_way => {
                answer.not_done(Ok(Outcome::Written(None)))
            }
            Ok(Applied::Gone) => answer.not_done(Err(SessionError::new(Kind::Gone))),
            Ok(Applied::WrongType) => answer.not_done(Err(SessionError::new(Kind::WrongType))),
            Err(error) => Err(error.into()),
        }
    }

    async fn rotate(
        &self,
        key: &StoreKey,
        intent: &Intent,
        guard: &Guard,
        own: &Own,
        now: Timestamp,
    ) -> Result<Outcome, SessionError> {
        let mut answer = Unanswered::new(self);
        let patch = &intent.patch;
        for _ in 0..DRAWS {
            let new_key = match StoreKey::generate() {
                Ok(key) => key,
                Err(error) => return answer.not_done(Err(error.into())),
            };
            match self.rotate_to(&new_key, key, patch, guard, now).await? {
                Rotated::Done { written, handle } => {
                    let new_name = Some((new_key, handle.clone()));
                    let outcome = answer.written(patch, guard, written, new_name, own, now);
                    self.tell_rotated(&handle);
                    return Ok(outcome);
                }
                Rotated::Conflict => return answer.not_done(Ok(Outcome::Conflict)),
                Rotated::Gone if intent.is_by_the_way => return answer.not_done(Ok(Outcome::Written(None))),
                Rotated::Gone => return answer.not_done(Err(SessionError::new(Kind::Gone))),
                Rotated::WrongType => return answer.not_done(Err(SessionError::new(Kind::WrongType))),
                Rotated::Taken => {
                    tracing::warn!("a new session id was taken already: is the random source broken?")
                }
            }
        }
        Err(StoreError::new(StoreErrorKind::Other).into())
    }

    /// Rotates, and tries again with the same new key where the outcome is not known: whichever attempt it was that the store
    /// has carried out, the record is there then, and nobody else knows of that key.
    async fn rotate_to(
        &self,
        new: &StoreKey,
        old: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Rotated, StoreError> {
        let settings = &self.settings;
        for attempt in 0..ATTEMPTS {
            match settings.ask(StoreCall::Rotate, |store| store.rotate(old, new, patch, guard, now)).await {
                Err(error) if error.is_outage() && attempt + 1 < ATTEMPTS => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a rotation is tried again");
                    back_off(attempt).await;
                }
                // Nobody but an earlier attempt can have made it.
                Ok(Rotated::Gone | Rotated::Taken) if attempt > 0 => {
                    return match settings.ask(StoreCall::Load, |store| store.load_fresh(new, now)).await? {
                        Loaded::Found(found) => Ok(done_before(patch, found)),
                        // It was never done, for the session had ended; or done, and the session has ended since.
                        Loaded::Superseded | Loaded::Missing => Err(StoreError::new(StoreErrorKind::Timeout)),
                    };
                }
                answer => return answer,
            }
        }
        Err(StoreError::new(StoreErrorKind::Timeout))
    }

    async fn reload(&self) -> Result<(), SessionError> {
        let Some(key) = self.live_key() else { return Ok(()) };
        let now = self.settings.clock.now();
        match self.settings.ask(StoreCall::Load, |store| store.load(&key, now)).await? {
            Loaded::Found(found) => {
                self.state().reloaded(found);
                Ok(())
            }
            Loaded::Superseded | Loaded::Missing => Err(SessionError::new(Kind::Gone)),
        }
    }

    fn live_key(&self) -> Option<StoreKey> {
        self.state().live().map(|live| live.key.clone())
    }

    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // No code that holds the lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The metadata of all new records, and then a record's own.
fn with(mut all: Arc<Data>, own: &Data) -> Arc<Data> {
    for (key, value) in own.iter() {
        Arc::make_mut(&mut all).insert(key.clone(), value.clone());
    }
    all
}

/// What a rotation has answered whose answer was lost, told by the record that it left.
fn done_before(patch: &Patch, found: Found) -> Rotated {
    let added = patch.changes().filter(|(_, change)| matches!(change, Change::Add(_)));
    let number = |key: &Arc<str>| Some((key.clone(), found.record.data.get(key)?.as_i64()?));
    let numbers = added.filter_map(|(key, _)| number(key)).collect();
    Rotated::Done { written: Written::new(found.token, numbers), handle: found.handle }
}

impl Own {
    fn number_in_record(&self, record: &Record) -> Option<i64> {
        let Own::Add { key, .. } = self else { return None };
        record.data.get(key).and_then(Value::as_i64)
    }
}

/// A write that waits for the store's answer. Dropped without one, it tells the state that the write has failed.
struct Unanswered<'a> {
    inner: &'a Inner,
    answered: bool,
}

impl<'a> Unanswered<'a> {
    fn new(inner: &'a Inner) -> Unanswered<'a> {
        Unanswered { inner, answered: false }
    }

    fn done(&mut self, change: impl FnOnce(&mut State)) {
        self.answered = true;
        change(&mut self.inner.state());
    }

    fn written(
        &mut self,
        patch: &Patch,
        guard: &Guard,
        written: Written,
        new_name: Option<(StoreKey, Handle)>,
        own: &Own,
        now: Timestamp,
    ) -> Outcome {
        let number = own.number_in(patch, &written.numbers);
        self.done(|state| state.done(patch, guard, written, new_name, now));
        Outcome::Written(number)
    }

    /// Nothing is written, and that is certain: what was pending still is. Then what follows from it.
    fn not_done(&mut self, outcome: Result<Outcome, SessionError>) -> Result<Outcome, SessionError> {
        self.answered = true;
        self.inner.state().not_done()?;
        outcome
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.inner.state().failed();
        }
    }
}
