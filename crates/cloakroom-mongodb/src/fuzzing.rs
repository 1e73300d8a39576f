//! Documents without a server, as bytes: for the project's own fuzz targets, and for nothing else. It may change with any
//! release.

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{Found, StoreError};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf};

use crate::error::{corrupt, no_bson};
use crate::layout;
use crate::update::Update;

/// What a load makes of a document that the server sends.
///
/// # Errors
///
/// If it is no record.
pub fn read(document: &[u8]) -> Result<Found, StoreError> {
    layout::found(RawDocument::from_bytes(document).map_err(|_| corrupt(layout::ID))?)
}

/// The document that a new record is stored as.
///
/// # Errors
///
/// If BSON has no word for it.
pub fn write(id: [u8; 12], key: &StoreKey, record: &Record) -> Result<Vec<u8>, StoreError> {
    bytes(&layout::document(ObjectId::from_bytes(id), key, record)?)
}

/// The update that a patch becomes.
///
/// # Errors
///
/// If BSON has no word for it.
pub fn update(patch: &Patch, now: Timestamp) -> Result<Vec<u8>, StoreError> {
    bytes(&Update::new(patch, now)?.document())
}

fn bytes(document: &Document) -> Result<Vec<u8>, StoreError> {
    Ok(RawDocumentBuf::try_from(document).map_err(|_| no_bson())?.into_bytes())
}
