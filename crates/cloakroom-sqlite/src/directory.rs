//! Whose sessions there are.

use cloakroom::Timestamp;
use cloakroom::record::{Handle, UserId};
use cloakroom::store::{Directory, Entry, StoreFuture};
use rusqlite::{Connection, Params, params};

use crate::SqliteStore;
use crate::error::Fault;
use crate::row::{COLUMNS, Stored, id_of};

/// What [`Record::is_live`](cloakroom::record::Record::is_live) says, in SQL; the time is the first parameter.
const LIVE: &str = "idle_end > ?1 AND absolute_end > ?1";

impl Directory for SqliteStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let user = user.clone();
        StoreFuture::new(self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM session WHERE user = ?2 AND {LIVE} ORDER BY seen DESC");
            entries(connection, &sql, params![now.as_millis(), user.as_str()])
        }))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        let user = user.clone();
        StoreFuture::new(self.read(move |connection| {
            let sql = format!("SELECT count(*) FROM session WHERE user = ?2 AND {LIVE}");
            let mut count = connection.prepare_cached(&sql)?;
            let count: i64 = count.query_row(params![now.as_millis(), user.as_str()], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        }))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        let Some(id) = id_of(handle) else { return StoreFuture::ready(Ok(false)) };
        let user = user.clone();
        StoreFuture::new(self.write(move |connection| {
            let sql = format!("DELETE FROM session WHERE id = ?3 AND user = ?2 AND {LIVE}");
            let mut delete = connection.prepare_cached(&sql)?;
            Ok(delete.execute(params![now.as_millis(), user.as_str(), id])? > 0)
        }))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        let (user, except) = (user.clone(), except.and_then(id_of));
        StoreFuture::new(self.write(move |connection| {
            let sql = format!("DELETE FROM session WHERE user = ?2 AND id IS NOT ?3 AND {LIVE}");
            let mut delete = connection.prepare_cached(&sql)?;
            Ok(delete.execute(params![now.as_millis(), user.as_str(), except])? as u64)
        }))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let after = match after.map(id_of) {
            None => -1,
            Some(Some(id)) => id,
            // A handle that no session can have has no place in their order.
            Some(None) => return StoreFuture::ready(Ok(Vec::new())),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        StoreFuture::new(self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM session WHERE id > ?2 AND {LIVE} ORDER BY id LIMIT ?3");
            entries(connection, &sql, params![now.as_millis(), after, limit])
        }))
    }
}

fn entries(connection: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<Entry>, Fault> {
    let mut find = connection.prepare_cached(sql)?;
    let mut rows = find.query(parameters)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(Stored::without_data(row)?.entry());
    }
    Ok(entries)
}
