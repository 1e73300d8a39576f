//! The collection's indexes.

use std::time::Duration;

use cloakroom::store::StoreError;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use crate::error::{Call, code};

/// The server's own clock decides about a TTL index. This much it may be ahead without ending a session that lives.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

/// An index with these options can't be beside one that is there: CannotCreateIndex, IndexOptionsConflict,
/// IndexKeySpecsConflict.
const IN_THE_WAY: [i32; 3] = [67, 85, 86];

/// Creates what is missing. Servers that start at once may all do so: equal index builds join each other.
///
/// Without the one that keeps the field `key` unique, if one is asked for, there is no store; the others save time and space.
pub(crate) async fn ensure(
    documents: &Collection<RawDocumentBuf>,
    key: Option<&str>,
    others: Vec<IndexModel>,
) -> Result<(), StoreError> {
    match documents.create_indexes(key.map(unique).into_iter().chain(others.iter().cloned())).await {
        Ok(_) => return Ok(()),
        Err(error) if !is_in_the_way(&error) => return Err(Call::Read.failed(&error)),
        Err(_) => {}
    }
    // One that can't be keeps the whole command from all others, so each goes alone.
    if let Some(key) = key
        && let Err(error) = documents.create_index(unique(key)).await
        && (!is_in_the_way(&error) || !has_unique(documents, key).await?)
    {
        return Err(Call::Read.failed(&error));
    }
    for index in others {
        let keys = index.keys.clone();
        match documents.create_index(index).await {
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
fn unique(key: &str) -> IndexModel {
    let options = IndexOptions::builder().unique(true).partial_filter_expression(exists(key));
    IndexModel::builder().keys(doc! { key: 1 }).options(options.build()).build()
}

/// An index of those records that have its first field.
pub(crate) fn partial(keys: Document) -> IndexModel {
    let first = keys.keys().next().map(|field| exists(field));
    let options = IndexOptions::builder().partial_filter_expression(first).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// An index by which the server removes records, so long after the time in a field.
pub(crate) fn garbage(field: &str, after: Duration) -> IndexModel {
    let options = IndexOptions::builder().expire_after(after).build();
    IndexModel::builder().keys(doc! { field: 1 }).options(options).build()
}

fn exists(field: &str) -> Document {
    doc! { field: { "$exists": true } }
}

fn is_in_the_way(error: &Error) -> bool {
    code(error).is_some_and(|code| IN_THE_WAY.contains(&code))
}

/// Whether an index of somebody else's keeps the key unique.
async fn has_unique(documents: &Collection<RawDocumentBuf>, key: &str) -> Result<bool, StoreError> {
    let failed = |error: Error| Call::Read.failed(&error);
    let mut indexes = documents.list_indexes().await.map_err(failed)?;
    while indexes.advance().await.map_err(failed)? {
        let index = indexes.deserialize_current().map_err(failed)?;
        let unique = index.options.and_then(|options| options.unique).unwrap_or(false);
        if unique && index.keys.len() == 1 && index.keys.contains_key(key) {
            return Ok(true);
        }
    }
    Ok(false)
}
