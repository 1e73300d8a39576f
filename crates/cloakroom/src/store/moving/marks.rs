//! What a move writes into the metadata of the records.

use std::sync::Arc;

use super::super::{SUPERSEDED_FOR, StoreError, StoreErrorKind};
use crate::clock::Timestamp;
use crate::record::{Data, Handle, Patch, Record, SessionId, StoreKey, Value, ValueError};

/// In the old store: the id of the copy. It is no session's own id, and nobody has a ticket for it.
const MOVED_TO: &str = "cloakroom moved to";

/// In the old store: when it was given another key there.
const TURNED: &str = "cloakroom turned";

/// In the new store: the handle that the session had in the old one.
const MOVED_FROM: &str = "cloakroom moved from";

/// In the new store: it is a copy that has not got the session's key yet.
const ARRIVING: &str = "cloakroom arriving";

/// Where a record of the old store has moved, if it has.
pub(super) fn destination(metadata: &Data) -> Result<Option<StoreKey>, StoreError> {
    let Some(id) = metadata.get(MOVED_TO) else { return Ok(None) };
    let id: String = id.deserialize().map_err(|error| StoreError::with_source(StoreErrorKind::Corrupt, error))?;
    Ok(Some(StoreKey::from(SessionId::from_ticket(&id))))
}

pub(super) fn is_moved(metadata: &Data) -> bool {
    metadata.get(MOVED_TO).is_some()
}

pub(super) fn moved_to(copy: &StoreKey) -> Result<Patch, StoreError> {
    let mut patch = Patch::default();
    patch.set_metadata(MOVED_TO, Value::serialize(copy.plain()).map_err(unusable)?);
    Ok(patch)
}

pub(super) fn copy_of(mut record: Record, from: &Handle) -> Result<Record, StoreError> {
    hide(&mut record.metadata);
    let metadata = Arc::make_mut(&mut record.metadata);
    metadata.insert(MOVED_FROM, Value::serialize(from.as_str()).map_err(unusable)?);
    metadata.insert(ARRIVING, Value::from(1));
    Ok(record)
}

/// A patch that also says that the record is given another key in the old store.
pub(super) fn turned(patch: &Patch, now: Timestamp) -> Patch {
    let mut patch = patch.clone();
    patch.set_metadata(TURNED, Value::from(now.as_millis()));
    patch
}

/// Whether the old store still remembers the key that a record had before, which a move would forget.
pub(super) fn is_just_turned(metadata: &Data, now: Timestamp) -> bool {
    let turned = metadata.get(TURNED).and_then(Value::as_i64).map(Timestamp::from_millis);
    // What is far ahead was said by a clock that has been set back since.
    turned.is_some_and(|turned| now < turned + SUPERSEDED_FOR && turned < now + SUPERSEDED_FOR)
}

pub(super) fn landed() -> Patch {
    let mut patch = Patch::default();
    patch.unset_metadata(ARRIVING);
    patch
}

pub(super) fn is_arriving(metadata: &Data) -> bool {
    metadata.get(ARRIVING).is_some()
}

pub(super) fn is_from(metadata: &Data, handle: &Handle) -> bool {
    origin(metadata).as_ref() == Some(handle)
}

pub(super) fn origin(metadata: &Data) -> Option<Handle> {
    metadata.get(MOVED_FROM)?.deserialize::<String>().ok().map(Handle::new)
}

/// Removes the marks, which are nobody else's business.
pub(super) fn hide(metadata: &mut Arc<Data>) {
    for mark in [MOVED_TO, TURNED, MOVED_FROM, ARRIVING] {
        if metadata.get(mark).is_some() {
            Arc::make_mut(metadata).remove(mark);
        }
    }
}

fn unusable(error: ValueError) -> StoreError {
    StoreError::with_source(StoreErrorKind::Other, error)
}
