//! The collection's indexes.

use std::time::Duration;

use cloakroom::store::StoreError;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use crate::error::{Call, code};
use crate::layout;

/// The server's own clock decides about a TTL index. This much it may be ahead without ending a session that lives.
const GRACE: Duration = Duration::from_secs(60);

/// An index with these options can't be beside one that is there: CannotCreateIndex, IndexOptionsConflict,
/// IndexKeySpecsConflict.
const IN_THE_WAY: [i32; 3] = [67, 85, 86];

/// Creates what is missing. Servers that start at once may all do so: equal index builds join each other.
pub(crate) async fn ensure(records: &Collection<RawDocumentBuf>) -> Result<(), StoreError> {
    match records.create_indexes([unique_key()].into_iter().chain(others())).await {
        Ok(_) => return Ok(()),
        Err(error) if !is_in_the_way(&error) => return Err(Call::Read.failed(&error)),
        Err(_) => {}
    }
    // One that can't be keeps the whole command from all others, so each goes alone.
    if let Err(error) = records.create_index(unique_key()).await
        && (!is_in_the_way(&error) || !has_unique_key(records).await?)
    {
        return Err(Call::Read.failed(&error));
    }
    for index in others() {
        let keys = index.keys.clone();
        match records.create_index(index).await {
            Ok(_) => {}
            Err(error) if is_in_the_way(&error) => {
                tracing::warn!(%keys, code = code(&error), "another index stands in the way of one of the sessions'");
            }
            Err(error) => return Err(Call::Read.failed(&error)),
        }
    }
    Ok(())
}

/// No two records have one key: what `create` and `rotate` rest on.
fn unique_key() -> IndexModel {
    let options = IndexOptions::builder().unique(true).partial_filter_expression(exists(layout::KEY));
    IndexModel::builder().keys(doc! { layout::KEY: 1 }).options(options.build()).build()
}

fn others() -> [IndexModel; 4] {
    let index = |keys: Document, options: IndexOptions| IndexModel::builder().keys(keys).options(options).build();
    let partial = |field| IndexOptions::builder().partial_filter_expression(exists(field)).build();
    let garbage = || IndexOptions::builder().expire_after(GRACE).build();
    [
        index(doc! { layout::PREVIOUS: 1 }, partial(layout::PREVIOUS)),
        index(doc! { layout::IDLE_END: 1 }, garbage()),
        // A session whose idle end lies far behind its absolute one, or that has none, is garbage at the absolute end.
        index(doc! { layout::ABSOLUTE_END: 1 }, garbage()),
        index(doc! { layout::USER: 1, layout::IDLE_END: 1 }, partial(layout::USER)),
    ]
}

fn exists(field: &str) -> Document {
    doc! { field: { "$exists": true } }
}

fn is_in_the_way(error: &Error) -> bool {
    code(error).is_some_and(|code| IN_THE_WAY.contains(&code))
}

/// Whether an index of somebody else's keeps the key unique.
async fn has_unique_key(records: &Collection<RawDocumentBuf>) -> Result<bool, StoreError> {
    let failed = |error: Error| Call::Read.failed(&error);
    let mut indexes = records.list_indexes().await.map_err(failed)?;
    while indexes.advance().await.map_err(failed)? {
        let index = indexes.deserialize_current().map_err(failed)?;
        let unique = index.options.and_then(|options| options.unique).unwrap_or(false);
        if unique && index.keys.len() == 1 && index.keys.contains_key(layout::KEY) {
            return Ok(true);
        }
    }
    Ok(false)
}
