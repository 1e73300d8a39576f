//! How many sessions began, ended and lived, over the last while.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloakroom::store::Store;
use cloakroom::{Clock, Handle, SessionError, Sessions, Timestamp};

use crate::counted::CountedStore;

/// How many sessions are counted at most.
const MOST_COUNTED: u64 = 10_000;

/// Who loads a page again and again does not have all counted each time.
const NEW: Duration = Duration::from_secs(5);

/// How many are asked for at once.
const PAGE: usize = 500;

/// Counts over the last while, kept in this process: gone when it ends, and of other processes it knows nothing but the live
/// sessions of their common store. Clones are the same history.
///
/// What began and ended is counted by a [store that counts](History::count). A session counts as ended when it is logged out or
/// revoked through this process, or when this process sweeps it after it has expired; stores that remove expired sessions by
/// themselves, as Redis and MongoDB do, tell nobody. How many live is [sampled](History::watch) from the store's directory.
#[derive(Clone)]
pub struct History(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// In milliseconds, at least 1.
    step: i64,
    ring: Mutex<Ring>,
}

struct Ring {
    /// The step of time `n` is in place `n % len`, unless a later one has taken it.
    slots: Vec<Slot>,
    /// The last sample, and when it was taken.
    live: Option<(Live, Timestamp)>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    step: i64,
    began: u64,
    ended: u64,
    live: Option<Live>,
}

/// What happened in one step of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Point {
    /// When the step begins.
    pub from: Timestamp,
    /// How many sessions began, visitors' too.
    pub began: u64,
    /// How many ended, as far as this process knows.
    pub ended: u64,
    /// How many lived when they were last counted in this step; none if they were not.
    pub live: Option<Live>,
}

/// How many sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// So many.
    Exactly(u64),
    /// More than so many: they were not counted further.
    MoreThan(u64),
}

impl Live {
    pub(crate) fn number(self) -> u64 {
        match self {
            Live::Exactly(count) | Live::MoreThan(count) => count,
        }
    }
}

impl History {
    /// A history of the last `steps` steps of time, each as long as `step`: `History::new(Duration::from_secs(60), 60)` is that
    /// of an hour by the minute. Both are at least 1 (a millisecond), and steps at most 1,000.
    pub fn new(step: Duration, steps: usize) -> History {
        History::with_clock(step, steps, Clock::system())
    }

    /// With the clock of a test.
    pub fn with_clock(step: Duration, steps: usize, clock: Clock) -> History {
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let slots = vec![Slot { step: i64::MIN, ..Slot::default() }; steps.clamp(1, 1_000)];
        History(Arc::new(Inner { clock, step, ring: Mutex::new(Ring { slots, live: None }) }))
    }

    /// A store around another one that counts what begins and ends through it.
    pub fn count<S: Store>(&self, store: S) -> CountedStore<S> {
        CountedStore::new(store, self.clone())
    }

    /// Counts the live sessions once in each step, for ever: to be spawned on the runtime, which needs a timer. A store that fails
    /// leaves a gap, and a line in the log.
    pub async fn watch(self, sessions: Sessions) {
        let step = Duration::from_millis(self.0.step.unsigned_abs());
        loop {
            if let Err(error) = self.sample(&sessions).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the live sessions could not be counted");
            }
            tokio::time::sleep(step).await;
        }
    }

    /// Counts the live sessions now: one by one, in pages of 500, and no more than 10,000 of them.
    ///
    /// # Errors
    ///
    /// Those of [`Sessions::page`].
    pub async fn sample(&self, sessions: &Sessions) -> Result<Live, SessionError> {
        let live = count_live(sessions).await?;
        let now = self.0.clock.now();
        let mut ring = self.ring();
        ring.live = Some((live, now));
        if let Some(slot) = self.slot(&mut ring, now) {
            slot.live = Some(live);
        }
        Ok(live)
    }

    /// What is known, the oldest step first and the one that is under way last.
    pub fn points(&self) -> Vec<Point> {
        let last = self.0.clock.now().as_millis().div_euclid(self.0.step);
        let ring = self.ring();
        let length = i64::try_from(ring.slots.len()).unwrap_or(i64::MAX);
        let point = |step: i64| {
            let place = usize::try_from(step.rem_euclid(length)).ok();
            let known = place.and_then(|place| ring.slots.get(place)).filter(|slot| slot.step == step);
            let Slot { began, ended, live, .. } = known.copied().unwrap_or_default();
            Point { from: Timestamp::from_millis(step.saturating_mul(self.0.step)), began, ended, live }
        };
        (last.saturating_sub(length - 1)..=last).map(point).collect()
    }

    /// How long it reaches back.
    pub(crate) fn reach(&self) -> Duration {
        let steps = self.ring().slots.len() as u64;
        Duration::from_millis(self.0.step.unsigned_abs().saturating_mul(steps))
    }

    /// How many live: the last sample if it is new, else another one.
    pub(crate) async fn live(&self, sessions: &Sessions) -> Result<Live, SessionError> {
        let (now, last) = (self.0.clock.now(), self.ring().live);
        match last {
            Some((live, at)) if now.since(at) < NEW => Ok(live),
            _ => self.sample(sessions).await,
        }
    }

    pub(crate) fn began(&self, now: Timestamp) {
        if let Some(slot) = self.slot(&mut self.ring(), now) {
            slot.began += 1;
        }
    }

    pub(crate) fn ended(&self, count: u64, now: Timestamp) {
        if let Some(slot) = self.slot(&mut self.ring(), now) {
            slot.ended += count;
        }
    }

    /// The slot of a time; none if a later step has it already.
    fn slot<'a>(&self, ring: &'a mut Ring, now: Timestamp) -> Option<&'a mut Slot> {
        let step = now.as_millis().div_euclid(self.0.step);
        let length = i64::try_from(ring.slots.len()).ok()?;
        let slot = ring.slots.get_mut(usize::try_from(step.rem_euclid(length)).ok()?)?;
        if slot.step < step {
            *slot = Slot { step, ..Slot::default() };
        }
        (slot.step == step).then_some(slot)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("step", &self.0.step).finish_non_exhaustive()
    }
}

/// Counts the live sessions as far as they are counted.
pub(crate) async fn count_live(sessions: &Sessions) -> Result<Live, SessionError> {
    count_up_to(MOST_COUNTED, sessions).await
}

async fn count_up_to(most: u64, sessions: &Sessions) -> Result<Live, SessionError> {
    let (mut count, mut after): (u64, Option<Handle>) = (0, None);
    loop {
        let page = sessions.page(after.as_ref(), PAGE).await?;
        count += page.sessions.len() as u64;
        after = page.next;
        if count > most {
            return Ok(Live::MoreThan(most));
        }
        if after.is_none() {
            return Ok(Live::Exactly(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use cloakroom::SessionLayer;
    use cloakroom::cookie::KeyRing;
    use cloakroom::store::MemoryStore;
    use cloakroom::testing::Browser;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_counted_stands_in_its_step_of_time() {
        let clock = Clock::manual(Timestamp::from_millis(600_000));
        let history = History::with_clock(MINUTE, 3, clock.clone());
        history.began(clock.now());
        history.began(clock.now() + Duration::from_secs(59));
        clock.advance(MINUTE);
        history.ended(5, clock.now());
        let counts = |history: &History| history.points().iter().map(|it| (it.began, it.ended)).collect::<Vec<_>>();
        assert_eq!(counts(&history), [(0, 0), (2, 0), (0, 5)]);
        assert_eq!(history.points()[1].from, Timestamp::from_millis(600_000));
        clock.advance(2 * MINUTE);
        assert_eq!(counts(&history), [(0, 5), (0, 0), (0, 0)]);
        history.began(clock.now());
        // What comes late, after its place was taken, is left out and not counted wrongly.
        history.began(Timestamp::from_millis(600_000));
        assert_eq!(counts(&history), [(0, 5), (0, 0), (1, 0)]);
        clock.advance(100 * MINUTE);
        assert_eq!(counts(&history), [(0, 0), (0, 0), (0, 0)]);
    }

    #[tokio::test]
    async fn live_sessions_are_counted_to_a_bound() {
        let layer = SessionLayer::new(MemoryStore::new(), KeyRing::generate().unwrap()).unwrap();
        let begin = |number: i64| {
            let layer = &layer;
            async move { Browser::new().enter_session(layer, |session| session.insert("number", number)).await.unwrap() }
        };
        for number in 0..600 {
            begin(number).await;
        }
        let sessions = layer.sessions();
        assert_eq!(count_up_to(600, &sessions).await.unwrap(), Live::Exactly(600));
        assert_eq!(count_up_to(599, &sessions).await.unwrap(), Live::MoreThan(599));
        assert_eq!(count_up_to(3, &sessions).await.unwrap(), Live::MoreThan(3));
        assert_eq!(count_live(&sessions).await.unwrap(), Live::Exactly(600));
    }

    #[test]
    fn it_takes_any_length() {
        for (step, steps) in [(Duration::ZERO, 0), (Duration::MAX, usize::MAX)] {
            let history = History::new(step, steps);
            history.began(Clock::system().now());
            assert_eq!(history.points().last().map(|point| point.began), Some(1));
        }
    }
}
