//! Documents without a server, as bytes: for the project's own fuzz targets, and for nothing else. It may change with any
//! release.

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{Found, StoreError};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf};

use crate::ExpressLayout;
use crate::error::{corrupt, no_bson};
use crate::express::{self, Reading};
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

/// What a load makes of a document of Express; none if it counts as missing.
///
/// # Errors
///
/// If it is no document, or has fields of ours that are not as we write them.
pub fn read_express(document: &[u8], layout: &ExpressLayout, now: Timestamp) -> Result<Option<Found>, StoreError> {
    let document = RawDocument::from_bytes(document).map_err(|_| corrupt(layout::ID))?;
    Ok(match express::read(document, layout, now)? {
        Reading::Live(found) => Some(found),
        Reading::Over | Reading::Broken => None,
    })
}

/// The document that a new record is stored as beside those of Express.
///
/// # Errors
///
/// If a key of it means something to Express.
pub fn write_express(
    key: &StoreKey,
    record: &Record,
    layout: &ExpressLayout,
    now: Timestamp,
) -> Result<Vec<u8>, StoreError> {
    Ok(express::new(key, record, layout, now)?.into_bytes())
}

fn bytes(document: &Document) -> Result<Vec<u8>, StoreError> {
    Ok(RawDocumentBuf::try_from(document).map_err(|_| no_bson())?.into_bytes())
}
