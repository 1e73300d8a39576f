//! Records as one store hands them to another.

use std::fmt;
use std::sync::Arc;

use super::{Created, Store, StoreError, StoreErrorKind, StoreFuture, Token};
use crate::clock::Timestamp;
use crate::record::{Handle, IdError, Record, SessionId, StoreKey};

/// Hands out whole records, for a move to another store and for a backup.
///
/// It sees live records only. There is nothing for the way back: [`Exported::import_into`] calls
/// [`Store::create`], so an import overwrites nothing.
pub trait Export: fmt::Debug + Send + Sync {
    /// What this store knows its records by.
    fn names(&self) -> Names;

    /// About `limit` records of anybody, beginning behind `after`, in an order of the store's own.
    ///
    /// A session that lives under one id all the while is in at least one batch, and may be in more than one. Where
    /// [`next`](Batch::next) is none, there are no more; a batch without records may have a next one.
    fn records<'a>(&'a self, after: Option<&'a Cursor>, limit: usize, now: Timestamp) -> StoreFuture<'a, Batch>;
}

/// What a store knows its records by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The session ids themselves, as a format that is not its own choice has it: what it hands out are credentials.
    Ids,
    /// Their digests alone, from which nobody can learn an id. It never asks a key for its
    /// [`plain`](StoreKey::plain) id.
    Digests,
}

/// Some records of a store.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Batch {
    /// The records.
    pub records: Vec<Exported>,
    /// How many it has passed over because they can't be read.
    pub unreadable: u64,
    /// Where the next batch begins; none behind the last one.
    pub next: Option<Cursor>,
}

impl Batch {
    /// A batch of these records, and where the next one begins.
    pub fn new(records: Vec<Exported>, next: Option<Cursor>) -> Batch {
        Batch { records, unreadable: 0, next }
    }

    /// And how many more can't be read.
    #[must_use]
    pub fn with_unreadable(self, unreadable: u64) -> Batch {
        Batch { unreadable, ..self }
    }
}

/// A place in a store's own order. It may hold a session id, so it can't be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// A place by whatever its store writes it down as.
    pub fn new(text: impl Into<Arc<str>>) -> Cursor {
        Cursor(text.into())
    }

    /// The text that it was made of.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(…)")
    }
}

/// A record with the name that its store knows it by.
///
/// ```
/// use cloakroom::{Handle, Timestamp, record::Record, store::{Exported, Imported, MemoryStore, Names}};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let at = Timestamp::from_millis;
/// let exported = Exported::of_digest([7; 32], Handle::new("h"), Record::new(at(0), at(10), at(20)));
/// // The memory store finds its records by their ids, and a digest tells none.
/// assert!(matches!(exported.import_into(&MemoryStore::new(), at(1)).await?, Imported::NeedsId));
/// # Ok::<(), cloakroom::store::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exported {
    key: StoreKey,
    token: Option<Token>,
    /// The record.
    pub record: Record,
    /// The public name that it has in that store.
    pub handle: Handle,
}

impl Exported {
    /// A record by the SHA-256 of its session id.
    pub fn of_digest(digest: [u8; 32], handle: Handle, record: Record) -> Exported {
        Exported { key: StoreKey::from_digest(digest), token: None, record, handle }
    }

    /// A record by its session id: a credential.
    ///
    /// # Errors
    ///
    /// If the id is empty.
    pub fn of_id(id: &str, handle: Handle, record: Record) -> Result<Exported, IdError> {
        if id.is_empty() {
            return Err(IdError::empty());
        }
        Ok(Exported { key: StoreKey::from(SessionId::from_ticket(id)), token: None, record, handle })
    }

    /// A record by the key that its store has.
    pub(crate) fn of_key(key: StoreKey, handle: Handle, record: Record) -> Exported {
        Exported { key, token: None, record, handle }
    }

    /// And the state that the record is in, as [`load`](Store::load) would tell it. A [`MovingStore`](super::MovingStore) then need
    /// not read it again.
    #[must_use]
    pub fn with_token(self, token: Token) -> Exported {
        Exported { token: Some(token), ..self }
    }

    /// The state that the record was in, if its store has told it.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The session id, if the store keeps it: a credential. Never log it.
    pub fn id(&self) -> Option<&str> {
        self.key.has_id().then(|| self.key.plain())
    }

    /// SHA-256 of the session id.
    pub fn digest(&self) -> &[u8; 32] {
        self.key.digest()
    }

    pub(crate) fn key(&self) -> &StoreKey {
        &self.key
    }

    /// Stores it in another store, where there is none of that name.
    ///
    /// # Errors
    ///
    /// As [`Store::create`].
    pub async fn import_into(&self, store: &dyn Store, now: Timestamp) -> Result<Imported, StoreError> {
        if !self.record.is_live(now) {
            return Ok(Imported::Over);
        }
        if !can_name(store, &self.key) {
            return Ok(Imported::NeedsId);
        }
        let rules = store.capabilities().keys;
        if !self.record.data.iter().all(|(key, value)| rules.allow(key) && rules.allow_in(value)) {
            return Ok(Imported::Unfit);
        }
        Ok(match store.create(&self.key, &self.record, now).await? {
            Created::Done { handle, .. } => Imported::Done { handle },
            Created::Taken => Imported::Taken,
        })
    }

    /// Ends the session in the store that it comes from; tells whether it still lived there, under that name.
    ///
    /// # Errors
    ///
    /// As [`Store::destroy`], and if the store knows its records by other names.
    pub async fn end_in(&self, store: &dyn Store, now: Timestamp) -> Result<bool, StoreError> {
        if can_name(store, &self.key) { store.destroy(&self.key, now).await } else { Err(needs_id()) }
    }

    /// What the store has under that name by now, [without notes](Exported::without_notes); none if nothing lives there.
    ///
    /// # Errors
    ///
    /// As [`Store::load_fresh`], and if the store knows its records by other names.
    pub async fn look_up_in(&self, store: &dyn Store, now: Timestamp) -> Result<Option<Record>, StoreError> {
        if !can_name(store, &self.key) {
            return Err(needs_id());
        }
        Ok(match store.load_fresh(&self.key, now).await? {
            super::Loaded::Found(found) => Some(super::moving::without_notes(found.record)),
            super::Loaded::Superseded | super::Loaded::Missing => None,
        })
    }
}

/// What became of a record that was to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is stored.
    Done {
        /// The public name that it has there.
        handle: Handle,
    },
    /// Another record has its name; it was left as it is.
    Taken,
    /// It has ended.
    Over,
    /// The store keeps session ids, and this is known by its digest alone.
    NeedsId,
    /// It has a key that the store [can't keep](super::Capabilities::keys).
    Unfit,
}

/// Whether a store can be asked with a key.
pub(crate) fn can_name(store: &dyn Store, key: &StoreKey) -> bool {
    key.has_id() || store.export().is_some_and(|export| export.names() == Names::Digests)
}

pub(crate) fn needs_id() -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, "the store keeps session ids, and this session is known by a digest")
}
