//! The end of all sessions at once: a time before which each that began is dead, kept in the store for all processes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::settings::Settings;
use crate::clock::Timestamp;
use crate::events::StoreCall;
use crate::record::facts::Facts;
use crate::record::{Data, Expiry, Patch, Record, SessionId, StoreKey, UserId, Value};
use crate::store::{Applied, Created, Entry, Found, Guard, Loaded, StoreError, StoreErrorKind};

/// The id that the record is kept under. No ticket leads to it.
pub(crate) const RESERVED_ID: &str = "cloakroom:end-of-all";

/// Whose it is: a memory store that is full lets users go last. A directory tells of it.
const RESERVED_USER: &str = "cloakroom:end-of-all";

/// The key in its data: the time, in milliseconds.
const SINCE: &str = "since";

/// What is known may be as old as this.
const KNOWN_FOR: Duration = Duration::from_secs(1);

/// It outlives what it has ended.
const LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How often somebody else may be in the way when it is written.
const ATTEMPTS: u32 = 16;

/// What a process knows of the end of all.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    known: Mutex<Known>,
    /// One at a time looks.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    end: EndOfAll,
    looked: Option<Timestamp>,
}

/// Up to when sessions have ended, if they have at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EndOfAll(Option<Timestamp>);

impl EndOfAll {
    pub(crate) fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// Whether a session had begun by then, or had last been logged in to. The very millisecond counts as before.
    pub(crate) fn has_ended(self, created: Timestamp, metadata: &Data) -> bool {
        let began = Facts(metadata).logged_in_at().max(Some(created));
        self.0.is_some() && began <= self.0
    }

    /// What a store has found, without what has ended.
    pub(crate) fn without_ended(self, loaded: Loaded) -> Loaded {
        match loaded {
            Loaded::Found(found) if self.has_ended(found.record.created, &found.record.metadata) => Loaded::Missing,
            loaded => loaded,
        }
    }
}

impl Epoch {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, unless that is too old.
    fn at(&self, now: Timestamp) -> Option<EndOfAll> {
        let known = *self.known();
        let is_recent = known.looked.is_some_and(|looked| looked <= now && now.since(looked) < KNOWN_FOR);
        is_recent.then_some(known.end)
    }

    /// It never goes back: a store that has lost the record brings nobody back.
    fn learn(&self, end: EndOfAll, looked: Option<Timestamp>) -> EndOfAll {
        let mut known = self.known();
        known.end = known.end.max(end);
        known.looked = looked.or(known.looked);
        known.end
    }
}

impl Settings {
    /// Up to when all sessions have ended, if that is known without asking.
    pub(crate) fn known_end_of_all(&self, now: Timestamp) -> Option<EndOfAll> {
        self.epoch.as_ref().map_or(Some(EndOfAll::default()), |epoch| epoch.at(now))
    }

    /// Up to when all sessions have ended, as it was within the last second.
    pub(crate) async fn end_of_all(&self, now: Timestamp) -> Result<EndOfAll, StoreError> {
        let Some(epoch) = &self.epoch else { return Ok(EndOfAll::default()) };
        if let Some(end) = epoch.at(now) {
            return Ok(end);
        }
        let _turn = epoch.looking.lock().await;
        if let Some(end) = epoch.at(now) {
            return Ok(end);
        }
        let key = reserved_key();
        let end = match self.ask(StoreCall::Load, |store| store.load_fresh(&key, now)).await? {
            Loaded::Found(found) => EndOfAll(Some(since(&found)?)),
            Loaded::Superseded | Loaded::Missing => EndOfAll::default(),
        };
        Ok(epoch.learn(end, Some(now)))
    }

    /// Ends all sessions that began up to now.
    pub(crate) async fn end_all(&self, epoch: &Epoch, now: Timestamp) -> Result<(), StoreError> {
        let key = reserved_key();
        for _ in 0..ATTEMPTS {
            let is_done = match self.ask(StoreCall::Load, |store| store.load_fresh(&key, now)).await? {
                Loaded::Found(found) => self.move_end(&key, &found, now).await?,
                Loaded::Superseded | Loaded::Missing => {
                    let record = record(now)?;
                    matches!(
                        self.ask(StoreCall::Create, |store| store.create(&key, &record, now)).await?,
                        Created::Done { .. }
                    )
                }
            };
            if is_done {
                epoch.learn(EndOfAll(Some(now)), None);
                return Ok(());
            }
        }
        Err(StoreError::with_source(
            StoreErrorKind::Other,
            "the end of all sessions was written by others again and again",
        ))
    }

    async fn move_end(&self, key: &StoreKey, found: &Found, now: Timestamp) -> Result<bool, StoreError> {
        if since(found)? >= now {
            return Ok(true);
        }
        let mut patch = Patch::default();
        patch.set(SINCE, Value::from(now.as_millis()));
        (patch.absolute_end, patch.expiry) = (Some(now + LIFETIME), Expiry::Exactly(now + LIFETIME));
        let guard = Guard::Unchanged(found.token.clone());
        Ok(matches!(self.ask(StoreCall::Apply, |store| store.apply(key, &patch, &guard, now)).await?, Applied::Done(_)))
    }
}

/// Whether an entry is none of a session's, but of what is kept here.
pub(crate) fn is_reserved(entry: &Entry) -> bool {
    entry.user.as_ref().is_some_and(|user| user.as_str() == RESERVED_USER)
}

fn reserved_key() -> StoreKey {
    SessionId::from_ticket(RESERVED_ID).into()
}

fn record(now: Timestamp) -> Result<Record, StoreError> {
    let mut record = Record::new(now, now + LIFETIME, now + LIFETIME);
    record.data = Arc::new([(SINCE, Value::from(now.as_millis()))].into_iter().collect());
    let user = UserId::new(RESERVED_USER).map_err(|error| StoreError::with_source(StoreErrorKind::Other, error))?;
    record.user = Some(user);
    Ok(record)
}

fn since(found: &Found) -> Result<Timestamp, StoreError> {
    let since = found.record.data.get(SINCE).and_then(Value::as_i64);
    since.map(Timestamp::from_millis).ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::facts::LOGGED_IN;

    #[test]
    fn what_began_or_was_logged_in_to_later_lives() {
        let at = Timestamp::from_millis;
        let end = EndOfAll(Some(at(100)));
        let logged_in = |millis: i64| Data::from_iter([(LOGGED_IN, Value::from(millis))]);
        assert!(end.has_ended(at(99), &Data::default()));
        assert!(end.has_ended(at(100), &Data::default()));
        assert!(!end.has_ended(at(101), &Data::default()));
        assert!(end.has_ended(at(1), &logged_in(100)));
        assert!(!end.has_ended(at(1), &logged_in(101)));
        assert!(!end.has_ended(at(101), &logged_in(1)));
        assert!(!EndOfAll::default().has_ended(at(-5), &Data::default()));
    }

    #[test]
    fn what_is_known_gets_old_and_never_goes_back() {
        let at = Timestamp::from_millis;
        let epoch = Epoch::default();
        assert_eq!(epoch.at(at(0)), None);
        let end = EndOfAll(Some(at(-7)));
        assert_eq!(epoch.learn(end, Some(at(0))), end);
        assert_eq!(epoch.learn(EndOfAll::default(), Some(at(1))), end);
        assert_eq!([0, 1, 1_000, 1_001].map(|now| epoch.at(at(now)).is_some()), [false, true, true, false]);
    }
}
