//! The contract of a store: where records are kept, and in which single steps they change.
//!
//! Every mutation is a [`Patch`], and the store applies it in one step; nothing here reads a record, changes it
//! elsewhere and writes it back whole. That is what keeps two requests of one session from overwriting each other, and
//! a slow request from bringing a dead session back: only [`create`](Store::create) may insert.
//!
//! # Writing a store
//!
//! Implement [`Store`], and run the conformance suite (feature `testing`) against it: `conformance::check(store).await`. It
//! fails by the name of each rule that the store breaks. Where a database has users to look up sessions by, implement
//! [`Directory`] too; [`Export`], so that operators can move sessions and back them up; and where it can tell what happens to
//! sessions, [`Feed`].

mod checkup;
#[cfg(feature = "testing")]
pub mod conformance;
mod directory;
mod error;
mod export;
mod feed;
mod future;
mod memory;
mod moving;
#[cfg(feature = "tokio")]
mod near;
mod outcome;

pub use checkup::{Finding, Verdict};
pub use directory::{Directory, Entry};
pub use error::{StoreError, StoreErrorKind};
pub use export::{Batch, Cursor, Export, Exported, Imported, Names};
pub use feed::{Feed, Listener, Name, News};
pub(crate) use future::Answer;
pub use future::StoreFuture;
pub use memory::{MemoryStats, MemoryStore};
pub use moving::{Moved, MovingStore};
#[cfg(feature = "tokio")]
pub use near::{NearCache, NearStats};
pub use outcome::{Applied, Capabilities, Created, Found, Guard, KeyRules, Loaded, Rotated, Token, Written};

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::record::{Patch, Record, StoreKey};

/// How long a rotated record remembers its previous key (see [`Loaded::Superseded`]).
pub const SUPERSEDED_FOR: Duration = Duration::from_secs(10);

/// Where sessions are kept.
///
/// Each method takes the time as `now`, and decides by it alone; a store looks at no clock. An expired record is, to all
/// of them, not there ([`Record::is_live`]). No method may report success before the change is as durable as the store
/// promises. Where there is more than one reason to refuse, any of them may be told.
pub trait Store: Debug + Send + Sync + 'static {
    /// Finds the record of a key.
    ///
    /// Where no live record has the key, but one had it, was rotated away from it less than [`SUPERSEDED_FOR`] ago, and
    /// lives: [`Loaded::Superseded`]. It changes nothing: an expired record is missing, and
    /// is not deleted here.
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded>;

    /// Finds the record of a key as [`load`](Store::load) does, but never by a copy that may be out of date.
    ///
    /// Only a store that keeps copies has anything to do here, and one that wraps another passes it on.
    fn load_fresh<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.load(key, now)
    }

    /// Inserts a record: the only method that may.
    ///
    /// [`Created::Taken`] if any record has the key already, and then nothing is changed.
    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created>;

    /// Changes the live record of a key, all of the patch or nothing ([`Patch::apply_to`] says what it amounts to).
    ///
    /// Never inserts: without a live record it is [`Applied::Gone`].
    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied>;

    /// Gives the live record of the key `old` the key `new`, and applies a patch in the same step.
    ///
    /// At no moment do both keys find it. Where a record has the key `new` already, it is [`Rotated::Taken`] and nothing
    /// is changed.
    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated>;

    /// Removes the record of a key for good; tells whether a live one was there. That none was is fine.
    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool>;

    /// Removes expired records, at most `limit` of them; tells how many. Never a live one.
    ///
    /// Nothing depends on it but space: a store may collect its garbage otherwise and answer 0.
    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize>;

    /// What this store does beyond the contract, or can't do in one step.
    fn capabilities(&self) -> Capabilities;

    /// The store's [`Directory`], if it has one.
    fn directory(&self) -> Option<&dyn Directory> {
        None
    }

    /// The store's [`Export`], if it has one.
    fn export(&self) -> Option<&dyn Export> {
        None
    }

    /// Looks at the settings that the store's guarantees rest on, for an operator. It changes nothing; a store that has nothing
    /// to look at finds nothing.
    ///
    /// An error only if the store can't be reached. What it may not look at is a finding.
    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        StoreFuture::ready(Ok(Vec::new()))
    }

    /// The store's [`Feed`], if it has one. A store that wraps another one passes its feed on.
    fn feed(&self) -> Option<&dyn Feed> {
        None
    }
}

/// A shared store is a store: it can be handed to several layers, and kept by the application.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        (**self).load(key, now)
    }

    fn load_fresh<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        (**self).load_fresh(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        (**self).create(key, record, now)
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        (**self).apply(key, patch, guard, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        (**self).rotate(old, new, patch, guard, now)
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        (**self).destroy(key, now)
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        (**self).sweep(limit, now)
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        (**self).directory()
    }

    fn export(&self) -> Option<&dyn Export> {
        (**self).export()
    }

    fn checkup(&self) -> StoreFuture<'_, Vec<Finding>> {
        (**self).checkup()
    }

    fn feed(&self) -> Option<&dyn Feed> {
        (**self).feed()
    }
}
