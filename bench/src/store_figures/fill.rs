//! Sessions to measure with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use cloakroom::record::{Data, Record, StoreKey, Value};
use cloakroom::store::{Created, Store};
use cloakroom::{Timestamp, UserId};
use tokio::task::JoinSet;

use crate::calls::now;

/// So many calls at once: enough for a database to take their commits together.
const AT_ONCE: usize = 256;

/// Makes new sessions, which are idle for so long at most, until there are so many keys.
pub(crate) async fn up_to(
    store: &Arc<dyn Store>,
    keys: &mut Vec<StoreKey>,
    count: usize,
    idle: Duration,
) -> Result<()> {
    let missing = count.saturating_sub(keys.len());
    let mut tasks = JoinSet::new();
    for part in parts(missing) {
        let store = store.clone();
        tasks.spawn(async move {
            let mut made = Vec::with_capacity(part);
            for _ in 0..part {
                let key = StoreKey::generate()?;
                match store.create(&key, &record(now(), idle)?, now()).await? {
                    Created::Done { .. } => made.push(key),
                    Created::Taken => bail!("a new session was refused"),
                }
            }
            Ok(made)
        });
    }
    while let Some(made) = tasks.join_next().await {
        keys.extend(made??);
    }
    Ok(())
}

/// Ends sessions.
pub(crate) async fn remove(store: &Arc<dyn Store>, keys: Vec<StoreKey>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for part in keys.chunks(keys.len() / AT_ONCE + 1) {
        let (store, part) = (store.clone(), part.to_vec());
        tasks.spawn(async move {
            for key in part {
                store.destroy(&key, now()).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(removed) = tasks.join_next().await {
        removed??;
    }
    Ok(())
}

/// A session of a shop: a user, a cart, some small values.
pub(crate) fn record(at: Timestamp, idle: Duration) -> Result<Record> {
    let mut record = Record::new(at, at + idle, at + idle * 4);
    let data: Data = [
        ("cart", Value::from_json(r#"[{"id":4711,"count":2},{"id":815,"count":1}]"#)?),
        ("token", Value::from_json(r#""dGhpcyBpcyBhIHRva2VuIG9mIHNvbWUgbGVuZ3Ro""#)?),
        ("theme", Value::from_json(r#""light""#)?),
        ("visits", Value::from(1)),
    ]
    .into_iter()
    .collect();
    record.data = Arc::new(data);
    record.user = Some(a_user()?);
    Ok(record)
}

/// One of sixteen million.
pub(crate) fn a_user() -> Result<UserId> {
    Ok(UserId::new(format!("user-{}", &StoreKey::generate()?.plain()[..4]))?)
}

/// So many, in parts of almost the same size.
fn parts(count: usize) -> impl Iterator<Item = usize> {
    (0..AT_ONCE).map(move |part| count / AT_ONCE + usize::from(part < count % AT_ONCE))
}
