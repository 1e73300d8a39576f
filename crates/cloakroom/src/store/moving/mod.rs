//! From one store to another without logging anybody out.

mod directory;
mod feed;
mod marks;
mod over;
mod steps;
mod token;

use std::collections::hash_map::RandomState;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, Hasher as _};
use std::task::Poll;

pub use self::over::Moved;
pub(crate) use self::over::without_notes;
use self::steps::Brought;
use self::token::Side;
use super::{
    Applied, Capabilities, Created, Directory, Feed, Guard, Loaded, Rotated, Store, StoreError, StoreErrorKind,
    StoreFuture,
};
use crate::clock::Timestamp;
use crate::record::{Patch, Record, StoreKey};

/// How often a call begins again because others were faster. Each time one of them got further.
const ATTEMPTS: usize = 64;

/// How often it does so at once. After that it steps aside first, lest two in lockstep meet at the same place each time.
const AT_ONCE: usize = 8;

/// Serves the sessions of two stores, and moves each from the old one to the new one with its first write.
///
/// It is for the weeks in which an application leaves a store, or a layout such as Express' documents, for another. The
/// ids and so the cookies stay. New sessions begin in the new store. One that is in the old store is read there, until
/// something is written to it, be it a touch; then it moves, and everything else happens in the new store.
///
/// ```
/// use cloakroom::{SessionLayer, cookie::KeyRing, store::{MemoryStore, MovingStore}};
///
/// let (old, new) = (MemoryStore::new(), MemoryStore::new());
/// let layer = SessionLayer::new(MovingStore::new(old, new), KeyRing::generate()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # How to move
///
/// 1. Deploy [`MovingStore::new(old, new).without_moving()`](MovingStore::without_moving) everywhere. It works in the old
///    store, and knows its way about both.
/// 2. Once no process without it is left, deploy `MovingStore::new(old, new)` everywhere. Both kinds get along.
/// 3. When the old store is empty, put the new one in its place: `new` alone. It is empty at the latest when the longest
///    [absolute end](Record::absolute_end) since step 2 has passed; a [`page`](Directory::page) of the *old* store tells.
///    [`bring_over`](MovingStore::bring_over) moves what nobody uses, so that it is empty sooner; the command `cloakroom migrate` does so.
///
/// Whoever leaves out step 1 logs users out meanwhile: a process that knows the old store alone finds nothing of a session that has
/// moved. To go back from step 2, exchange the two stores, with steps of the same kind.
///
/// # What it guarantees
///
/// All that the two stores do, moves included, for any number of processes: nothing is lost, dead is dead, and at
/// no moment two copies take writes. A process that dies in the middle of a move leaves what the next call of
/// the session completes, a read too. A call that fails may have happened or not, as with any store.
///
/// A move is decided by one guarded write. First the record is copied into the new store under an id that nobody knows. Then the old
/// record, if it is still what was copied, is marked as moved to there: from then on the copy is the session. Last, the copy is
/// rotated to the session's own key, and the old record removed. So a log-out, which ends the old
/// record by a guarded write as well, comes before the mark, and then the copy is nothing; or after it, and then it finds the copy.
///
/// # What it does not
///
/// - **Handles change.** A moved session has the new store's handle, so it does not
///   [rotate in place](Capabilities::rotates_in_place). The directory still revokes it by its old one.
/// - **Other writers of the old store**, such as Express, know nothing of the mark. What they write before it is kept, since the
///   mark then fails and the record is copied again; but a touch in that instant may be lost. What they write between the mark and the
///   removal, two calls later, is lost. What they write after it without looking, as Express does with a slow
///   request, makes a record of its own in the old store: hidden for as long as the moved session lives. Let them keep
///   tombstones, or stop them before step 2.
/// - **A new store that does not rotate in one step** (see [`rotates_in_place`](Capabilities::rotates_in_place)): a crash in the middle
///   of a move may end the session, and a log-out in that instant is told that there was none.
/// - **`Superseded`** of a rotation that a process made which knows the old store alone is forgotten when the session
///   moves. One that was rotated there by this store stays there for as long as that is remembered.
/// - **Pages** show a session that moves meanwhile once, twice or not at all; each other one once. Lists and counts
///   are right while sessions move.
/// - A process that dies right after copying leaves the copy. Nobody has a ticket for it, and the directory of this store does
///   not show it; the new store's own does, until it expires.
///
/// A moved record has a key of its metadata more, `cloakroom moved from`, and one that was rotated in the old store
/// `cloakroom turned`. They are not shown here, and harm nobody later.
#[derive(Debug)]
pub struct MovingStore {
    old: Box<dyn Store>,
    new: Box<dyn Store>,
    moves: bool,
}

impl MovingStore {
    /// A store that moves the sessions of `old` to `new`.
    pub fn new(old: impl Store, new: impl Store) -> MovingStore {
        MovingStore { old: Box::new(old), new: Box::new(new), moves: true }
    }

    /// Moves nothing: sessions stay where they are, and new ones begin in the old store. It finds those that other
    /// processes move. It is for the time until every process knows both stores.
    #[must_use]
    pub fn without_moving(self) -> MovingStore {
        MovingStore { moves: false, ..self }
    }

    async fn load_now(&self, key: &StoreKey, now: Timestamp) -> Result<Loaded, StoreError> {
        let first = self.new.load_fresh(key, now).await?;
        if !matches!(first, Loaded::Missing) {
            return Ok(shown(Side::New, first));
        }
        let in_old = self.old.load_fresh(key, now).await?;
        if let Loaded::Found(found) = &in_old {
            match marks::destination(&found.record.metadata)? {
                None => return Ok(shown(Side::Old, in_old)),
                Some(copy) => drop(self.land(&copy, key, now).await?),
            }
        }
        // It may have moved since the first look.
        match (self.new.load_fresh(key, now).await?, in_old) {
            (Loaded::Missing, Loaded::Superseded) => Ok(Loaded::Superseded),
            (second, _) => Ok(shown(Side::New, second)),
        }
    }

    async fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let (side, store, other) = match self.moves {
            true => (Side::New, &self.new, &self.old),
            false => (Side::Old, &self.old, &self.new),
        };
        if matches!(other.load_fresh(key, now).await?, Loaded::Found(_)) {
            return Ok(Created::Taken);
        }
        Ok(token::created(side, store.create(key, record, now).await?))
    }

    async fn apply_now(
        &self,
        key: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        if let Some(in_new) = token::guard_of_new(guard) {
            match self.new.apply(key, patch, &in_new, now).await? {
                Applied::Gone if matches!(guard, Guard::Exists) => {}
                answer => return Ok(token::applied(Side::New, answer)),
            }
        }
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let answer = match self.bring(key, patch, guard, now).await? {
                Brought::InNew(guard) => token::applied(Side::New, self.new.apply(key, patch, &guard, now).await?),
                Brought::InOld(guard) => token::applied(Side::Old, self.old.apply(key, patch, &guard, now).await?),
                Brought::Gone => return Ok(Applied::Gone),
                Brought::Conflict => return Ok(Applied::Conflict),
                Brought::WrongType => return Ok(Applied::WrongType),
            };
            match (answer, guard) {
                // Somebody was faster. It may be gone from there since it has moved.
                (Applied::Gone, _) | (Applied::Conflict, Guard::Exists) => {}
                (answer, _) => return Ok(answer),
            }
        }
        Err(overtaken())
    }

    async fn rotate_now(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Rotated, StoreError> {
        if matches!(self.old.load_fresh(new, now).await?, Loaded::Found(_)) {
            return Ok(Rotated::Taken);
        }
        if let Some(in_new) = token::guard_of_new(guard) {
            match self.new.rotate(old, new, patch, &in_new, now).await? {
                Rotated::Gone if matches!(guard, Guard::Exists) => {}
                answer => return Ok(token::rotated(Side::New, answer)),
            }
        }
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let answer = match self.bring(old, patch, guard, now).await? {
                Brought::InNew(guard) => {
                    token::rotated(Side::New, self.new.rotate(old, new, patch, &guard, now).await?)
                }
                Brought::InOld(_) if matches!(self.new.load_fresh(new, now).await?, Loaded::Found(_)) => Rotated::Taken,
                Brought::InOld(guard) => {
                    let patch = marks::turned(patch, now);
                    token::rotated(Side::Old, self.old.rotate(old, new, &patch, &guard, now).await?)
                }
                Brought::Gone => return Ok(Rotated::Gone),
                Brought::Conflict => return Ok(Rotated::Conflict),
                Brought::WrongType => return Ok(Rotated::WrongType),
            };
            match (answer, guard) {
                (Rotated::Gone, _) | (Rotated::Conflict, Guard::Exists) => {}
                (answer, _) => return Ok(answer),
            }
        }
        Err(overtaken())
    }

    async fn sweep_now(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let swept = self.new.sweep(limit, now).await?;
        Ok(swept + self.old.sweep(limit.saturating_sub(swept), now).await?)
    }
}

impl Store for MovingStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(self.load_now(key, now))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        StoreFuture::new(self.create_now(key, record, now))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(self.apply_now(key, patch, guard, now))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        StoreFuture::new(self.rotate_now(old, new, patch, guard, now))
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        StoreFuture::new(self.end(key, now))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        StoreFuture::new(self.sweep_now(limit, now))
    }

    fn capabilities(&self) -> Capabilities {
        // A rotation is carried out by the store that the session is in then.
        let (old, new) = (self.old.capabilities(), self.new.capabilities());
        let least = Capabilities::least().with_keys(if self.moves { new.keys } else { old.keys });
        if new.remembers_previous_key && (self.moves || old.remembers_previous_key) {
            least.remembering_previous_key()
        } else {
            least
        }
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.directories().is_ok().then_some(self)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.feeds().is_ok().then_some(self)
    }
}

/// What a store has found, as a user of both sees it.
fn shown(side: Side, mut loaded: Loaded) -> Loaded {
    if let Loaded::Found(found) = &mut loaded {
        marks::hide(&mut found.record.metadata);
    }
    token::loaded(side, loaded)
}

/// Lets others go first, as often as chance has it.
async fn step_aside(attempt: usize) {
    if attempt < AT_ONCE {
        return;
    }
    let random = RandomState::new().build_hasher().finish();
    for _ in 0..random % 16 {
        let mut yielded = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

fn overtaken() -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, "other writes of the session were faster each time")
}
